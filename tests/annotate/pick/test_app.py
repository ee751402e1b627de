"""The picker's addresses without a browser: what it answers, what it refuses, what is on disk afterwards."""

import json
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pytest
import tifffile

from lacss_tools.annotate.candidates.candidates import cut_at, find_candidates
from lacss_tools.annotate.candidates.nuclei import nuclei_at, nuclei_of
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.pick.journal import read_picks
from lacss_tools.annotate.pick.page.app import Picker, make_app
from lacss_tools.annotate.pick.page.shelf import KEPT_IMAGES
from lacss_tools.annotate.pick.saving import save_pick
from lacss_tools.annotate.pick.session import load_choices, load_lois, open_session
from lacss_tools.io.candidates import CutNotes, read_candidates, write_candidates
from lacss_tools.io.native import read_image, read_mask, write_labels, write_mask, write_text
from lacss_tools.web.guard import MAX_BODY
from tests.annotate.pick.picker_process import SHAPE, make_project
from tests.served import HOST, Client


@pytest.fixture
def session(tmp_path):
    project = make_project(tmp_path, "ab")
    return open_session(*(project / name for name in ("images", "candidates", "lois", "masks", "dapi")))


@pytest.fixture
def client(session):
    picker = Picker(session)
    return Client(make_app(picker), picker.token)


@pytest.fixture
def reopen(session, tmp_path):
    """Return a function that opens the same project once more, as another process does."""
    return lambda: open_session(*(tmp_path / name for name in ("images", "candidates", "lois", "masks", "dapi")))


def choose(client, k, number, version, window="w"):
    return client.post(f"api/image/{k}/choose", json={"choice": number, "window": window, "version": version})


def choices(session):
    return {stem: pick.choice for stem, pick in read_picks(session.masks / "picks.csv").items()}


def version_of(client, k):
    return client.get("api/state").json()["images"][k]["version"]


def test_a_choice_is_on_disk_before_the_answer(client, session):
    assert choose(client, 0, 2, version_of(client, 0)).status_code == 200
    candidates, _ = read_candidates(session.candidates["a"])
    assert (read_mask(session.masks / "a.tif") == candidates[1]).all()
    assert read_picks(session.masks / "picks.csv")["a"].number == 2


def test_a_stale_window_does_not_overwrite(client, session):
    version = version_of(client, 0)
    assert choose(client, 0, 2, version).status_code == 200
    assert choose(client, 0, 4, version).status_code == 409
    assert read_picks(session.masks / "picks.csv")["a"].number == 2


@pytest.mark.parametrize("content", [b"", b"[]", b'{"choice": 0}', b'{"choice": "1"}', b"{"])
def test_what_is_no_choice_changes_nothing(client, session, content):
    assert client.post("api/image/0/choose", content=content).status_code in (400, 422)
    assert not session.masks.exists() or not list(session.masks.glob("*.tif"))


def test_the_page_names_nothing_elsewhere(client):
    page = client.get("")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]


# ---- looking --------------------------------------------------------------------------------------------------------


def test_one_answer_holds_details_pixels_and_candidates(client, session):
    data = client.get("api/image/1").content
    end = 4 + int.from_bytes(data[:4], "big")
    details = json.loads(data[4:end])
    known = load_choices(session, "b")
    assert (details["size"], details["shown"], details["step"]) == ([*SHAPE], [*SHAPE], 1)
    assert (details["channels"], details["dapi"], details["thresholds"]) == (1, True, known.thresholds)
    assert (details["suggestion"], details["inside"]) == (known.suggestion(), known.lois_inside())
    assert details["lois"] == known.lois.tolist()
    size = SHAPE[0] * SHAPE[1]
    pixels, bits = np.frombuffer(data[end:], np.uint8).reshape(2, *SHAPE)
    assert len(data) == end + 2 * size
    assert np.corrcoef(pixels.ravel(), np.sqrt(known.image).ravel())[0, 1] > 0.99
    for k, mask in enumerate(known.masks):
        np.testing.assert_array_equal(bits >> k & 1, mask)


def test_nuclei_thumbnail_and_cut(client, session):
    assert len(client.get("api/image/0/dapi").content) == SHAPE[0] * SHAPE[1]
    assert imagecodecs.jpeg_decode(client.get("api/image/0/thumbnail").content).shape == (60, 80, 3)
    cut = np.frombuffer(client.get("api/image/0/cut?threshold=0.51").content, np.uint8).reshape(SHAPE)
    np.testing.assert_array_equal(cut, cut_at(read_image(session.images["a"]), CutSettings(), 0.51))


@pytest.mark.parametrize("of", ["lois", "nuclei"])
def test_a_cut_at_another_threshold_keeps_the_nuclei_inside(client, session, tmp_path, of):
    folder = session.candidates["a"].parent
    if of == "lois":
        nuclei = nuclei_at(load_lois(session, "a"), SHAPE)
    else:
        labels = nuclei_at(load_lois(session, "a"), SHAPE).labels
        write_labels(tmp_path / "nuclei" / "a.tif", labels)
        write_text(folder / "graphcut.toml", "[data]\nnuclei = '../nuclei'\n")
        nuclei = nuclei_of(labels)
    image = read_image(session.images["a"])
    found = find_candidates(image, CutSettings(), None, nuclei)
    notes = CutNotes(found.dark, None, CutSettings().to_text(), of, nuclei.count, 0)
    write_candidates(session.candidates["a"], found.masks, found.thresholds, notes)
    cut = np.frombuffer(client.get("api/image/0/cut?threshold=0.995").content, np.uint8).reshape(SHAPE)
    expected = cut_at(image, CutSettings(), 0.995, None, nuclei)
    np.testing.assert_array_equal(cut, expected)
    assert (expected != cut_at(image, CutSettings(), 0.995)).any()


@pytest.mark.parametrize(
    "path",
    [
        "image/2",
        "image/2/thumbnail",
        "image/0/mask",
        "image/0/cut",
        "image/0/cut?threshold=nan",
        "image/0/cut?threshold=1",
    ],
)
def test_what_does_not_exist_is_an_answer_not_a_crash(client, path):
    answer = client.get(f"api/{path}")
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_only_a_few_images_are_kept(session):
    shelf = Picker(session).desk.shelf
    session.images, session.candidates = (
        {f"{k:02}": files["a"] for k in range(20)} for files in (session.images, session.candidates)
    )
    session.lois.clear()
    for k in (0, 1, 2, 0, *range(20)):
        shelf.image(k)
    assert len(shelf.images) == KEPT_IMAGES
    assert [stem for stem, _ in shelf.images] == [f"{k:02}" for k in range(20 - KEPT_IMAGES, 20)]


def test_other_numbers_of_candidates_and_large_images_work(tmp_path, session, client):
    from lacss_tools.io.candidates import write_candidates

    masks = np.zeros((11, 40, 3300), bool)
    masks[9, :, 1000:2000] = True
    write_candidates(session.candidates["a"], masks, [0.05 * k for k in range(1, 12)])
    tifffile.imwrite(session.images["a"], np.arange(40 * 3300, dtype=np.uint16).reshape(40, 3300))
    data = client.get("api/image/0").content
    end = 4 + int.from_bytes(data[:4], "big")
    details = json.loads(data[4:end])
    assert (details["step"], details["shown"]) == (3, [13, 1100])
    planes = np.frombuffer(data[end:], np.uint8).reshape(3, 13, 1100)
    assert (planes[1] == 0).all()
    assert (planes[2] == 2 * ((np.arange(1100) >= 333) & (np.arange(1100) < 667))).all()  # candidate 10: bit 1, byte 1


# ---- deciding -------------------------------------------------------------------------------------------------------


def test_undo_takes_back_the_actions_of_its_own_window(client, session):
    choose(client, 0, 1, version_of(client, 0), "one")
    choose(client, 1, 2, version_of(client, 1), "two")
    choose(client, 0, None, version_of(client, 0), "one")
    assert choices(session) == {"a": "none", "b": "2"}
    for left in ({"a": "1", "b": "2"}, {"b": "2"}):
        assert client.post("api/undo", json={"window": "one"}).status_code == 200
        assert choices(session) == left
    assert "Nothing to undo" in client.post("api/undo", json={"window": "one"}).json()["error"]
    assert choices(session) == {"b": "2"}


def test_another_process_is_noticed(client, session, reopen):
    version = version_of(client, 0)
    other = reopen()
    with other.exclusive():
        save_pick(other, "a", 5)
    assert choose(client, 0, 1, version).status_code == 409
    assert client.get("api/state").json()["images"][0]["choice"] == "5"
    assert choose(client, 0, 1, version_of(client, 0)).status_code == 200
    with other.exclusive():
        save_pick(other, "a", 4)
    answer = client.post("api/undo", json={"window": "w"})
    assert (answer.status_code, "was changed elsewhere since" in answer.json()["error"]) == (409, True)
    assert choices(session) == {"a": "4"}


@pytest.mark.parametrize("touch", ["mask", "lois", "candidates"])
def test_a_change_of_any_file_makes_what_a_window_shows_stale(client, session, touch):
    choose(client, 0, 1, version_of(client, 0))
    version = version_of(client, 0)
    path = {"mask": session.masks / "a.tif", "lois": session.lois["a"], "candidates": session.candidates["a"]}[touch]
    path.write_bytes(path.read_bytes() + (b"9,9,1\n" if touch == "lois" else b"\0"))
    assert choose(client, 0, 2, version).status_code == 409


def test_choices_made_at_the_same_time_are_all_saved(client, session):
    versions = [version_of(client, k) for k in (0, 1)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda k: choose(client, k % 2, 1 + k, versions[k % 2]), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 409, 409]
    assert set(choices(session)) == {"a", "b"}


def test_accepting_suggestions_leaves_low_scores_and_decided_images_alone(client, session):
    choose(client, 0, 1, version_of(client, 0))
    known = client.get("api/scores").json()
    assert (list(known["scores"]), known["left"]) == (["1"], 0)
    score = known["scores"]["1"]
    above = {"window": "w", "score": min(1.0, score + 0.01)}
    assert "Choose a lower score" in client.post("api/accept", json=above).json()["error"]
    assert client.post("api/accept", json={"window": "w", "score": score - 0.01}).status_code == 200
    assert choices(session) == {"a": "1", "b": str(load_choices(session, "b").suggestion())}
    assert {s: p.by for s, p in read_picks(session.masks / "picks.csv").items()} == {"a": "person", "b": "auto"}


def test_a_mask_made_elsewhere_is_shown_and_never_replaced(client, session):
    mask = np.indices(SHAPE).sum(axis=0) % 7 == 0
    write_mask(session.masks / "a.tif", mask)
    assert client.get("api/state").json()["images"][0]["choice"] == "own"
    assert (np.frombuffer(client.get("api/image/0/mask").content, np.uint8).reshape(SHAPE) == mask).all()
    answer = choose(client, 0, 1, version_of(client, 0))
    assert (answer.status_code, "was not picked here" in answer.json()["error"]) == (400, True)


STROKE = {"points": [[5, 5]], "radius": 2, "erase": False}
WRONG = [
    {"base": 9},
    {"base": 0},
    {"base": "1"},
    {"base": True},
    {"base": 1.5},
    {"base": 1, "strokes": 3},
    {"base": 1, "strokes": [{**STROKE, "radius": 0}]},
    {"base": 1, "strokes": [{**STROKE, "radius": 1e9}]},
    {"base": 1, "strokes": [{**STROKE, "points": []}]},
    {"base": 1, "strokes": [{**STROKE, "points": [[1, 2, 3]]}]},
    {"base": 1, "strokes": [{**STROKE, "points": [[1, "2"]]}]},
    {"base": 1, "strokes": [{**STROKE, "points": [[float("nan"), 2]]}]},
    {"base": 1, "strokes": [{**STROKE, "points": [[float("inf"), 2]]}]},
    {"base": 1, "strokes": [{**STROKE, "points": [[1, 2]] * 50_001}]},
    {"base": 1, "strokes": [{**STROKE, "erase": 1}]},
    {"base": 1, "removed": [-1]},
    {"base": 1, "removed": [99]},
    {"base": 1, "added": [[1]]},
    {"base": 1, "added": [[-1, 5]]},
    {"base": 1, "added": [[5, 160]]},
    {"base": None},
    {"base": 1, "window": "w" * 65},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong)[:40])
def test_a_repair_that_makes_no_sense_changes_nothing(client, session, wrong):
    before = session.lois["a"].read_bytes()
    body = json.dumps({"window": "w", "version": version_of(client, 0), **wrong})
    answer = client.post("api/image/0/repair", content=body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert choices(session) == {}
    assert not list(session.masks.glob("*.tif")) if session.masks.exists() else True
    assert session.lois["a"].read_bytes() == before


def test_a_repair_is_saved_and_named(client, session):
    before = load_choices(session, "a").masks[1]
    body = {"base": 2, "strokes": [STROKE], "window": "w", "version": version_of(client, 0)}
    changed = client.post("api/image/0/repair", json=body).json()["changed"]["0"]
    assert (changed["choice"], changed["edited"], changed["by"]) == ("2", "brush", "person")
    added = read_mask(session.masks / "a.tif") & ~before
    assert added.sum() == 13  # the pixels within 2 of a pixel
    assert client.post("api/image/0/repair", json=body).status_code == 409


# ---- strangers ------------------------------------------------------------------------------------------------------


def test_without_the_token_there_is_nothing(client):
    for path in ("/", "/api/state", "/main.js", "/wrong-token/", "/wrong-token/api/state"):
        assert client.get(HOST + path).status_code == 404


def test_tokens_are_long_and_differ(session):
    tokens = {Picker(session).token for _ in range(20)}
    assert len(tokens) == 20
    assert min(map(len, tokens)) >= 20


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8123", "127.0.0.1.evil.example", "192.168.0.7:8123", ""]
)
def test_a_foreign_host_header_is_refused(client, session, host):
    assert client.get("api/state", headers={"host": host}).status_code == 400
    assert client.post("api/image/0/choose", json={"choice": 1}, headers={"host": host}).status_code == 400
    assert not session.masks.exists()


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8123", "http://localhost:8123"],
)
def test_a_foreign_origin_is_refused(client, session, origin):
    answer = client.post("api/image/0/choose", json={"choice": 1}, headers={"origin": origin})
    assert answer.status_code == 403
    assert not session.masks.exists()


def test_the_own_origin_passes_also_through_a_tunnel(client):
    for host in ("127.0.0.1:8123", "localhost:9000"):
        body = {"choice": 1, "window": "w", "version": version_of(client, 0)}
        headers = {"host": host, "origin": f"http://{host}"}
        assert client.post("api/image/0/choose", json=body, headers=headers).status_code == 200


def test_large_bodies_are_refused(client):
    assert client.post("api/image/0/choose", content=b"x" * (MAX_BODY + 1)).status_code == 413
    chunked = {"transfer-encoding": "chunked"}
    assert client.post("api/image/0/choose", content=b"1", headers=chunked).status_code == 413


@pytest.mark.parametrize("path", ["..%2f..%2fpicks.py", "app.py", "%2e%2e/app.py", "index.html", "static/main.js"])
def test_no_file_outside_the_assets_is_served(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["api/image/a", "api/image/-1", "api/image/..%2f..%2fa/mask", "api/image/0/..%2f..%2fa"]
)
def test_images_are_named_by_number_only(client, path):
    assert client.get(path).status_code == 404
