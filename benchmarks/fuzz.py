"""Damage files of every kind that is read, at random, and read them: what is bad must be said in one sentence.

    python benchmarks/fuzz.py --count 10000 --seed 0

A mutation flips bytes, cuts, repeats or copies pieces, or puts numbers that nobody expects into text. A fault is any
exception but the project's own, over 5 seconds, or a wish for over 1 GB. --keep FOLDER keeps the files of faults.
"""

import argparse
import json
import logging
import random
import re
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (40, 50)
SECONDS, BYTES = 5.0, 2**30
NUMBERS = [b"-1", b"0", b"1e999", b"NaN", b"99999999999", b"4294967296", b"65536", b"0.5", b"", b"null", b'"x"', b"[]"]
VALUES: list[Any] = [
    None,
    -1,
    0,
    0.5,
    1e300,
    float("nan"),
    float("inf"),
    10**12,
    2**31,
    "",
    "x",
    [],
    {},
    [[]],
    True,
    [1],
    [None],
]
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
TREES = (".json", ".geojson")


@dataclass(frozen=True)
class Kind:
    """A kind of files: one that is whole, and what reads it."""

    name: str
    whole: Path
    read: Callable[[Path], object]


class TooLongError(BaseException):
    """Not an Exception, which readers would take for a damaged file."""


# ---- files that are whole -------------------------------------------------------------------------------------------


def pictures(folder: Path) -> Iterator[Kind]:
    """Images of every layout, labels, masks and candidates."""
    import imagecodecs
    import tifffile

    from lacss_tools.io.candidates import CutNotes, read_candidates, read_cut_notes, write_candidates
    from lacss_tools.io.native import read_image, read_labels, read_mask, write_labels, write_mask

    rng = np.random.default_rng(0)
    grey = rng.integers(0, 255, SHAPE).astype(np.uint8)
    layouts: dict[str, dict[str, Any]] = {
        "plain": {"data": grey},
        "lzw": {"data": grey, "compression": "lzw", "predictor": True},
        "tiles": {"data": np.stack([grey] * 3, -1), "tile": (16, 16), "compression": "jpeg", "photometric": "rgb"},
        "ome": {"data": np.stack([grey, grey]).astype(np.uint16), "ome": True, "compression": "zlib",
                "metadata": {"axes": "CYX", "Channel": {"Name": ["actin", "DAPI"]}, "PhysicalSizeX": 0.5}},
        "imagej": {"data": np.stack([grey, grey]), "imagej": True, "metadata": {"axes": "CYX", "unit": "um"}},
    }  # fmt: skip
    for name, layout in layouts.items():
        tifffile.imwrite(folder / f"{name}.tif", **layout)
        yield Kind(name, folder / f"{name}.tif", read_image)
    (folder / "ome.xml").write_text(tifffile.tiffcomment(folder / "ome.tif"), encoding="utf-8")
    yield Kind("ome.xml", folder / "ome.xml", read_described)
    for name, data in {"grey.png": imagecodecs.png_encode(grey), "grey.jpg": imagecodecs.jpeg_encode(grey)}.items():
        (folder / name).write_bytes(data)
        yield Kind(name, folder / name, read_image)
    write_labels(folder / "labels.tif", blocks())
    yield Kind("labels", folder / "labels.tif", read_labels)
    write_mask(folder / "mask.tif", blocks() > 0)
    yield Kind("mask", folder / "mask.tif", read_mask)
    write_candidates(
        folder / "candidates.tif", np.stack([blocks() > k for k in range(5)]), [0.1] * 5, CutNotes(False, None)
    )
    yield Kind("candidates", folder / "candidates.tif", lambda path: (read_cut_notes(path), read_candidates(path)))
    tifffile.imwrite(folder / "slide.tif", np.zeros((4100, 4100), np.uint8), tile=(512, 512), compression="zlib")
    yield Kind("slide", folder / "slide.tif", read_window)


def read_described(path: Path) -> None:
    """Read an image whose OME-XML is this file."""
    import tifffile

    from lacss_tools.io.native import read_image

    image, xml = path.with_name("described.ome.tif"), path.read_bytes().replace(b"\0", b"")
    tifffile.imwrite(image, np.zeros((2, *SHAPE), np.uint16), description=xml, metadata=None, photometric="minisblack")
    read_image(image)


def read_window(path: Path) -> None:
    """Read a corner of an image that stays in its file."""
    from lacss_tools.io.source import open_image

    with open_image(path) as opened:
        opened.source.read(0, 64, 0, 64)


def blocks() -> np.ndarray:
    """Return twenty cells."""
    return np.kron(np.arange(20).reshape(4, 5), np.pad(np.ones((8, 8), np.int32), 1))


def annotations(folder: Path) -> Iterator[Kind]:
    """What other programs save: ROIs, GeoJSON, COCO, Cellpose, the authors' json, lists of ambiguous cells."""
    from lacss_tools.cells import cells_from_labels
    from lacss_tools.formats.ambiguous import read_ambiguous
    from lacss_tools.formats.cellpose import read_seg
    from lacss_tools.formats.coco import read_coco, write_coco
    from lacss_tools.formats.geojson import read_geojson, write_geojson
    from lacss_tools.formats.lacss_json import read_lacss_json
    from lacss_tools.formats.rois import read_rois, write_rois

    cells = cells_from_labels(blocks())
    numbers = np.arange(1, len(cells) + 1)
    write_rois(folder / "rois.zip", cells, numbers)
    yield Kind("rois", folder / "rois.zip", lambda path: read_rois(path, SHAPE))
    write_geojson(folder / "cells.geojson", cells, numbers)
    yield Kind("geojson", folder / "cells.geojson", lambda path: read_geojson(path, SHAPE))
    write_coco(folder / "coco.json", {"a": ("a.tif", cells, numbers)})
    yield Kind("coco", folder / "coco.json", read_whole_coco(read_coco))
    polygon = [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9.5, 1, 9, 9]], "score": 0.5}]
    image = {"id": 1, "file_name": "a.tif", "height": SHAPE[0], "width": SHAPE[1]}
    data = {"images": [image], "annotations": polygon, "categories": [{"id": 1, "name": "cell"}]}
    (folder / "polygons.json").write_text(json.dumps(data))
    yield Kind("polygons", folder / "polygons.json", read_whole_coco(read_coco))
    np.save(folder / "a_seg.npy", {"masks": blocks().astype(np.uint16), "filename": "a.tif"})
    yield Kind("cellpose", folder / "a_seg.npy", read_seg)
    entry = {"img_id": 1, "image_file": "plain.tif", "mask_file": "mask.tif", "locations": [[3, 4], [12.5, 20]]}
    (folder / "train.json").write_text(json.dumps([entry]))
    yield Kind("train.json", folder / "train.json", read_lacss_json)
    (folder / "ambiguous.json").write_text('{"a": [3, 17], "b": []}')
    yield Kind("ambiguous", folder / "ambiguous.json", read_ambiguous)


def read_whole_coco(read: Callable[[Path], Any]) -> Callable[[Path], object]:
    """Return what reads a COCO file and the cells of all its images."""

    def all_cells(path: Path) -> None:
        coco = read(path)
        for stem in coco.shapes:
            coco.outlines(stem)

    return all_cells


def tables(folder: Path) -> Iterator[Kind]:
    """Points, picks and groups."""
    from lacss_tools.annotate.pick.journal import Pick, read_picks, write_picks
    from lacss_tools.io.groups import groups_by_table
    from lacss_tools.io.lois import read_lois, write_lois

    write_lois(folder / "lois.csv", np.array([[3.5, 4.0], [12.0, 20.25]]), np.ones(2))
    yield Kind("lois", folder / "lois.csv", read_lois)
    picks = [Pick(stem, "2", "0.125", "person", "2026-01-02T03:04:05.678Z", "") for stem in ("a", "b")]
    write_picks(folder / "picks.csv", {pick.stem: pick for pick in picks})
    yield Kind("picks", folder / "picks.csv", read_picks)
    (folder / "groups.csv").write_text("image,group\na.tif,one\nb,two\n")
    yield Kind("groups", folder / "groups.csv", lambda path: groups_by_table(["a", "b"], path, "group"))


def runs(folder: Path) -> Iterator[Kind]:
    """Weights, and what is needed to continue a training."""
    import torch

    from lacss_tools.io.settings import read_settings, write_settings
    from lacss_tools.network.lacss import Lacss
    from lacss_tools.network.settings import ModelSettings
    from lacss_tools.network.weights import load_weights, save_weights
    from lacss_tools.settings import known
    from lacss_tools.train import checkpoint
    from lacss_tools.train.history import read_metrics
    from lacss_tools.train.settings import TrainSettings
    from lacss_tools.train.trainer import start

    sizes = ModelSettings(channels=1, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1), pyramid=8, fine=8)
    settings, device = TrainSettings(steps=2), torch.device("cpu")
    state = start(Lacss(sizes), settings, device)
    save_weights(folder / "w.safetensors", state.model, 1.0)
    yield Kind("safetensors", folder / "w.safetensors", load_weights)
    checkpoint.save_state(folder, state, "data", "")
    yield Kind("last.pt", folder / "last.pt", lambda path: checkpoint.load_state(path.parent, state, "data", ""))
    facts: dict[str, Any] = {"model": {"widths": [8, 8, 8, 8]}, "data": {"processes": 1}}
    checkpoint.write_config(folder, settings, **facts)
    yield Kind("config.toml", folder / "config.toml", lambda path: checkpoint.read_config(path.parent))
    write_settings(folder / "given.toml", "train", [settings])
    yield Kind("settings", folder / "given.toml", lambda path: read_settings(path, "train", known(TrainSettings)))
    row = {"step": 20, "seconds": 1.5, "score": 0.3, "val_ap50": 0.5, "val_ap75": 0.5, "val_map": 0.5}
    (folder / "metrics.jsonl").write_text((json.dumps(row) + "\n") * 3)
    yield Kind("metrics", folder / "metrics.jsonl", lambda path: read_metrics(path.parent))


def kinds(folder: Path) -> list[Kind]:
    """Write a file of each kind into a folder."""
    return [kind for make in (pictures, annotations, tables, runs) for kind in make(folder)]


# ---- damage ---------------------------------------------------------------------------------------------------------


def mutate(rng: random.Random, data: bytes, suffix: str) -> bytes:
    """Return a file with one to three kinds of damage."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        ways = [flip, flip, cut, copy, number] + ([tree] * 4 if suffix in TREES else [])
        data = rng.choice(ways)(rng, data)
    return data


def flip(rng: random.Random, data: bytes) -> bytes:
    """Change a few bytes, more often at the beginning, where the headers are."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if out:
            out[rng.randrange(min(len(out), rng.choice((64, 512, len(out)))))] = rng.choice(
                (0, 1, 127, 128, 255, rng.randrange(256))
            )
    return bytes(out)


def cut(rng: random.Random, data: bytes) -> bytes:
    """Leave out the end, the beginning or a piece."""
    a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return rng.choice((data[:a], data[b:], data[:a] + data[b:]))


def copy(rng: random.Random, data: bytes) -> bytes:
    """Put a piece in another place, over what is there or between."""
    a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    piece, at = data[a : min(b, a + 256)], rng.randrange(len(data) + 1)
    return data[:at] + piece + data[at + rng.choice((0, len(piece))) :]


def number(rng: random.Random, data: bytes) -> bytes:
    """Write another number in place of one in text, such as that of OME."""
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    one = rng.choice(found)
    return data[: one.start()] + rng.choice(NUMBERS) + data[one.end() :]


def tree(rng: random.Random, data: bytes) -> bytes:
    """Put something else in place of a value of JSON, at any depth."""
    try:
        root = [json.loads(data)]
    except ValueError:
        return data
    node: Any = root
    key: Any = 0
    while isinstance(node[key], dict | list) and node[key] and rng.random() < 0.85:
        node = node[key]
        key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
    if isinstance(node, dict) and rng.random() < 0.2:
        del node[key]
    else:
        node[key] = rng.choice(VALUES)
    return json.dumps(root[0]).encode()


# ---- reading --------------------------------------------------------------------------------------------------------


@contextmanager
def limits() -> Iterator[None]:
    """Let nothing take longer than SECONDS or over BYTES more memory than now, and keep quiet."""

    def stop(signal_number: int, frame: object) -> None:
        raise TooLongError

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before, alarm = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, before[1]))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        resource.setrlimit(resource.RLIMIT_AS, before)


def fault(kind: Kind, path: Path) -> str | None:
    """Read a damaged file; return what went wrong, None when it was read or refused in a sentence of the project."""
    from lacss_tools.errors import LacssError

    try:
        with limits():
            kind.read(path)
    except TooLongError:
        return f"over {SECONDS:g} s"
    except LacssError as error:
        cause: BaseException | None = error
        while cause := cause.__cause__ or cause.__context__:
            if isinstance(cause, MemoryError):
                return f"over {BYTES >> 20} MB: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def run(folder: Path, count: int, seed: int, only: str | None = None, keep: Path | None = None) -> Counter[str]:
    """Read `count` damaged files, of all kinds in turn; return the faults."""
    logging.disable(logging.CRITICAL)  # tifffile's
    rng, faults = random.Random(seed), Counter[str]()
    whole = [kind for kind in kinds(folder) if only in (None, kind.name)]
    data = {kind.name: kind.whole.read_bytes() for kind in whole}
    for kind in whole:
        assert fault(kind, kind.whole) is None, kind.name
        kind.read(kind.whole)
    for k in range(count):
        kind = whole[k % len(whole)]
        kind.whole.write_bytes(mutate(rng, data[kind.name], kind.whole.suffix))
        if (what := fault(kind, kind.whole)) is not None:
            faults[f"{kind.name}: {what[:150]}"] += 1
            if keep:
                keep.mkdir(exist_ok=True)
                (keep / f"{k}-{kind.whole.name}").write_bytes(kind.whole.read_bytes())
        kind.whole.write_bytes(data[kind.name])
    logging.disable(logging.NOTSET)
    return faults


def main() -> None:
    """Print the faults, and how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        faults = run(Path(folder), given.count, given.seed, given.only, given.keep)
    for what, count in faults.most_common():
        print(f"{count:5} {what}")
    print(f"{given.count} mutations, {faults.total()} faults, {time.monotonic() - begun:.0f} s")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
