"""The picker's web application: requests in, answers out. No path comes from a request."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from json import JSONDecodeError
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lacss_tools.annotate.pick.page.desk import ConflictError, Desk
from lacss_tools.annotate.pick.page.requests import parse_choice, parse_repair, parse_score, parse_threshold, parse_wish
from lacss_tools.annotate.pick.session import PickSession
from lacss_tools.errors import LacssError
from lacss_tools.web.guard import guards
from lacss_tools.web.serve import SHARED, Site

STATIC = Path(__file__).parent / "static"
ASSETS = {path.name: path for folder in (SHARED, STATIC) for path in folder.iterdir() if path.suffix in (".css", ".js")}
FRESH = {"cache-control": "no-store"}


@dataclass
class Picker:
    """The desk and the token that every address must hold."""

    session: PickSession
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(self.session)


def picker_site(session: PickSession) -> Site:
    """Return the picker, ready to be served."""
    picker = Picker(session)
    return Site(make_app(picker), picker.token, "Pick here")


def make_app(picker: Picker) -> Starlette:
    """Return the application; every address starts with the token, anything else is 404."""
    base, desk = f"/{picker.token}", picker.desk

    def page(request: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers=FRESH)

    def asset(request: Request) -> Response:
        path = ASSETS.get(request.path_params["name"])
        return PlainTextResponse("not found", 404) if path is None else FileResponse(path, headers=FRESH)

    routes = [
        Route(f"{base}/", page),
        Route(f"{base}/api/state", _json(lambda k, request: desk.state())),
        Route(f"{base}/api/scores", _json(lambda k, request: desk.shelf.score_some())),
        Route(f"{base}/api/image/{{k:int}}", _bytes(lambda k, request: desk.shelf.everything(k))),
        Route(f"{base}/api/image/{{k:int}}/dapi", _bytes(lambda k, request: desk.shelf.dapi(k))),
        Route(f"{base}/api/image/{{k:int}}/mask", _bytes(lambda k, request: desk.saved_mask(k))),
        Route(f"{base}/api/image/{{k:int}}/cut", _bytes(lambda k, request: desk.cut(k, _threshold(request)))),
        Route(
            f"{base}/api/image/{{k:int}}/thumbnail", _bytes(lambda k, request: desk.shelf.thumbnail(k), "image/jpeg")
        ),
        _post(f"{base}/api/image/{{k:int}}/choose", lambda k, b: desk.choose(k, parse_choice(b), parse_wish(b))),
        _post(f"{base}/api/image/{{k:int}}/repair", lambda k, b: desk.repair(k, parse_repair(b), parse_wish(b))),
        _post(f"{base}/api/accept", lambda k, b: desk.accept(parse_score(b), parse_wish(b))),
        _post(f"{base}/api/undo", lambda k, b: desk.undo(parse_wish(b))),
        Route(f"{base}/{{name}}", asset),
    ]
    return Starlette(routes=routes, middleware=guards())


def _threshold(request: Request) -> float:
    return parse_threshold(request.query_params.get("threshold", ""))


def _json(read: Callable[[int, Request], object]) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        k = request.path_params.get("k", 0)
        return await _attempt(lambda: JSONResponse(read(k, request), headers=FRESH))

    return answer


def _bytes(
    read: Callable[[int, Request], bytes], kind: str = "application/octet-stream"
) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        k = request.path_params["k"]
        return await _attempt(lambda: Response(read(k, request), media_type=kind, headers=FRESH))

    return answer


def _post(path: str, act: Callable[[int, object], object]) -> Route:
    async def answer(request: Request) -> Response:
        try:
            body = await request.json()
        except (JSONDecodeError, UnicodeDecodeError, RecursionError):
            body = None
        return await _attempt(lambda: JSONResponse(act(request.path_params.get("k", 0), body), headers=FRESH))

    return Route(path, answer, methods=["POST"])


async def _attempt(action: Callable[[], Response]) -> Response:
    try:
        return await run_in_threadpool(action)
    except ConflictError as error:
        return JSONResponse({"error": str(error)}, 409)
    except LacssError as error:
        return JSONResponse({"error": str(error)}, 400)
