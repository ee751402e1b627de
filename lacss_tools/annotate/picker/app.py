"""The picker's web application: a page, pictures by image number, and two actions. No path comes from a request."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from json import JSONDecodeError
from pathlib import Path
from threading import Lock
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lacss_tools.annotate.pick_steps import Before, Choices, Session, load_choices, restore, save_pick
from lacss_tools.annotate.picker.guard import guards
from lacss_tools.annotate.picker.render import SIDES, outline, picture
from lacss_tools.errors import InputError, LacssError

STATIC = Path(__file__).parent / "static"
ASSETS = {"": "index.html", "picker.css": "picker.css", "picker.js": "picker.js"}
KEPT = 4
"""images in memory: the one on show and those that the page fetches ahead"""
OWN = "own"
"""what the page calls a mask that was made elsewhere"""


@dataclass
class Picker:
    """The session, the token that the address must hold, the history for undo, and the images last looked at."""

    session: Session
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    history: list[Before] = field(default_factory=list)
    saving: Lock = field(default_factory=Lock)
    loading: Lock = field(default_factory=Lock)
    loaded: dict[str, Choices] = field(default_factory=dict)

    def stem(self, k: int) -> str:
        """Return the name of image number `k`."""
        if k >= len(self.session.stems):
            raise InputError(f"There is no image {k}. Reload the page.")
        return self.session.stems[k]

    def choices(self, k: int) -> Choices:
        """Return what belongs to image number `k`, read once for the dozen pictures that the page asks for."""
        stem = self.stem(k)
        with self.loading:
            if stem not in self.loaded:
                self.loaded[stem] = load_choices(self.session, stem)
                for old in list(self.loaded)[:-KEPT]:
                    del self.loaded[old]
            return self.loaded[stem]

    def state(self) -> dict[str, Any]:
        """Return what the page shows of all images."""
        return {"images": [{"stem": s, "choice": self._choice(s)} for s in self.session.stems]}

    def _choice(self, stem: str) -> str | None:
        if self.session.is_own(stem):
            return OWN
        return self.session.picks[stem].choice if self.session.is_decided(stem) else None


def make_app(picker: Picker) -> Starlette:
    """Return the application; every address starts with the token, anything else is 404."""
    base = f"/{picker.token}"

    async def asset(request: Request) -> Response:
        name = ASSETS.get(request.path_params.get("name", ""))
        return FileResponse(STATIC / name) if name else PlainTextResponse("not found", 404)

    async def state(request: Request) -> Response:
        return await _answer(lambda: JSONResponse(picker.state()))

    async def details(request: Request) -> Response:
        return await _answer(lambda: _details(picker, request.path_params["k"]))

    async def pixels(request: Request) -> Response:
        where = request.path_params
        return await _answer(lambda: _pixels(picker, where["k"], where["layer"], where["size"]))

    async def choose(request: Request) -> Response:
        try:
            body = await request.json()
        except (JSONDecodeError, UnicodeDecodeError):
            body = None
        return await _answer(lambda: _choose(picker, request.path_params["k"], body))

    async def undo(request: Request) -> Response:
        return await _answer(lambda: _undo(picker))

    routes = [
        Route(f"{base}/", asset),
        Route(f"{base}/api/state", state),
        Route(f"{base}/api/image/{{k:int}}", details),
        Route(f"{base}/api/image/{{k:int}}/{{layer:int}}/{{size}}.png", pixels),
        Route(f"{base}/api/image/{{k:int}}/choose", choose, methods=["POST"]),
        Route(f"{base}/api/undo", undo, methods=["POST"]),
        Route(f"{base}/{{name}}", asset),
    ]
    return Starlette(routes=routes, middleware=guards())


async def _answer(action: Callable[[], Response]) -> Response:
    try:
        return await run_in_threadpool(action)
    except LacssError as error:
        return JSONResponse({"error": str(error)}, 400)


def _details(picker: Picker, k: int) -> Response:
    choices = picker.choices(k)
    return JSONResponse(
        {
            "size": choices.image.shape[1:],
            "lois": choices.lois.round(1).tolist(),
            "suggestion": choices.suggestion(),
            "inside": choices.lois_inside(),
            "areas": choices.masks.mean(axis=(1, 2)).round(3).tolist(),
        }
    )


def _pixels(picker: Picker, k: int, layer: int, size: str) -> Response:
    choices = picker.choices(k)
    if layer > len(choices.masks) or size not in SIDES:
        raise InputError(f"There is no picture {layer}/{size} of image {k}. Reload the page.")
    data = picture(choices.image, size) if layer == 0 else outline(choices.masks[layer - 1], size)
    return Response(data, media_type="image/png", headers={"cache-control": "private, max-age=3600"})


def _choose(picker: Picker, k: int, body: object) -> Response:
    choice = body.get("choice", 0) if isinstance(body, dict) else 0
    if not (choice is None or (isinstance(choice, int) and not isinstance(choice, bool) and choice > 0)):
        raise InputError("A choice is a candidate number, or null to reject the image. Reload the page.")
    with picker.saving:
        picker.history.append(save_pick(picker.session, picker.stem(k), choice))
        return JSONResponse(picker.state())


def _undo(picker: Picker) -> Response:
    with picker.saving:
        if not picker.history:
            raise InputError("Nothing to undo since this start. Go back with the arrow and choose again.")
        before = picker.history[-1]
        restore(picker.session, before)
        picker.history.pop()
        return JSONResponse(picker.state() | {"at": picker.session.stems.index(before.stem)})
