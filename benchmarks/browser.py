"""Chromium for benchmarks that look at pages, and pictures of them small enough for `docs/`."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH, HEIGHT = 1280, 800
COLOURS = 128
"""enough for grey images and a few lines"""


@contextmanager
def open_page(width: int = WIDTH, height: int = HEIGHT) -> Iterator["Page"]:
    """Yield an empty page of headless Chromium: that of $CHROMIUM, else the one on the path."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        yield browser.new_page(viewport={"width": width, "height": height})
        browser.close()


def save_small(png: bytes, path: Path, colours: int = COLOURS) -> None:
    """Write the picture with so many colours."""
    from PIL import Image

    Image.open(io.BytesIO(png)).convert("RGB").quantize(colours, method=Image.Quantize.MAXCOVERAGE).save(
        path, optimize=True
    )
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
