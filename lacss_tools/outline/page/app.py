"""The web application of `lacss outline`: requests in, answers out."""

from pathlib import Path

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request

from lacss_tools.arrays import Points
from lacss_tools.outline.page.asked import parse_action, parse_place
from lacss_tools.outline.page.desk import Desk
from lacss_tools.web.bodies import parse_wish
from lacss_tools.web.routes import application, bytes_route, json_route, new_token, number_of, post_route
from lacss_tools.web.serve import Site

STATIC = Path(__file__).parent / "static"
INVITATION = "Outline here"


def outline_site(desk: Desk) -> Site:
    """Return the page, ready to be served."""
    token = new_token()
    return Site(make_app(desk, token), token, INVITATION)


def make_app(desk: Desk, token: str) -> Starlette:
    """Return the application; every address starts with the token, anything else is 404."""
    image, tile = "/api/image/{k:int}", "/{level:int}/{row:int}/{column:int}"
    routes = [
        json_route("/api/state", lambda request: desk.state()),
        json_route(image, lambda request: desk.image(number_of(request))),
        json_route(f"{image}/version", lambda request: desk.version(number_of(request))),
        json_route(f"{image}/nuclei", lambda request: desk.nuclei_counts(number_of(request))),
        json_route(f"{image}/mask", lambda request: desk.mask(number_of(request))),
        json_route(f"{image}/preview", lambda request: desk.preview(number_of(request), _place(request))),
        json_route(f"{image}/look", lambda request: desk.look(number_of(request), _view(request))),
        bytes_route(f"{image}/tile{tile}", lambda request: _tile(desk, request, nuclei=False)),
        bytes_route(f"{image}/nuclei{tile}", lambda request: _tile(desk, request, nuclei=True)),
        bytes_route(f"{image}/thumbnail", lambda request: desk.shelf.thumbnail(number_of(request)), "image/jpeg"),
        post_route(f"{image}/act", lambda k, body: desk.act(k, parse_action(body), parse_wish(body))),
    ]
    return application(token, STATIC, routes)


def _tile(desk: Desk, request: Request, nuclei: bool) -> bytes:
    level, row, column = (int(request.path_params[name]) for name in ("level", "row", "column"))
    return desk.tile(number_of(request), level, row, column, nuclei)


def _place(request: Request, y: str = "y", x: str = "x") -> Points:
    return parse_place(request.query_params.get(y, ""), request.query_params.get(x, ""))


def _view(request: Request) -> Points:
    return np.concatenate([_place(request, "top", "left"), _place(request, "bottom", "right")])
