import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import imagecodecs
import numpy as np
import pytest
import tifffile

from lacss_tools.annotate.pick_steps import load_choices
from lacss_tools.annotate.picker.app import KEPT, Picker, make_app
from lacss_tools.annotate.picker.render import LINE, outline, picture
from lacss_tools.annotate.picks import read_picks
from lacss_tools.files import write_candidates, write_mask

HOST = "http://127.0.0.1:8123"


class Client:
    """Calls the application without a server; paths are relative to the address with the token."""

    def __init__(self, picker):
        self.app, self.base = make_app(picker), f"{HOST}/{picker.token}/"

    def __call__(self, method, path, **options):
        async def call():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport) as client:
                return await client.request(method, path if path.startswith("http") else self.base + path, **options)

        return asyncio.run(call())

    def get(self, path, **options):
        return self("GET", path, **options)

    def post(self, path, **options):
        return self("POST", path, **options)


@pytest.fixture
def picker(session):
    return Picker(session)


@pytest.fixture
def client(picker):
    return Client(picker)


def shown(answer):
    assert answer.status_code == 200, answer.text
    return [row["choice"] for row in answer.json()["images"]]


# ---- the page -------------------------------------------------------------------------------------------------------


def test_the_page_and_its_assets_come_from_the_package_and_load_nothing_from_elsewhere(client):
    for name, kind in (("", "text/html"), ("picker.css", "text/css"), ("picker.js", "text/javascript")):
        answer = client.get(name)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert "://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_state_lists_images_in_order_with_their_choices(client, session, discs):
    write_mask(session.masks / "c.tif", discs[0])
    client.post("api/image/0/choose", json={"choice": None})
    assert client.get("api/state").json() == {
        "images": [
            {"stem": "a", "choice": "none"},
            {"stem": "b", "choice": None},
            {"stem": "c", "choice": "own"},
        ]
    }


def test_details_of_an_image(client, discs):
    details = client.get("api/image/0").json()
    assert details == {
        "size": [40, 50],
        "lois": [[20.0, 25.0]],
        "suggestion": 3,
        "inside": [1] * 5,
        "areas": [round(disc.sum() / 2000, 3) for disc in discs],
    }


def test_every_picture_exists_in_two_sizes(client):
    for size in ("large", "small"):
        for layer in range(6):
            answer = client.get(f"api/image/0/{layer}/{size}.png")
            assert answer.headers["content-type"] == "image/png"
            assert imagecodecs.png_decode(answer.content).shape == (40, 50, 4 if layer else 3)


@pytest.mark.parametrize("path", ["api/image/0/6/large.png", "api/image/0/0/huge.png", "api/image/3", "api/image/99"])
def test_what_does_not_exist_is_an_answer_not_a_crash(client, path):
    answer = client.get(path)
    assert answer.status_code == 400
    assert "There is no" in answer.json()["error"]


def test_files_are_read_once_and_only_a_few_images_are_kept(session, monkeypatch):
    read, choices = [], load_choices(session, "a")
    monkeypatch.setattr("lacss_tools.annotate.picker.app.load_choices", lambda _, stem: read.append(stem) or choices)
    session.images = dict.fromkeys("abcdefgh", session.images["a"])
    picker = Picker(session)
    for k in (0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 0):
        picker.choices(k)
    assert "".join(read) == "abcdefgha"
    assert len(picker.loaded) == KEPT


# ---- choosing -------------------------------------------------------------------------------------------------------


def test_choosing_saves_before_it_answers_and_undo_takes_it_back(client, session):
    assert shown(client.post("api/image/1/choose", json={"choice": 2})) == [None, "2", None]
    assert read_picks(session.masks / "picks.csv")["b"].choice == "2"
    assert (session.masks / "b.tif").exists()
    assert shown(client.post("api/image/1/choose", json={"choice": None}))[1] == "none"
    undone = client.post("api/undo")
    assert (shown(undone)[1], undone.json()["at"]) == ("2", 1)
    assert shown(client.post("api/undo")) == [None] * 3
    assert "Nothing to undo" in client.post("api/undo").json()["error"]
    assert read_picks(session.masks / "picks.csv") == {}


def test_choices_made_at_the_same_time_are_all_saved(client, session):
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda k: client.post(f"api/image/{k}/choose", json={"choice": k + 1}), range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert {s: p.choice for s, p in read_picks(session.masks / "picks.csv").items()} == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize("content", ['{"choice": 9}', '{"choice": 0}', '{"choice": -1}', '{"choice": "1"}', "\xff", ""])
def test_impossible_choices_change_nothing(client, session, content):
    _refused(client, session, content)


@pytest.mark.parametrize("content", ['{"choice": true}', '{"choice": 1.5}', "{}", "[1]", "1", '{"choice"'])
def test_what_is_no_choice_changes_nothing(client, session, content):
    _refused(client, session, content)


def _refused(client, session, content):
    answer = client.post("api/image/0/choose", content=content.encode("latin-1"))
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert not session.masks.exists()


def test_a_failed_save_is_told_and_leaves_nothing_to_undo(client, session, discs):
    write_mask(session.masks / "a.tif", discs[0])
    answer = client.post("api/image/0/choose", json={"choice": 2})
    assert (answer.status_code, "was not picked here" in answer.json()["error"]) == (400, True)
    assert client.post("api/undo").status_code == 400


def test_a_bad_image_is_told_and_can_be_rejected(client, session):
    tifffile.imwrite(session.images["b"], np.ones((9, 9), np.uint16))
    assert "candidates/b.tif" in client.get("api/image/1").json()["error"]
    assert shown(client.post("api/image/1/choose", json={"choice": None})) == [None, "none", None]


# ---- strangers ------------------------------------------------------------------------------------------------------


def test_without_the_token_there_is_nothing(client):
    for path in ("/", "/api/state", "/picker.js", "/wrong-token/", "/wrong-token/api/state"):
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
        headers = {"host": host, "origin": f"http://{host}"}
        assert client.post("api/image/0/choose", json={"choice": 1}, headers=headers).status_code == 200


def test_large_bodies_are_refused(client):
    assert client.post("api/image/0/choose", content=b"x" * 20_000).status_code == 413
    chunked = {"transfer-encoding": "chunked"}
    assert client.post("api/image/0/choose", content=b"1", headers=chunked).status_code == 413


@pytest.mark.parametrize("path", ["..%2f..%2fpicks.py", "app.py", "%2e%2e/app.py", "index.html", "static/picker.js"])
def test_no_file_outside_the_assets_is_served(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["api/image/a", "api/image/-1", "api/image/..%2f..%2fa/0/large.png"])
def test_images_are_named_by_number_only(client, path):
    assert client.get(path).status_code == 404


# ---- pictures -------------------------------------------------------------------------------------------------------


def test_an_outline_is_the_inner_border_and_open_at_the_edge_of_the_image():
    mask = np.zeros((6, 7), bool)
    mask[2:, 1:6] = True
    drawn = imagecodecs.png_decode(outline(mask, "large"))
    expected = [
        "0000000",
        "0000000",
        "0111110",
        "0100010",
        "0100010",
        "0100010",
    ]
    assert ["".join(str(int(a > 0)) for a in row) for row in drawn[..., 3]] == expected
    assert {tuple(pixel) for pixel in drawn[drawn[..., 3] > 0]} == {(*LINE, 255)}


def test_the_outline_of_nothing_and_of_everything_is_empty():
    for mask in (np.zeros((5, 5), bool), np.ones((5, 5), bool)):
        assert not imagecodecs.png_decode(outline(mask, "small"))[..., 3].any()


def test_large_images_shrink_by_whole_steps_and_outlines_stay_on_their_picture():
    image = np.zeros((1, 1000, 970), np.float32)
    image[0, 300:600, 400:700] = 5
    shown = imagecodecs.png_decode(picture(image, "small"))
    line = imagecodecs.png_decode(outline(image[0] > 0, "small"))
    assert shown.shape[:2] == line.shape[:2] == (333, 323)
    ys, xs = np.nonzero(line[..., 3])
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == (100, 199, 133, 232)
    assert (shown[101:199, 134:232] == 255).all()
    assert (shown[:99] == 0).all()


def test_a_strip_thinner_than_a_step_still_has_a_picture():
    assert imagecodecs.png_decode(picture(np.ones((2, 1, 5000), np.float32), "small")).shape == (1, 5000, 3)


def test_other_numbers_of_candidates_work(session, discs):
    write_candidates(session.candidates["a"], discs[:2], [0.1, 0.2])
    details = Client(Picker(session)).get("api/image/0").json()
    assert len(details["areas"]) == len(details["inside"]) == 2
