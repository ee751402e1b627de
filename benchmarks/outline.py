"""The page of `lacss outline`: speed in a real browser, memory over 2,000 actions, 100 kills, screenshots.

    python benchmarks/outline.py speed DATA --model MODEL        # 512 x 512, and 4096 x 4096 with 5,000 cells
    python benchmarks/outline.py memory [DATA --model MODEL] [--times 2000]  # by hand; with a model, of a large image
    python benchmarks/outline.py kills [--times 100]
    python benchmarks/outline.py screenshots --model MODEL [--to docs]

DATA has images/ and labels/. Speed is measured in the page: from the pointer's release to the frame that shows
the saved cell, and from frame to frame while the view moves. The fault test acts over HTTP as fast as the server
answers, kills it (SIGKILL) after a random time, and compares what a fresh start reads with what was confirmed.
"""

import argparse
import contextlib
import http.client
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from browser import open_page, save_small
from picker import resident

from lacss_tools.arrays import Labels
from lacss_tools.demo import DATA
from lacss_tools.io.native import read_image, read_labels, write_labels
from lacss_tools.outline.session import open_session

CUT_OFF = (OSError, http.client.HTTPException)
"""what a request ends with when the server dies"""
LARGE = 4096
DIAMETER = 34
"""of the cells of the demo, in pixels"""
WATCH = """
window.clicks = []; window.frames = []; let released = 0, before = 0;
addEventListener("pointerup", () => { released = performance.now(); }, true);
new MutationObserver(() => released && requestAnimationFrame(() => setTimeout(() => {
  if (released) window.clicks.push(performance.now() - released);
  released = 0;
}))).observe(document.body, { attributes: true, attributeFilter: ["data-version"] });
const frame = (now) => {
  if (before && window.counting) window.frames.push(now - before);
  before = now;
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
"""


def main() -> None:
    """Run the part that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["speed", "memory", "kills", "screenshots"])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--times", type=int)
    parser.add_argument("--side", type=int)
    parser.add_argument("--to", type=Path, default=Path("docs"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.part == "speed":
            for side in [options.side] if options.side else [512, LARGE]:
                speed(folder / str(side), options.data, options.model, side)
        elif options.part == "memory":
            memory(folder, options.times or 2000, options.data, options.model)
        elif options.part == "kills":
            kills(folder, options.times or 100)
        else:
            screenshots(folder, options.model, options.to)


@contextmanager
def served(project: Path, *more: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Yield the running command and the address of its page."""
    command = [sys.executable, "-m", "lacss_tools", "outline", "--no-browser", "--project", str(project), *more]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", line):
            break
    else:
        raise SystemExit(f"lacss outline did not start: {said}")
    try:
        yield process, found[0]
    finally:
        process.kill()
        process.wait()


def mosaic(data: Path, side: int) -> tuple[np.ndarray, Labels]:
    """Return an image of side x side pixels made of the one with most cells, and its labels."""
    stem = max(sorted(path.stem for path in (data / "labels").glob("*.tif"))[::9], key=lambda s: _cells(data, s))
    image, labels = read_image(data / "images" / f"{stem}.tif")[0], read_labels(data / "labels" / f"{stem}.tif")
    rows, columns = -(-side // image.shape[0]), -(-side // image.shape[1])
    large = np.zeros((rows * image.shape[0], columns * image.shape[1]), np.int32)
    for k in range(rows * columns):
        y, x = k // columns * image.shape[0], k % columns * image.shape[1]
        part = np.where(labels > 0, labels + k * (labels.max() + 1), 0)
        large[y : y + image.shape[0], x : x + image.shape[1]] = part
    return np.tile(image, (rows, columns))[:side, :side], large[:side, :side]


def _cells(data: Path, stem: str) -> int:
    return len(np.unique(read_labels(data / "labels" / f"{stem}.tif")))


# ---- speed ----------------------------------------------------------------------------------------------------------


def speed(project: Path, data: Path, model: Path, side: int) -> None:
    """Print how long clicks and frames take in an image of side x side pixels; some of its cells are missing."""
    image, labels = mosaic(data, side)
    chance = np.random.default_rng(0)
    numbers = np.unique(labels[labels > 0])
    missing = chance.choice(numbers, 60 if side == 512 else 20, replace=False)
    large_project(project, image)
    write_labels(project / "predictions" / "a.tif", np.where(np.isin(labels, missing), 0, labels))
    middles = [np.argwhere(labels == n)[np.count_nonzero(labels == n) // 2] for n in missing]
    with (
        served(project, "--model", str(model), "--start", "predictions") as (process, address),
        open_page(1440, 900) as page,
    ):
        began = time.monotonic()
        page.goto(address)
        page.wait_for_selector('body[data-shown="0"]', state="attached", timeout=180_000)
        opened = time.monotonic() - began
        page.evaluate(WATCH)
        page.wait_for_timeout(4000 if side == 512 else 12000)
        if side > 512:
            _move(page)
            print(f"| frames while panning and zooming, {side} | {_told(page.evaluate('window.frames'))} |")
        _click(page, side, middles, near=side > 512)
        print(f"| first picture, {side} x {side}, {len(numbers)} cells | {opened:.1f} s |")
        print(f"| click to saved cell on the screen, {side} | {_told(page.evaluate('window.clicks'))} |")
        print(f"| memory of the server | {resident(process.pid):.0f} MB |", flush=True)


def large_project(folder: Path, image: np.ndarray) -> Path:
    """Write the only image of a project."""
    (folder / "images").mkdir(parents=True)
    tifffile.imwrite(folder / "images" / "a.tif", image.astype(np.uint16))
    return folder


def _told(times: list[float]) -> str:
    median, p95, worst = np.percentile(times, [50, 95, 100])
    return f"median {median:.0f} ms, 95 % {p95:.0f} ms, worst {worst:.0f} ms, {len(times)} times"


def _move(page: Any) -> None:
    """Zoom in and out and drag the view for some seconds."""
    box = page.locator("#view").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.evaluate("window.counting = true")
    for wheel in (-120, -120, -120, 120, 120, -120, -120, 120):
        page.mouse.wheel(0, wheel)
        page.mouse.down(button="middle")
        page.mouse.move(x + 200, y + 90, steps=12)
        page.mouse.move(x, y, steps=12)
        page.mouse.up(button="middle")
    page.evaluate("window.counting = false")
    page.keyboard.press("z")


def _click(page: Any, side: int, middles: list[np.ndarray], near: bool) -> None:
    """Click missing cells; in a large image, go near each before and let the page settle, as a person does."""
    for y, x in middles:
        version = page.evaluate("document.body.dataset.version ?? '0'")
        if near:
            page.evaluate(f"window.lacssGo({y}, {x}, 8)")
            page.wait_for_timeout(1800)
        px, py = page.evaluate(f"window.lacssPlace({y}, {x})")
        page.mouse.click(px, py)
        for _ in range(100):
            if (
                page.evaluate("document.body.dataset.version ?? '0'") != version
                or page.locator("#message.error").count()
            ):
                break
            page.wait_for_timeout(20)
        page.keyboard.press("Escape")


# ---- memory and kills -----------------------------------------------------------------------------------------------


def small_project(folder: Path) -> Path:
    """Write two images of noise."""
    for k, stem in enumerate("ab"):
        (folder / "images").mkdir(exist_ok=True)
        noise = np.random.default_rng(k).integers(0, 4000, (256, 256))
        tifffile.imwrite(folder / "images" / f"{stem}.tif", noise.astype(np.uint16))
    return folder


def square(y: int, x: int, side: int = 11) -> dict[str, Any]:
    """Return the action that draws a square cell."""
    corners = [
        [y - 0.5, x - 0.5],
        [y - 0.5, x + side - 0.5],
        [y + side - 0.5, x + side - 0.5],
        [y + side - 0.5, x - 0.5],
    ]
    return {"action": "polygon", "points": corners}


def memory(folder: Path, times: int, data: Path | None, model: Path | None) -> None:
    """Print the memory of the server over many actions: of polygons, or of clicks all over a large image."""
    project = small_project(folder) if data is None else large_project(folder, mosaic(data, LARGE)[0])
    with served(project, *([] if model is None else ["--model", str(model)])) as (process, address):
        version, seen = "0", []
        for k in range(times):
            body = by_hand(k) if model is None else by_click(k, f"{address}api/image/0/look")
            with contextlib.suppress(urllib.error.HTTPError):  # no cell at this place
                version = _post(f"{address}api/image/0/act", {"version": version, **body})["version"]
            if k % (times // 5) == times // 5 - 1 or k == 20:
                seen.append((k + 1, resident(process.pid)))
    print("| memory of the server | " + ", ".join(f"{mb:.0f} MB at {k}" for k, mb in seen) + " |")


def by_hand(k: int) -> dict[str, Any]:
    """Return the k-th action: a cell is drawn, then deleted."""
    if k % 2:
        return {"action": "delete", "number": k // 2 + 1}
    return square(16 * (k // 2 % 15), 16 * (k // 30 % 15))


def by_click(k: int, look: str) -> dict[str, Any]:
    """Return a click on a random place, with which the view moves at every tenth."""
    y, x = np.random.default_rng(k).uniform(0, LARGE, 2).round(1).tolist()
    if k % 10 == 0:
        _get(f"{look}?top={y - 300}&left={x - 400}&bottom={y + 300}&right={x + 400}")
    return {"action": "click", "number": 0, "points": [[y, x]]}


def kills(folder: Path, times: int) -> None:
    """Kill the server at random moments of outlining; print what was confirmed, lost and damaged."""
    project, chance = small_project(folder), random.Random(0)
    expected = {stem: [np.zeros((256, 256), np.int32)] for stem in "ab"}  # states that undo goes back to
    redo: dict[str, list[Labels]] = {stem: [] for stem in "ab"}
    finished = dict.fromkeys("ab", False)
    made = lost = damaged = 0
    for _ in range(times):
        with served(project) as (process, address):
            pending = None
            try:
                version = {s: _get(f"{address}api/image/{k}/version")["version"] for k, s in enumerate("ab")}
                killer = subprocess.Popen(["sh", "-c", f"sleep {chance.uniform(0.05, 1.2):.3f}; kill -9 {process.pid}"])
                while True:
                    k = chance.randrange(2)
                    stem = "ab"[k]
                    body, states, ahead, done = _choose(chance, expected[stem], redo[stem], finished[stem])
                    pending = stem, states, ahead, done
                    version[stem] = _post(f"{address}api/image/{k}/act", {"version": version[stem], **body})["version"]
                    expected[stem], redo[stem], finished[stem], pending = states, ahead, done, None
                    made += 1
            except CUT_OFF:
                pass
            killer.wait()
        session = open_session(project / "images", project / "labels")
        for stem in "ab":
            with session.exclusive():
                now = session.drawing(stem).drawing.sheet.labels
            if (
                pending
                and pending[0] == stem
                and (now == pending[1][-1]).all()
                and not (now == expected[stem][-1]).all()
            ):
                expected[stem], redo[stem], finished[stem] = pending[1:]
            lost += not (now == expected[stem][-1]).all()
            path = project / "labels" / f"{stem}.tif"
            if path.exists():
                finished[stem] = True
                damaged += not (read_labels(path) == now).all()
            else:
                damaged += finished[stem] and not (pending and pending[0] == stem)
        damaged += len(list((project / "labels").glob(".*")))
        print(f"{made} actions confirmed, {lost} lost, {damaged} files damaged", flush=True)
    print(f"| kills | {times} |\n|---|---|\n| actions confirmed | {made} |")
    print(f"| confirmed actions lost | {lost} |\n| damaged files | {damaged} |")


State = tuple[dict[str, Any], list[Labels], list[Labels], bool]


def _choose(chance: random.Random, states: list[Labels], redo: list[Labels], finished: bool) -> State:
    """Return an action and what it leads to: the states so far, those that redo brings back, whether finished."""
    now, kind = states[-1], chance.random()
    if kind < 0.2 and len(states) > 1 and not finished:
        return {"action": "undo"}, states[:-1], [*redo, now], finished
    if kind < 0.3 and redo and not finished:
        return {"action": "redo"}, [*states, redo[-1]], redo[:-1], finished
    if kind < 0.33 and not finished:
        return {"action": "finish"}, [*states, now], [], True
    numbers = [n for n in np.unique(now).tolist() if n]
    if kind < 0.5 and numbers:
        number = chance.choice(numbers)
        return {"action": "delete", "number": number}, [*states, np.where(now == number, 0, now)], [], finished
    y, x = chance.randrange(0, 240), chance.randrange(0, 240)
    while now[y : y + 11, x : x + 11].any():
        number = int(now[y : y + 11, x : x + 11].max())
        return {"action": "delete", "number": number}, [*states, np.where(now == number, 0, now)], [], finished
    after = now.copy()
    after[y : y + 11, x : x + 11] = 1 + max(int(state.max()) for state in (*states, *redo))
    return square(y, x), [*states, after], [], finished


def _get(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(address, timeout=120) as answer:
        return dict(json.load(answer))


def _post(address: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(address, json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=120) as answer:
        return dict(json.load(answer))


# ---- screenshots ----------------------------------------------------------------------------------------------------


def screenshots(folder: Path, model: Path, target: Path) -> None:
    """Take pictures of the page on the demo data, with a model of it: outline-light.png and outline-dark.png."""
    shutil.copytree(DATA / "train", folder, dirs_exist_ok=True)
    predict = ["predict", str(model.resolve()), "images", "--project", str(folder), "--diameter", str(DIAMETER)]
    subprocess.run([sys.executable, "-m", "lacss_tools", *predict], check=True)
    with served(folder, "--start", "predictions", "--order", "name") as (_, address), open_page() as page:
        page.goto(address)
        page.wait_for_selector('body[data-shown="0"]', state="attached")
        page.keyboard.press("n")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(1500)
            save_small(page.screenshot(), target / f"outline-{scheme}.png")


if __name__ == "__main__":
    main()
