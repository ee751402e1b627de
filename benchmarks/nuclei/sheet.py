"""Pictures of LOIs on nucleus images of every size, to look at.

    python benchmarks/nuclei/sheet.py DSB2018_MIXED DSB2018_NUCLEI -o scratch/sheets [--method network]

One PNG for each size of image, with ten images: true outlines green, missed nuclei magenta, LOIs yellow, LOIs on no
nucleus red. Images are cut to a square and magnified so that a nucleus is about 20 pixels across.
"""

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from lacss_tools.io.native import write_png

from data import NucleusImage, read_folder
from evaluate import Find, finders

TILE, COLUMNS = 360, 5
"""pixels of a square and squares in a row"""
SEEN = 20.0
"""pixels to which nuclei are magnified, by whole factors"""
GREEN, MAGENTA, YELLOW, RED = (0, 150, 0), (255, 0, 255), (255, 255, 0), (255, 60, 60)


def square(image: NucleusImage, find: Find) -> np.ndarray:
    """Return the top-left part of an image with outlines and LOIs."""
    points = find(image.dapi)
    typical = float(np.median(image.diameters)) if len(image.diameters) else SEEN
    zoom = int(np.clip(round(SEEN / typical), 1, 4))
    block = np.ones((zoom, zoom), int)
    labels = np.kron(image.labels, block)[:TILE, :TILE]
    low, high = np.percentile(image.dapi, [0.5, 99.8])
    grey = np.sqrt(np.clip((np.kron(image.dapi, block)[:TILE, :TILE] - low) / max(high - low, 1e-6), 0, 1)) * 255
    picture = np.zeros((TILE, TILE, 3), np.uint8)
    part = picture[: labels.shape[0], : labels.shape[1]]
    part[:] = grey[..., None]
    y, x = np.rint(points).astype(int).T
    under = image.labels[y, x]
    outline = border(labels)
    part[outline] = GREEN
    part[outline & ~np.isin(labels, under)] = MAGENTA
    for row, column, label in zip(y * zoom + zoom // 2, x * zoom + zoom // 2, under, strict=True):
        part[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = YELLOW if label else RED
    return picture


def border(labels: np.ndarray) -> np.ndarray:
    """Return the pixels of labels that have another label below or right of them, or that pixel."""
    framed = np.pad(labels, 1, mode="edge")
    inner = framed[1:-1, 1:-1]
    unlike = [inner != framed[1 + dy : framed.shape[0] - 1 + dy, 1 + dx : framed.shape[1] - 1 + dx]
              for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1))]  # fmt: skip
    edge: np.ndarray = np.logical_or.reduce(unlike) & (inner > 0)
    return edge


def main(
    folders: list[Path],
    output: Annotated[Path, typer.Option("--output", "-o")] = Path("scratch/sheets"),
    part: str = "validation",
    method: str = "network",
    weights: Path | None = None,
    images: int = 10,
) -> None:
    """Write one picture for each size of image."""
    for folder in folders:
        found = read_folder(folder, (part,))
        find = finders(method, found, weights)
        by_size: dict[tuple[int, ...], list[NucleusImage]] = defaultdict(list)
        for image in found:
            by_size[image.dapi.shape].append(image)
        for (height, width), of_size in by_size.items():
            chosen = [of_size[k] for k in np.unique(np.linspace(0, len(of_size) - 1, images).astype(int))]
            squares = [square(image, find) for image in chosen]
            squares += [np.zeros_like(squares[0])] * (-len(squares) % COLUMNS)
            rows = [np.hstack(squares[k : k + COLUMNS]) for k in range(0, len(squares), COLUMNS)]
            path = output / f"{folder.name}-{height}x{width}.png"
            write_png(path, np.vstack(rows))
            print(path, flush=True)


if __name__ == "__main__":
    typer.run(main)
