"""The picker under load: 500 images through a real browser without a pause, and 100 kills at random moments.

    python benchmarks/picker.py soak  [--images 500] [--side 512]
    python benchmarks/picker.py kills [--times 100]
    python benchmarks/picker.py screenshots [--to docs]     # of the page on the demo data, light and dark

The soak presses a key as soon as the next image is on show and measures, in the page, the time from the key to the
frame that shows the next image; it watches the memory of the server. The fault test picks over HTTP as fast as the
server answers, kills it (SIGKILL) after a random time, and looks whether every confirmed pick is on disk and every
file whole. Soak and screenshots need Chromium and Playwright.
"""

import argparse
import csv
import http.client
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import tifffile
from browser import open_page, save_small

from lacss_tools.annotate.candidates.candidates import find_candidates
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.demo import DATA
from lacss_tools.io.candidates import CutNotes, read_candidates, write_candidates
from lacss_tools.io.lois import write_lois
from lacss_tools.io.native import read_mask

CUT_OFF = (OSError, http.client.HTTPException)
"""what a request ends with when the server dies"""
DIFFERENT = 12
"""images that are cut; the rest are links to them, each with files of its own to write"""
WATCH = """
window.latencies = [];
addEventListener("keydown", () => { window.pressed = performance.now(); }, true);
new MutationObserver(() => {
  if (document.body.dataset.shown === undefined || !window.pressed) return;
  const began = window.pressed;
  window.pressed = 0;
  requestAnimationFrame(() => setTimeout(() => window.latencies.push(performance.now() - began)));
}).observe(document.body, { attributes: true, attributeFilter: ["data-shown"] });
"""


def main() -> None:
    """Run the part that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["soak", "kills", "screenshots"])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--to", type=Path, default=Path("docs"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.part == "soak":
            soak(make_project(Path(folder), options.images, options.side), options.images)
        elif options.part == "kills":
            kills(make_project(Path(folder), 60, 128), options.times)
        else:
            screenshots(Path(folder), options.to)


def make_project(folder: Path, count: int, side: int) -> Path:
    """Write `count` images of side × side pixels with blurred cells, five candidates each, and points."""
    noise = np.random.default_rng(0)
    settings = CutSettings()
    y, x = np.mgrid[:side, :side]
    for k in range(count):
        files = [
            folder / "images" / f"{k:04}.tif",
            folder / "candidates" / f"{k:04}.tif",
            folder / "lois" / f"{k:04}.csv",
        ]
        if k >= DIFFERENT:
            for path in files:
                os.link(path.with_name(f"{k % DIFFERENT:04}{path.suffix}"), path)
            continue
        centres = noise.uniform(0, side, (max(4, side**2 // 5000), 2))
        distance = np.full((side, side), np.inf)
        for cy, cx in centres:
            np.minimum(distance, np.hypot(y - cy, x - cx), out=distance)
        pixels = 120 + 2500 / (1 + np.exp((distance - 18) / 4)) + noise.normal(0, 40, distance.shape)
        image = pixels.clip(0, 4095).astype(np.uint16)
        files[0].parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(files[0], image, compression="zlib")
        found = find_candidates(image[None].astype(np.float32), settings)
        notes = CutNotes(found.dark, found.seam, settings.to_text())
        write_candidates(files[1], found.masks, found.thresholds, notes)
        write_lois(files[2], centres, np.ones(len(centres)))
    return folder


def start(project: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the picker and return it with the address of its page."""
    command = [sys.executable, "-m", "lacss_tools", "pick", "--no-browser", "--project", str(project)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", line):
            return process, found[0]
    raise SystemExit("the picker did not start")


# ---- soak -----------------------------------------------------------------------------------------------------------


def soak(project: Path, count: int) -> None:
    """Pick every image by keyboard as fast as the page shows the next, and print latency and memory."""
    server, address = start(project)
    memory: list[tuple[int, float]] = []
    with open_page(1440, 900) as page:
        page.add_init_script(f"addEventListener('DOMContentLoaded', () => {{ {WATCH} }})")
        page.goto(address)
        began = time.monotonic()
        for k in range(count):
            page.wait_for_selector(f'body[data-shown="{k}"]', state="attached")
            if k % max(1, count // 10) == 0:
                memory.append((k, resident(server.pid)))
            page.keyboard.press(str(1 + k % 5))
        page.wait_for_selector("#summary[open]")
        spent = time.monotonic() - began
        page.wait_for_timeout(100)
        latencies = np.array(page.evaluate("window.latencies"))
        memory.append((count, resident(server.pid)))
    server.kill()
    server.wait()
    with (project / "masks" / "picks.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    whole = sum(bool(read_mask(project / "masks" / f"{row['stem']}.tif").any()) for row in rows)
    print(f"| images picked | {len(rows)} of {count}, {whole} masks whole, in {spent:.0f} s |\n|---|---|")
    median, p95, worst = np.percentile(latencies, [50, 95, 100])
    print(f"| key to next image shown | median {median:.0f} ms, 95 % {p95:.0f} ms, worst {worst:.0f} ms |")
    print("| memory of the server | " + ", ".join(f"{mb:.0f} MB at {k}" for k, mb in memory) + " |")


def resident(pid: int) -> float:
    """Return the resident memory of a process in MB (Linux)."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


# ---- screenshots ----------------------------------------------------------------------------------------------------


def screenshots(folder: Path, target: Path) -> None:
    """Annotate the demo data, pick some of it, and take pictures of the page: picker-light.png and picker-dark.png."""
    shutil.copytree(DATA / "train", folder, dirs_exist_ok=True)
    for stage in (["annotate-lois", "dapi"], ["graphcut", "images"]):
        subprocess.run([sys.executable, "-m", "lacss_tools", *stage, "--project", str(folder)], check=True)
    server, address = start(folder)
    with open_page() as page:
        page.goto(address)
        for k, key in enumerate(("2", "Enter", "3", "r", "Enter")):
            page.wait_for_selector(f'body[data-shown="{k}"]', state="attached")
            page.keyboard.press(key)
        page.wait_for_selector('body[data-shown="5"]', state="attached")
        page.wait_for_timeout(6000)  # thumbnails come, the note that the last pick is saved goes
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(300)
            save_small(page.screenshot(), target / f"picker-{scheme}.png")
    server.kill()
    server.wait()


# ---- kills ----------------------------------------------------------------------------------------------------------


def kills(project: Path, times: int) -> None:
    """Kill the server at random moments of picking; print what was confirmed, lost and damaged."""
    chance = random.Random(0)
    stems = sorted(path.stem for path in (project / "images").iterdir())
    candidates = {stem: read_candidates(project / "candidates" / f"{stem}.tif")[0] for stem in stems}
    confirmed: dict[str, str] = {}
    made = lost = damaged = finished = 0
    for _ in range(times):
        server, address = start(project)
        until = time.monotonic() + chance.uniform(0.02, 0.6)
        killer = subprocess.Popen(["sh", "-c", f"sleep {until - time.monotonic():.3f}; kill -9 {server.pid}"])
        version = {image["stem"]: image["version"] for image in _get(address + "api/state")["images"]}
        pending = ("", "none")
        while version and server.poll() is None:
            k = chance.randrange(len(stems))
            choice = chance.choice([1, 2, 3, 4, 5, None])
            try:
                answer = _post(f"{address}api/image/{k}/choose", {"version": version[stems[k]], "choice": choice})
            except CUT_OFF:
                pending = stems[k], str(choice or "none")
                break
            made += 1
            confirmed[stems[k]] = str(choice or "none")
            version[stems[k]] = answer["changed"][str(k)]["version"]
        killer.wait()
        server.wait()
        finished += _settle(project, confirmed, pending)
        bad_picks, bad_files = _look(project, confirmed, candidates)
        lost, damaged = lost + bad_picks, damaged + bad_files
    print(f"| kills | {times} |\n|---|---|\n| picks confirmed | {made} |")
    print(f"| picks not confirmed but done when the server died | {finished} |")
    print(f"| confirmed picks lost | {lost} |\n| damaged files | {damaged} |")


def _settle(project: Path, confirmed: dict[str, str], pending: tuple[str, str]) -> int:
    """Start once more, which finishes or forgets what was under way; the last request may have gone either way."""
    server, _ = start(project)
    server.kill()
    server.wait()
    stem, choice = pending
    if confirmed.get(stem) != choice and _journal(project).get(stem) == choice:
        confirmed[stem] = choice
        return 1
    return 0


def _look(project: Path, confirmed: dict[str, str], candidates: dict[str, np.ndarray]) -> tuple[int, int]:
    rows = _journal(project)
    lost = sum(rows.get(stem) != choice for stem, choice in confirmed.items())
    lost += len(set(rows) - set(confirmed))
    damaged = len([path for path in (project / "masks").iterdir() if path.name.startswith(".")])
    for stem, choice in confirmed.items():
        path = project / "masks" / f"{stem}.tif"
        if choice == "none":
            damaged += path.exists()
        else:
            damaged += not (path.exists() and (read_mask(path) == candidates[stem][int(choice) - 1]).all())
    return lost, damaged


def _journal(project: Path) -> dict[str, str]:
    path = project / "masks" / "picks.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as stream:
        return {row["stem"]: row["choice"] for row in csv.DictReader(stream)}


def _get(address: str) -> dict[str, list[dict[str, str]]]:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return dict(json.load(answer))
    except CUT_OFF:
        return {"images": []}


def _post(address: str, body: dict[str, object]) -> dict[str, dict[str, dict[str, str]]]:
    with urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode()), timeout=20) as answer:
        return dict(json.load(answer))


if __name__ == "__main__":
    main()
