"""Pages as their users meet them, for tests: in headless Chromium, served from a thread, or asked without a server."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from threading import Thread

import httpx
import pytest
import uvicorn

NO_SANDBOX = "--no-sandbox"
"""a container often lacks what the sandbox of Chromium needs; the tests show it nothing but our own page"""
HOST = "http://127.0.0.1:8123"


class Client:
    """Calls an application without a server; paths are relative to the address with the token."""

    def __init__(self, app, token):
        self.app, self.base = app, f"{HOST}/{token}/"

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


class ServedHere:
    """A page served from this process, which starts far faster than the command."""

    def __init__(self, app, token) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}/{token}/"
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        self.thread = Thread(target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True)
        self.thread.start()

    def end(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        self.listener.close()


class Served:
    """A running command that serves a page, such as `lacss pick`; `address` is the page."""

    def __init__(self, *command) -> None:
        line = [sys.executable, "-m", "lacss_tools", *command, "--no-browser"]
        self.process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
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


class Window:
    """A page of the browser and the few things that all tests of pages ask of it."""

    def __init__(self, browser, address, **options):
        self.page = browser.new_page(**{"viewport": {"width": 1280, "height": 800}, **options})
        self.page.set_default_timeout(30_000)
        self.errors = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address)

    def at(self, k):
        """Wait until image number k is on show."""
        self.page.wait_for_selector(f'body[data-shown="{k}"]')
        return self

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def text(self, name):
        return self.page.locator(f"#{name}").inner_text()

    def wait_for(self, name, text):
        self.page.locator(f"#{name}", has_text=text).wait_for()
        return self
