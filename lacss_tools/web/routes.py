"""A page and its addresses: each begins with a token, and no path of a file comes from a request."""

import secrets
from collections.abc import Callable
from json import JSONDecodeError
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from lacss_tools.errors import LacssError
from lacss_tools.screen.flags import in_flags
from lacss_tools.web.bodies import ConflictError
from lacss_tools.web.guard import guards
from lacss_tools.web.serve import SHARED

FRESH = {"cache-control": "no-store"}


def new_token() -> str:
    """Return the first part of the addresses of a page, which nobody can guess."""
    return secrets.token_urlsafe(16)


def application(token: str, static: Path, routes: list[Route]) -> Starlette:
    """Return the page index.html of a folder, its scripts and those shared, and `routes`; anything else is 404."""
    assets = {
        path.name: path for folder in (SHARED, static) for path in folder.iterdir() if path.suffix in (".css", ".js")
    }

    def page(request: Request) -> Response:
        return FileResponse(static / "index.html", headers=FRESH)

    def asset(request: Request) -> Response:
        path = assets.get(request.path_params["name"])
        return PlainTextResponse("not found", 404) if path is None else FileResponse(path, headers=FRESH)

    inside = [Route("/", page), *routes, Route("/{name}", asset)]
    return Starlette(routes=[Mount(f"/{token}", routes=inside)], middleware=guards())


def json_route(path: str, read: Callable[[Request], object]) -> Route:
    """Return the address of what `read` returns, as JSON."""

    async def answer(request: Request) -> Response:
        return await _attempt(lambda: JSONResponse(read(request), headers=FRESH))

    return Route(path, answer)


def bytes_route(path: str, read: Callable[[Request], bytes], kind: str = "application/octet-stream") -> Route:
    """Return the address of bytes."""

    async def answer(request: Request) -> Response:
        return await _attempt(lambda: Response(read(request), media_type=kind, headers=FRESH))

    return Route(path, answer)


def post_route(path: str, act: Callable[[int, object], object]) -> Route:
    """Return the address of an action on image `k`, given the body that was sent; None for one that is no JSON."""

    async def answer(request: Request) -> Response:
        try:
            body = await request.json()
        except (JSONDecodeError, UnicodeDecodeError, RecursionError):
            body = None
        return await _attempt(lambda: JSONResponse(act(number_of(request), body), headers=FRESH))

    return Route(path, answer, methods=["POST"])


def number_of(request: Request) -> int:
    """Return which image an address names."""
    return int(request.path_params.get("k", 0))


async def _attempt(action: Callable[[], Response]) -> Response:
    try:
        return await run_in_threadpool(action)
    except ConflictError as error:
        return JSONResponse({"error": in_flags(str(error))}, 409)
    except LacssError as error:
        return JSONResponse({"error": in_flags(str(error))}, 400)
