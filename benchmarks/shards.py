"""Whether the shares of an array job write what one run writes, to the byte: the real commands, a process a share.

    python benchmarks/shards.py [--images 1000] [--shards 8]

Made-up images of 64 x 64 pixels. Shares run in a mixed order; each is killed at a random moment, and run again.
"""

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

SIZE, SECONDS = 64, (1.0, 4.0)
STEPS = {"lois": ("annotate-lois", "--method", "dog"), "candidates": ("graphcut",)}


def make(project: Path, count: int) -> None:
    """Write images of one cell, and of its nucleus, each at another place."""
    y, x = np.mgrid[:SIZE, :SIZE]
    chance = np.random.default_rng(0)
    for number in range(count):
        centre = chance.uniform(20, SIZE - 20, 2)
        for folder, radius in (("images", 12), ("dapi", 5)):
            (project / folder).mkdir(exist_ok=True)
            spot = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / radius**2)
            noise = chance.normal(0, 10, spot.shape)
            tifffile.imwrite(project / folder / f"{number:05}.tif", (spot * 900 + 100 + noise).astype(np.uint16))


def start(project: Path, step: str, folder: str, *more: str) -> subprocess.Popen[bytes]:
    """Start a command that writes to `folder`."""
    words = [sys.executable, "-m", "lacss_tools", *STEPS[step], "-o", folder, "--project", str(project), *more]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def digests(folder: Path) -> dict[str, str]:
    """Return file -> digest, without those that begin with a dot."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> None:
    """Print for each step how many files there are, and how many of them equal those of one run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--shards", type=int, default=8)
    options = parser.parse_args()
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as made:
        project = Path(made)
        make(project, options.images)
        for step in STEPS:
            assert start(project, step, f"one-{step}").wait() == 0
            killed = 0
            for number in chance.sample(range(1, options.shards + 1), options.shards):
                share = ("--shard", f"{number}/{options.shards}")
                first = start(project, step, step, *share)
                time.sleep(chance.uniform(*SECONDS))
                killed += first.poll() is None
                first.kill()
                first.wait()
                assert start(project, step, step, *share).wait() == 0
            one, shared = digests(project / f"one-{step}"), digests(project / step)
            equal = sum(shared.get(name) == digest for name, digest in one.items())
            said = f"{len(one)} files of one run, {len(shared)} of {options.shards} shares, {killed} of them killed"
            print(f"{STEPS[step][0]}: {said}; {equal} equal to the byte", flush=True)


if __name__ == "__main__":
    main()
