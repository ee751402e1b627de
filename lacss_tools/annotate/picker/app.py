"""The picker's web application: a page, pictures by image number, and three actions. No path comes from a request."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lacss_tools.annotate.pick_steps import Session, load_choices, restore, save_pick
from lacss_tools.annotate.picker.render import outline, picture
from lacss_tools.annotate.picks import Pick
from lacss_tools.annotate.quality import score_candidates
from lacss_tools.errors import LacssError

STATIC = Path(__file__).parent / "static"
ASSETS = {"": "index.html", "picker.css": "picker.css", "picker.js": "picker.js"}
LOCAL = ["127.0.0.1", "localhost"]
MAX_BODY = 10_000


@dataclass
class Picker:
    """The session, the token that the address must hold, and the history for undo."""

    session: Session
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    history: list[tuple[str, Pick | None]] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """Return what the page shows of all images."""
        picks = self.session.picks
        rows = [{"stem": s, "choice": picks[s].choice if s in picks else None} for s in self.session.stems]
        return {"images": rows, "undo": len(self.history)}


class SameOrigin:
    """Refuses requests that another page sends: a foreign Origin header, or too large a body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403 or 413."""
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope.get("headers", [])}
        origin, length = headers.get("origin"), headers.get("content-length", "0")
        if origin is not None and origin != f"http://{headers.get('host')}":
            await PlainTextResponse("foreign origin", 403)(scope, receive, send)
        elif "transfer-encoding" in headers or not length.isdigit() or int(length) > MAX_BODY:
            await PlainTextResponse("body too large", 413)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def make_app(picker: Picker) -> Starlette:
    """Return the application; every address starts with the token, anything else is 404."""
    base = f"/{picker.token}"

    async def asset(request: Request) -> Response:
        name = ASSETS.get(request.path_params.get("name", ""))
        return FileResponse(STATIC / name) if name else PlainTextResponse("not found", 404)

    async def state(request: Request) -> Response:
        return JSONResponse(picker.state())

    async def details(request: Request) -> Response:
        return await _answer(_details, picker, request.path_params["k"])

    async def pixels(request: Request) -> Response:
        return await _answer(_pixels, picker, request.path_params["k"], request.path_params["layer"])

    async def choose(request: Request) -> Response:
        body = await request.json()
        return await _answer(_choose, picker, request.path_params["k"], body.get("choice"))

    async def undo(request: Request) -> Response:
        return await _answer(_undo, picker)

    routes = [
        Route(f"{base}/", asset),
        Route(f"{base}/api/state", state),
        Route(f"{base}/api/image/{{k:int}}", details),
        Route(f"{base}/api/image/{{k:int}}/{{layer:int}}.png", pixels),
        Route(f"{base}/api/image/{{k:int}}/choose", choose, methods=["POST"]),
        Route(f"{base}/api/undo", undo, methods=["POST"]),
        Route(f"{base}/{{name}}", asset),
    ]
    guards = [Middleware(TrustedHostMiddleware, allowed_hosts=LOCAL, www_redirect=False), Middleware(SameOrigin)]
    return Starlette(routes=routes, middleware=guards)


async def _answer(action: Any, *arguments: Any) -> Response:
    try:
        response: Response = await run_in_threadpool(action, *arguments)
    except (LacssError, KeyError, IndexError, ValueError) as error:
        return JSONResponse({"error": str(error)}, 400)
    return response


def _details(picker: Picker, k: int) -> Response:
    choices = load_choices(picker.session, picker.session.stems[k])
    scores = score_candidates(choices.masks, choices.lois)
    return JSONResponse(
        {
            "size": choices.image.shape[1:],
            "thresholds": choices.thresholds,
            "lois": choices.lois.round(1).tolist(),
            "suggestion": choices.suggestion(),
            "scores": scores.round(3).tolist(),
            "areas": choices.masks.mean(axis=(1, 2)).round(3).tolist(),
        }
    )


def _pixels(picker: Picker, k: int, layer: int) -> Response:
    choices = load_choices(picker.session, picker.session.stems[k])
    data = picture(choices.image) if layer == 0 else outline(choices.masks[layer - 1])
    return Response(data, media_type="image/png", headers={"cache-control": "private, max-age=3600"})


def _choose(picker: Picker, k: int, choice: object) -> Response:
    if not (choice is None or (isinstance(choice, int) and not isinstance(choice, bool))):
        raise ValueError("choice must be a candidate number, or null to reject the image")
    stem = picker.session.stems[k]
    before = picker.session.picks.get(stem)
    save_pick(picker.session, stem, choice)
    picker.history.append((stem, before))
    return JSONResponse(picker.state())


def _undo(picker: Picker) -> Response:
    if not picker.history:
        raise ValueError("nothing to undo")
    stem, before = picker.history.pop()
    restore(picker.session, stem, before)
    return JSONResponse(picker.state() | {"at": picker.session.stems.index(stem)})
