"""The picker as a user starts it, for tests that need the real process or a real browser."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import tifffile
import uvicorn

from lacss_tools.annotate.candidates.candidates import find_candidates
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.pick.page.app import Picker, make_app
from lacss_tools.annotate.pick.session import open_session
from lacss_tools.io.candidates import CutNotes, write_candidates
from lacss_tools.io.lois import write_lois

SHAPE = (120, 160)
NO_SANDBOX = "--no-sandbox"
"""a container often lacks what the sandbox of Chromium needs; the tests show it nothing but our own page"""


def make_project(folder: Path, stems: str, seed: int = 0) -> Path:
    """Write blurred discs with their nuclei, candidates and points: an image per letter of `stems`."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for stem in stems:
        centres = np.array([(30, 35), (32, 110), (85, 60), (88, 125)]) + random.integers(-8, 9, (4, 2))
        distance = np.hypot(y[..., None] - centres[:, 0], x[..., None] - centres[:, 1]).min(axis=-1)
        cells = 100 + 2000 / (1 + np.exp((distance - 17) / 3)) + random.normal(0, 12, SHAPE)
        nuclei = 50 + 900 * (distance < 6) + random.normal(0, 5, SHAPE)
        for name, pixels in (("images", cells), ("dapi", nuclei)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / name / f"{stem}.tif", pixels.clip(0, 4095).astype(np.uint16))
        settings = CutSettings()
        found = find_candidates(cells[None].clip(0, 4095).astype(np.uint16).astype(np.float32), settings)
        notes = CutNotes(found.dark, found.seam, settings.to_text())
        write_candidates(folder / "candidates" / f"{stem}.tif", found.masks, found.thresholds, notes)
        write_lois(folder / "lois" / f"{stem}.csv", centres.astype(float), np.full(4, 0.2))
    return folder


class Here:
    """The same page served from this process, which starts far faster."""

    def __init__(self, project: Path) -> None:
        picker = Picker(open_session(*(project / name for name in ("images", "candidates", "lois", "masks", "dapi"))))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}/{picker.token}/"
        self.server = uvicorn.Server(uvicorn.Config(make_app(picker), log_level="error", timeout_graceful_shutdown=1))
        self.thread = Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.thread.start()

    def end(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        self.listener.close()


class Served:
    """A running `lacss pick`; `address` is the page."""

    def __init__(self, project: Path) -> None:
        command = [sys.executable, "-m", "lacss_tools", "pick", "--no-browser", "--project", str(project)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        said = ""
        while "ssh -L" not in said:  # the last line before it serves
            line = self.process.stderr.readline()
            assert line, said
            said += line
        self.address = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", said)[0]

    def kill(self) -> None:
        """End it as the kernel does when memory is short: no chance to tidy up."""
        self.end(signal.SIGKILL)

    def end(self, how: int = signal.SIGINT) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(20)
        self.process.stderr.close()


@contextmanager
def chromium():
    """Yield a headless Chromium of the system; skip the test where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: pip install --group dev")
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in the variable CHROMIUM")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[NO_SANDBOX, "--disable-gpu"])
        yield browser
        browser.close()
