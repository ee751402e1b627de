"""A plate of real images, killed again and again on its way to labels in it, against a run that is left alone.

    python benchmarks/plates.py DATA MODEL [--wells 96] [--kills 10] [--size 256]    # a folder with images/

Wells of four fields each, OME-Zarr 0.5, cut from the images in turn. Both plates must be equal to the byte; needs zarr.
"""

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr

from lacss_tools.io.native import read_plane
from lacss_tools.io.project import list_images

COLUMNS, FIELDS = 12, 4
LEFTOVERS = ".part"


def write_plate(path: Path, images: Path, wells: int, size: int) -> None:
    """Write a plate whose fields are corners of the images in turn."""
    sources = [read_plane(file) for file in list_images(images).values()]
    rng = random.Random(0)
    names = [f"{chr(ord('A') + k // COLUMNS)}/{k % COLUMNS + 1:02}" for k in range(wells)]
    plate = zarr.open_group(str(path), mode="w", zarr_format=3)
    facts = {"wells": [{"path": n, "rowIndex": k // COLUMNS, "columnIndex": k % COLUMNS} for k, n in enumerate(names)]}
    facts["rows"] = [{"name": row} for row in sorted({n[0] for n in names})]
    facts["columns"] = [{"name": column} for column in sorted({n[2:] for n in names})]
    plate.attrs["ome"] = {"version": "0.5", "plate": {**facts, "name": "plate"}}
    for k, name in enumerate(names):
        well = plate.create_group(name)
        well.attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": str(f)} for f in range(FIELDS)]}}
        for field in range(FIELDS):
            source = sources[(k * FIELDS + field) % len(sources)]
            top, left = (rng.randrange(length - size + 1) for length in source.shape)
            write_field(well.create_group(str(field)), source[top : top + size, left : left + size])


def write_field(group: zarr.Group, pixels: np.ndarray) -> None:
    """Write an image of two levels."""
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    levels = []
    for k in range(2):
        level = pixels[:: 2**k, :: 2**k].astype(np.uint16)
        group.create_array(str(k), data=level, chunks=(128, 128), dimension_names=["y", "x"])
        change = {"type": "scale", "scale": [0.5 * 2**k] * 2}
        levels.append({"path": str(k), "coordinateTransformations": [change]})
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}


def predict(plate: Path, model: Path, seconds: float | None = None) -> bool:
    """Run the command, killed after some seconds; return whether it came to its end."""
    words = ["predict", str(model), str(plate), "--into", "cells", "--device", "cpu", "--workers", "1"]
    words += ["--project", str(plate.parent)]
    process = subprocess.Popen(
        [sys.executable, "-m", "lacss_tools", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def timed(plate: Path, model: Path) -> float:
    """Return the seconds of a run that is left alone."""
    start = time.perf_counter()
    assert predict(plate, model), "the run that was left alone failed"
    return time.perf_counter() - start


def contents(plate: Path) -> dict[str, bytes]:
    """Return the files of a plate but what killed runs left of files that they were writing."""
    files = (path for path in plate.rglob("*") if path.is_file() and not path.name.endswith(LEFTOVERS))
    return {path.relative_to(plate).as_posix(): path.read_bytes() for path in files}


def main(data: Path, model: Path, wells: int, kills: int, size: int) -> None:
    """Measure one data folder and model."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        calm, rough = (Path(folder) / name / "plate.zarr" for name in ("calm", "rough"))
        for plate in (calm, rough):
            write_plate(plate, data / "images", wells, size)
        whole, idle = timed(calm, model), timed(calm, model)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(f"{wells * FIELDS} fields: {whole:.1f} s left alone, {idle:.1f} s again, {peak:.2f} GB at most")
        killed = writing = 0
        for _ in range(kills):
            killed += not predict(rough, model, idle + rng.uniform(-1, 1 + 2 * (whole - idle) / kills))
            writing += any(True for _ in rough.rglob("labels"))
        assert predict(rough, model), "the last run failed"
        one, other = contents(calm), contents(rough)
        different = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        left = sum(1 for _ in rough.rglob(f".*{LEFTOVERS}"))
        print(f"{killed} of {kills} runs killed, {writing} while or after labels were written into the plate")
        print(f"{len(different)} of {len(one)} files differ {different[:3]}, {left} leftovers beside them")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--wells", type=int, default=96)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--size", type=int, default=256)
    arguments = parser.parse_args()
    main(arguments.data, arguments.model.absolute(), arguments.wells, arguments.kills, arguments.size)
