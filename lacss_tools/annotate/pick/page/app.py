"""The picker's web application: requests in, answers out."""

from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request

from lacss_tools.annotate.pick.page.desk import Desk
from lacss_tools.annotate.pick.page.requests import parse_choice, parse_repair, parse_score, parse_threshold
from lacss_tools.annotate.pick.session import PickSession
from lacss_tools.web.bodies import parse_wish
from lacss_tools.web.routes import application, bytes_route, json_route, new_token, number_of, post_route
from lacss_tools.web.serve import Site

STATIC = Path(__file__).parent / "static"


@dataclass
class Picker:
    """The desk and the token that every address must hold."""

    session: PickSession
    token: str = field(default_factory=new_token)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(self.session)


def picker_site(session: PickSession) -> Site:
    """Return the picker, ready to be served."""
    picker = Picker(session)
    return Site(make_app(picker), picker.token, "Pick here")


def make_app(picker: Picker) -> Starlette:
    """Return the application; every address starts with the token, anything else is 404."""
    desk, image = picker.desk, "/api/image/{k:int}"
    routes = [
        json_route("/api/state", lambda request: desk.state()),
        json_route("/api/scores", lambda request: desk.shelf.score_some()),
        bytes_route(image, lambda request: desk.shelf.everything(number_of(request))),
        bytes_route(f"{image}/dapi", lambda request: desk.shelf.dapi(number_of(request))),
        bytes_route(f"{image}/mask", lambda request: desk.saved_mask(number_of(request))),
        bytes_route(f"{image}/cut", lambda request: desk.cut(number_of(request), _threshold(request))),
        bytes_route(f"{image}/thumbnail", lambda request: desk.shelf.thumbnail(number_of(request)), "image/jpeg"),
        post_route(f"{image}/choose", lambda k, body: desk.choose(k, parse_choice(body), parse_wish(body))),
        post_route(f"{image}/repair", lambda k, body: desk.repair(k, parse_repair(body), parse_wish(body))),
        post_route("/api/accept", lambda k, body: desk.accept(parse_score(body), parse_wish(body))),
        post_route("/api/undo", lambda k, body: desk.undo(parse_wish(body))),
    ]
    return application(picker.token, STATIC, routes)


def _threshold(request: Request) -> float:
    return parse_threshold(request.query_params.get("threshold", ""))
