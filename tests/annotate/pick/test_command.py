import json
import re
import signal
import subprocess
import sys
import urllib.request
import webbrowser

import numpy as np
import pytest
from typer.testing import CliRunner

from lacss_tools.annotate.pick.journal import read_picks
from lacss_tools.annotate.pick.page.app import picker_site
from lacss_tools.annotate.pick.saving import save_pick
from lacss_tools.cli import app
from lacss_tools.io.candidates import write_candidates
from lacss_tools.io.lois import write_lois
from lacss_tools.io.native import read_mask
from lacss_tools.web import serve as server


def lacss_pick(project, *options):
    return CliRunner().invoke(app, ["pick", *options, "--project", str(project)])


def test_auto_picks_says_what_it_paired_and_skips_what_is_done(project):
    (project / "candidates" / "c.tif").unlink()
    result = lacss_pick(project, "--auto")
    assert result.exit_code == 0
    assert "2 paired by stem; 1 only in" in result.stderr
    assert "2 of them with LOIs; 2 to pick" in result.stderr
    assert "2 written" in result.stderr
    assert {path.name for path in (project / "masks").iterdir()} == {"a.tif", "b.tif", "picks.csv", "unsure"}
    before = (project / "masks" / "picks.csv").read_bytes()
    assert "2 were done already" in lacss_pick(project, "--auto").stderr
    assert (project / "masks" / "picks.csv").read_bytes() == before


def test_auto_names_doubtful_images_and_failed_ones(project):
    write_lois(project / "lois" / "a.csv", np.array([[2.0, 2.0], [35.0, 3.0]]), np.ones(2))
    write_lois(project / "lois" / "b.csv", np.array([[20.0, 25.0], [2.0, 2.0], [35.0, 3.0]]), np.ones(3))
    (project / "candidates" / "c.tif").write_bytes(b"no tiff")
    result = lacss_pick(project, "--auto")
    assert result.exit_code == 4
    assert "1 agree badly with their LOIs, look at them: a (lacss pick)" in result.stderr
    assert "1 with many LOIs in unstained areas, other tissue or debris: b (lacss check" in result.stderr
    assert "c.tif cannot be read" in result.stderr


def test_masks_of_candidates_that_were_replaced_are_not_kept_without_a_word(project, session, discs):
    save_pick(session, "c", 2)
    assert lacss_pick(project, "--auto").exit_code == 0
    for stem in ("a", "c"):
        write_candidates(project / "candidates" / f"{stem}.tif", discs[2:], [0.4, 0.5, 0.6])
    before = (project / "masks" / "picks.csv").read_bytes()
    refused = lacss_pick(project, "--auto")
    assert refused.exit_code == 3
    assert "1 automatic picks of other candidates than now, such as a. Give another --output, or" in refused.stderr
    assert (project / "masks" / "picks.csv").read_bytes() == before
    again = lacss_pick(project, "--auto", "--overwrite")
    assert again.exit_code == 0
    assert "1 picked by a person from other candidates than now; their masks stay: c (lacss pick)" in again.stderr
    np.testing.assert_array_equal(read_mask(project / "masks" / "a.tif"), discs[3])
    np.testing.assert_array_equal(read_mask(project / "masks" / "c.tif"), discs[1])
    assert "3 were done already" in lacss_pick(project, "--auto").stderr


def test_other_folders_can_be_given(project):
    for name in ("images", "candidates", "lois"):
        (project / name).rename(project / f"my {name}")
    options = [part for name in ("images", "candidates", "lois") for part in (f"--{name}", f"my {name}")]
    assert lacss_pick(project, "--auto", *options, "-o", "my masks").exit_code == 0
    assert set(read_picks(project / "my masks" / "picks.csv")) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--overwrite"], 2, "needs --auto"),
        (["--port", "70000"], 2, "65535"),
        (["--candidates", "nowhere"], 3, "Run lacss graphcut first"),
        (["--auto", "--lois", "nowhere"], 3, "nowhere does not exist"),
        (["--images", "nowhere"], 3, "nowhere does not exist"),
        (["-o", "candidates"], 3, "both input and output"),
        (["-o", "lois"], 3, "both input and output"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_an_exit_code(project, options, code, message):
    result = lacss_pick(project, *options)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert not (project / "masks").exists()


def test_a_taken_port_is_said(project):
    with server.socket.create_server((server.HOST, 0)) as taken:
        result = lacss_pick(project, "--no-browser", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 3
    assert "Choose another --port." in result.stderr


# ---- the server ---------------------------------------------------------------------------------------------------


def test_the_page_is_served_on_loopback_until_ctrl_c(project):
    """The real process: prints the address, answers, saves, and ends with 0 saying how many are left."""
    command = [sys.executable, "-m", "lacss_tools", "pick", "--no-browser", "--project", str(project)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            said = ""
            while "ssh -L" not in said:  # the last line before it serves
                line = process.stderr.readline()
                assert line, said
                said += line
            address = re.search(r"http://127\.0\.0\.1:(\d+)/[\w-]{20,}/", said)
            with urllib.request.urlopen(address[0], timeout=20) as answer:
                assert b"lacss pick" in answer.read()
            with urllib.request.urlopen(address[0] + "api/state", timeout=20) as answer:
                version = json.load(answer)["images"][0]["version"]
            wish = json.dumps({"choice": 2, "window": "w", "version": version}).encode()
            body = urllib.request.Request(address[0] + "api/image/0/choose", wish)
            with urllib.request.urlopen(body, timeout=20):
                assert read_picks(project / "masks" / "picks.csv")["a"].choice == "2"
        finally:
            process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 0
    assert f"ssh -L {address[1]}:127.0.0.1:{address[1]}" in said
    assert "2 left; lacss pick continues." in rest


@pytest.fixture
def served(session, monkeypatch):
    """Call `serve` with a server that ends at once by Ctrl-C; returns what was said and which pages were opened."""
    import uvicorn

    opened = []

    def run(self, sockets):
        assert sockets[0].getsockname()[0] == "127.0.0.1"
        raise KeyboardInterrupt

    monkeypatch.setattr(uvicorn.Server, "run", run)

    def call(screen, opens, wanted=True):
        monkeypatch.setattr(server, "has_screen", lambda: screen)
        monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or opens)
        said = []
        server.serve(picker_site(session), 0, wanted, said.append)
        return "\n".join(said), opened

    return call


def test_with_a_screen_the_browser_opens(served):
    said, opened = served(screen=True, opens=True)
    assert len(opened) == 1
    assert opened[0] in said
    assert "ssh" not in said


@pytest.mark.parametrize(
    ("screen", "opens", "wanted", "tried"), [(False, True, True, 0), (True, False, True, 1), (True, True, False, 0)]
)
def test_without_a_browser_the_way_in_is_printed(served, screen, opens, wanted, tried):
    said, opened = served(screen, opens, wanted)
    assert len(opened) == tried
    port = re.search(r"127\.0\.0\.1:(\d+)/", said)[1]
    assert f"ssh -L {port}:127.0.0.1:{port} " in said


@pytest.mark.parametrize(
    ("platform", "variables", "seen"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"DISPLAY": ":10", "SSH_CONNECTION": "x"}, False),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "x"}, False),
    ],
)
def test_whether_a_browser_can_be_seen(monkeypatch, platform, variables, seen):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert server.has_screen() is seen


def test_when_all_is_picked_the_next_command_is_named(project, monkeypatch):
    lacss_pick(project, "--auto")
    monkeypatch.setattr(server, "serve", lambda *_, **__: None)
    assert "All picked. Next: lacss train" in lacss_pick(project).stderr
