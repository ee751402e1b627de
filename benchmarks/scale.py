"""How much faster two workers are than one: the real commands, from start to end, on a set of many fields.

    python benchmarks/scale.py DATA [--fields 200]     # a folder with images/ and dapi/

The files are copied until there are enough. Runs alternate, medians count, and the files that both write must be equal
to the byte. The load of the machine is printed, since two workers need two cores that have nothing else to do.
"""

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lacss_tools.io.project import list_images

REPEATS, WORKERS = 3, (1, 2)
COMMANDS = {"annotate-lois": "dapi", "graphcut": "images"}


def fill(folder: Path, source: Path, fields: int) -> None:
    """Copy the images of `source` in turn until `folder` holds `fields`."""
    folder.mkdir()
    files = list(list_images(source).values())
    for k in range(fields):
        path = files[k % len(files)]
        shutil.copyfile(path, folder / f"{k:05}{path.suffix}")


def run(command: str, project: Path, workers: int) -> tuple[float, str]:
    """Return the seconds that the command took and a digest of what it wrote."""
    output = project / "output"
    words = [command, "--project", str(project), "-o", str(output), "--workers", str(workers)]
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "lacss_tools", *words], check=True, capture_output=True)
    seconds = time.perf_counter() - start
    digest = hashlib.sha256()
    for path in sorted(output.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    shutil.rmtree(output)
    return seconds, digest.hexdigest()


def main(data: Path, fields: int) -> None:
    """Measure one data folder."""
    print(f"{data.name}: {fields} fields, medians of {REPEATS}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for command, kind in COMMANDS.items():
            fill(project / kind, data / kind, fields)
            runs = [{workers: run(command, project, workers) for workers in WORKERS} for _ in range(REPEATS)]
            assert len({digest for pair in runs for _, digest in pair.values()}) == 1, "the files differ"
            one, two = (statistics.median(pair[workers][0] for pair in runs) for workers in WORKERS)
            ratios = sorted(pair[1][0] / pair[2][0] for pair in runs)
            print(f"  {command:13s} one worker {one:6.2f} s, two {two:6.2f} s: {one / two:.2f} times as fast", end="")
            print(f" (pairs {ratios[0]:.2f} to {ratios[-1]:.2f}), {1000 * two / fields:.1f} ms per field")
    print(f"  load at the end {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--fields", type=int, default=200)
    options = parser.parse_args()
    main(options.data, options.fields)
