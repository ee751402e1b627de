"""The addresses of the page without a browser: what they answer, what they refuse, what is on disk afterwards."""

import json

import numpy as np
import pytest
import tifffile

from lacss_tools.arrays import MAX_LABEL
from lacss_tools.io.native import write_labels, write_mask
from lacss_tools.outline.page.app import make_app
from lacss_tools.outline.page.asked import MAX_POINTS
from lacss_tools.outline.page.shelf import TILE, pyramid_of
from lacss_tools.web.guard import MAX_BODY
from tests.outline.pages import SIDE, disc, make_desk
from tests.served import HOST, Client

TOKEN = "t" * 22


@pytest.fixture
def desk(project):
    return make_desk(project)


@pytest.fixture
def client(desk):
    return Client(make_app(desk, TOKEN), TOKEN)


def act(client, version="0", k=0, **body):
    return client.post(f"api/image/{k}/act", json={"window": "w", "version": version, **body})


def journals(project):
    return sorted(path.name for path in project.glob("labels/journal/*.jsonl"))


def area_of(cell):
    """Area of a cell as the page gets it, by the shoelace formula, in pixels."""
    total = 0.0
    for path in cell["paths"]:
        y, x = np.array(path[::2]) / 2, np.array(path[1::2]) / 2
        total += float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2
    return abs(total)


def test_an_action_is_answered_with_what_it_changed_once_it_is_on_disk(client, project):
    told = act(client, action="click", number=0, points=[[40, 40]]).json()
    assert (told["version"], told["count"], told["undo"], told["state"]) == ("1", 1, 1, "begun")
    [cell] = told["cells"]
    assert (cell["by"], cell["score"], told["selected"], told["gone"]) == ("network", 0.9, 1, [])
    assert area_of(cell) == pytest.approx(disc(40, 40).sum(), rel=0.02)
    lines = (project / "labels" / "journal" / "a.jsonl").read_text().splitlines()
    assert [json.loads(line).get("action") for line in lines] == [None, "click"]
    told = act(client, "1", action="delete", number=1).json()
    assert (told["gone"], told["cells"], told["count"]) == ([1], [], 0)
    told = act(client, "2", action="undo").json()
    assert [cell["n"] for cell in told["cells"]] == [1]
    assert told["redo"] == 1


def test_looking_writes_nothing(client, project):
    for path in (
        "api/state",
        "api/image/0",
        "api/image/0/preview?y=40&x=40",
        "api/image/0/look?top=0&left=0&bottom=9&right=9",
    ):
        assert client.get(path).status_code == 200
    assert client.get("api/image/0/preview?y=40&x=2").json()["paths"] == []
    assert journals(project) == []


def test_tiles_hold_every_pixel_once(client):
    told = client.get("api/image/0").json()
    assert (told["size"], told["levels"], told["channels"], told["tile"]) == ([SIDE, SIDE], 1, 1, TILE)
    assert len(client.get("api/image/0/tile/0/0/0").content) == SIDE * SIDE
    for path in ("tile/1/0/0", "tile/0/1/0", "tile/0/0/9", "nuclei/0/0/0"):
        assert client.get(f"api/image/0/{path}").status_code == 400


def test_more_channels_than_colours_are_sent(project):
    pixels = np.random.default_rng(0).integers(0, 999, (9, 20, 30)).astype(np.uint16)
    tifffile.imwrite(project / "images" / "a.tif", pixels, imagej=True, metadata={"axes": "CYX"})
    client = Client(make_app(make_desk(project), TOKEN), TOKEN)
    told = client.get("api/image/0").json()
    assert (told["channels"], len(told["counts"])) == (8, 8)
    planes = np.frombuffer(client.get("api/image/0/tile/0/0/0").content, np.uint8).reshape(8, 20, 30)
    for sent, plane in zip(planes, pixels, strict=False):
        assert (np.diff(sent.ravel()[np.argsort(plane, axis=None)].astype(int)) >= 0).all()


def test_labels_may_have_any_number_that_fits(project):
    write_labels(project / "labels" / "a.tif", np.where(disc(30, 30), MAX_LABEL, 0))
    client = Client(make_app(make_desk(project), TOKEN), TOKEN)
    answer = act(client, action="click", points=[[70, 70]])
    assert (answer.status_code, "Renumber the cells" in answer.json()["error"]) == (400, True)
    assert act(client, action="smooth", number=MAX_LABEL).json()["selected"] == MAX_LABEL
    assert act(client, "1", action="ask").status_code == 400


def test_the_borders_of_a_mask_enclose_its_pixels(project):
    mask = disc(40, 40, 20) & ~disc(40, 40, 9)
    write_mask(project / "masks" / "a.tif", mask)
    client = Client(make_app(make_desk(project), TOKEN), TOKEN)
    assert [client.get(f"api/image/{k}").json()["mask"] for k in (0, 1)] == [True, False]
    borders = client.get("api/image/0/mask").json()
    outer, hole = (area_of({"paths": [path]}) for path in sorted(borders["paths"], key=len, reverse=True))
    assert outer - hole == pytest.approx(mask.sum(), rel=0.02)
    assert borders["at"] == [20, 20]
    assert client.get("api/image/1/mask").json()["paths"] == []


def test_levels_are_means_of_squares():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 1026, 1400), dtype=np.uint8)
    planes = pyramid_of(pixels).planes
    assert [plane.shape[1:] for plane in planes] == [(1026, 1400), (513, 700), (257, 350)]
    square = pixels[1, 10:12, 20:22].astype(int)
    assert planes[1][1, 5, 10] == square.sum() // 4


def test_a_stale_window_does_not_overwrite(client, project):
    assert act(client, action="click", points=[[30, 30]]).status_code == 200
    answer = act(client, action="click", points=[[70, 70]])
    assert (answer.status_code, "changed elsewhere" in answer.json()["error"]) == (409, True)
    assert client.get("api/image/0").json()["count"] == 1


WRONG = [
    {},
    {"action": "paint"},
    {"action": "click"},
    {"action": "click", "points": [[1]]},
    {"action": "click", "points": [[1, "2"]]},
    {"action": "click", "points": [[float("nan"), 2]]},
    {"action": "click", "points": [[1, 2]], "take": 1},
    {"action": "click", "points": [[1, 2]], "number": -1},
    {"action": "click", "points": [[1, 2]], "number": 99},
    {"action": "click", "points": [[1, 2]], "number": True},
    {"action": "polygon", "points": [[1, 2], [3, 4]]},
    {"action": "polygon", "points": [[1, 1], [1, 2], [1, 3]]},
    {"action": "polygon", "points": [[900, 900], [900, 950], [950, 900]]},
    {"action": "brush", "points": [[1, 2]], "radius": 0},
    {"action": "brush", "points": [[1, 2]], "radius": 1e9},
    {"action": "brush", "points": [[1, 2]] * (MAX_POINTS + 1), "radius": 1},
    {"action": "brush", "points": [[-900, 2]], "radius": 3},
    {"action": "erase", "points": [[1, 2]], "number": 5},
    {"action": "split", "points": [[1, 2], [3, 4]]},
    {"action": "merge", "number": 1, "other": 2},
    {"action": "delete"},
    {"action": "fill", "number": 3},
    {"action": "ambiguous"},
    {"action": "ambiguous", "number": 3},
    {"action": "undo"},
    {"action": "redo"},
    {"action": "finish", "window": "w" * 65},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong)[:50])
def test_what_makes_no_sense_changes_nothing_and_is_told(client, project, wrong):
    answer = client.post("api/image/0/act", content=json.dumps({"version": "0", **wrong}))
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert journals(project) == []


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'"click"'])
def test_bodies_that_are_no_action_are_refused(client, project, content):
    assert client.post("api/image/0/act", content=content).status_code == 400
    assert journals(project) == []


# ---- strangers ------------------------------------------------------------------------------------------------------

OF_AN_IMAGE = ("", "/version", "/mask", "/tile/0/0/0", "/preview?y=1&x=1", "/look?top=0&left=0&bottom=9&right=9")
GETS = ("api/state", "api/image/0/thumbnail", *(f"api/image/0{path}" for path in OF_AN_IMAGE))


def test_without_the_token_there_is_nothing(client):
    for path in ("", *GETS, "main.js"):
        assert client.get(f"{HOST}/{path}").status_code == 404
        assert client.get(f"{HOST}/wrong-token/{path}").status_code == 404


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}, {"origin": "null"}])
def test_foreign_hosts_and_origins_are_refused(client, project, headers):
    refused = 400 if "host" in headers else 403
    for path in GETS:
        assert client.get(path, headers=headers).status_code == refused
    body = {"version": "0", "action": "click", "points": [[40, 40]]}
    assert client.post("api/image/0/act", json=body, headers=headers).status_code == refused
    assert journals(project) == []


def test_large_bodies_and_other_paths_are_refused(client):
    assert client.post("api/image/0/act", content=b"x" * (MAX_BODY + 1)).status_code == 413
    for path in (
        "..%2f..%2fdesk.py",
        "desk.py",
        "index.html",
        "api/image/-1",
        "api/image/..%2fa",
        "api/image/0/tile/0/0/..%2f0",
    ):
        assert client.get(path).status_code == 404
    assert client.get("api/image/7").status_code == 400


def test_the_page_names_nothing_elsewhere(client):
    page = client.get("")
    assert "http://" not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
