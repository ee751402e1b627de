"""The picker's addresses without a browser: what it answers, what it refuses, what is on disk afterwards."""

import asyncio

import httpx
import pytest

from lacss_tools.annotate.pick_steps import open_session
from lacss_tools.annotate.picker.app import Picker, make_app
from lacss_tools.annotate.picker.guard import MAX_BODY
from lacss_tools.annotate.picks import read_picks
from lacss_tools.files import read_candidates, read_mask
from tests.annotate.picker_process import make_project

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
def session(tmp_path):
    project = make_project(tmp_path, "ab")
    return open_session(*(project / name for name in ("images", "candidates", "lois", "masks", "dapi")))


@pytest.fixture
def client(session):
    return Client(Picker(session))


def choose(client, k, number, version):
    return client.post(f"api/image/{k}/choose", json={"choice": number, "window": "w", "version": version})


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


@pytest.mark.parametrize("path", ["api/image/a", "api/image/-1", "api/image/..%2f..%2fa/0/pixels"])
def test_images_are_named_by_number_only(client, path):
    assert client.get(path).status_code == 404
