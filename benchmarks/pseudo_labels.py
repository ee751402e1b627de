"""How good pseudo-labels are: the fraction of outlined cells that they meet, for every kind of borders and for auto.

    python benchmarks/pseudo_labels.py DATA...     # folders with images/ and labels/ (or a COCO file), perhaps dapi/

Points are inner points of the outlines, areas the outlines closed over gaps of up to GAP pixels, so that cells touch.
Where there is DAPI: the real case too, points by `annotate-lois` and areas by `graphcut`, the automatic choice.
In the row "perfect" every pixel of the area belongs to the nearest true cell. With --partly only some cells are
outlined: elsewhere points and areas are those of DAPI and graph cut, and only outlined cells that lie in the stained
area count. All at the working scale, where a typical cell is 30 pixels across.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from skimage.morphology import disk

from lacss_tools.annotate.candidates.candidates import find_candidates
from lacss_tools.annotate.candidates.choice import choose as choose_candidate
from lacss_tools.annotate.candidates.nuclei import nuclei_at
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.lois.find import find_lois
from lacss_tools.annotate.lois.settings import METHODS, LoiSettings
from lacss_tools.annotate.lois.typical import look_for
from lacss_tools.annotate.pseudo.borders import choose, describe, measure, pool
from lacss_tools.annotate.pseudo.labels import pseudo_labels
from lacss_tools.annotate.pseudo.names import BRIGHT, DARK, DISTANCE
from lacss_tools.arrays import Image, Labels, Mask, Points
from lacss_tools.cells import Cells, cells_from_labels, cells_to_labels
from lacss_tools.formats.coco import read_coco
from lacss_tools.formats.weak import distinct, flatten, inner_points
from lacss_tools.io.native import read_image, read_labels, read_plane
from lacss_tools.io.project import list_images
from lacss_tools.metrics.overlap import overlap
from lacss_tools.network.preprocess import scaled_size, typical_diameter, working_scale
from lacss_tools.network.working import normalise, resize, to_working

GAP, NEAR = 4, 2
"""pixels, width of the gaps between outlines that are closed, and radius of the disc within which a point belongs to an
outline"""
STAINED = 0.5
"""fraction of an outline that lies in the stained area"""
CELL = 30.0
"""working pixels across a typical cell"""
IOUS = (0.5, 0.75)


@dataclass(frozen=True)
class Case:
    """One image with its weak labels and its true cells, in pixels of the file."""

    image: Image
    mask: Mask
    points: Points
    truth: Labels


@dataclass(frozen=True)
class Scaled:
    """The same at the working scale, as training sees it."""

    image: np.ndarray
    mask: Mask
    points: Points
    truth: Cells


def closed(area: Mask, gap: int = GAP) -> Mask:
    """Return the area without gaps of up to `gap` pixels: closed by a disc that is `gap` + 1 pixels across."""
    along, around = np.arange(gap + 1) - gap / 2, gap + 1
    disc = along[:, None] ** 2 + along**2 <= (gap / 2) ** 2 + 0.25
    out: Mask = ndimage.binary_closing(np.pad(area, around), disc)[around:-around, around:-around]
    return out


def read_truth(data: Path) -> dict[str, Labels]:
    """Return the outlined cells by stem, from labels/ or the folder's COCO file."""
    if (data / "labels").is_dir():
        return {stem: read_labels(path) for stem, path in list_images(data / "labels").items()}
    coco = read_coco(next(data.glob("*.json")))
    cells = {stem: coco.cells(stem) for stem in coco.shapes}
    return {stem: flatten(one.select(distinct(one))) for stem, one in cells.items()}


def from_stain(data: Path, images: dict[str, Path], settings: LoiSettings) -> Iterator[tuple[Points, Mask]]:
    """Yield LOIs from DAPI and the automatic mask of each image; LOIs outside the mask are left out, as in training."""
    planes = list_images(data / "dapi")
    diameter = look_for(list(planes.values()), settings)
    for stem, path in images.items():
        points, _ = find_lois(read_plane(planes[stem]), settings, diameter)
        image = read_image(path)
        masks = find_candidates(image, CutSettings(), None, nuclei_at(points, image.shape[1:])).masks
        mask = masks[choose_candidate(masks, points, image)]
        yield points[at(mask, points)], mask


def at(plane: np.ndarray, points: Points) -> np.ndarray:
    """Return what a plane holds at points."""
    y, x = np.round(points).astype(int).T
    return plane[y, x]


def ideal(image: Image, truth: Labels) -> Case:
    """Return the weak labels that the outlines give."""
    return Case(image, closed(truth > 0), inner_points(truth), truth)


def partly(ours: Case) -> Case:
    """Return outlines completed by points and area from stains; only stained outlines stay true."""
    near = ndimage.binary_dilation(ours.truth > 0, disk(NEAR))
    points = np.concatenate([inner_points(ours.truth), ours.points[~at(near, ours.points)]])
    mask = ours.mask | closed(ours.truth > 0)
    return Case(ours.image, mask, points, ours.truth)


def stained(case: Case, mask: Mask) -> Case:
    """Return the case without outlines that lie mostly off the mask."""
    return replace(case, truth=stained_only(case.truth, mask))


def stained_only(truth: Labels, mask: Mask) -> Labels:
    """Return the outlines that lie mostly on the mask."""
    inside = ndimage.mean(mask, truth, np.arange(truth.max() + 1))
    out: Labels = np.where(inside[truth] >= STAINED, truth, 0)
    return out


def scaled(cases: list[Case]) -> list[Scaled]:
    """Resize as training does; a typical cell is estimated from the weak labels."""
    area, points = sum(float(case.mask.sum()) for case in cases), sum(len(case.points) for case in cases)
    scale = working_scale(typical_diameter(area, points), CELL)
    out = []
    for case in cases:
        size = scaled_size(case.image.shape[1:], scale)
        image = resize(normalise(case.image), size).mean(0).numpy()
        mask = (resize(torch.from_numpy(case.mask.astype(np.float32))[None], size)[0] > 0.5).numpy()
        points_there = to_working(torch.from_numpy(case.points).float(), case.mask.shape, size).double().numpy()
        out.append(Scaled(image, mask, points_there, cells_from_labels(nearest(case.truth, size))))
    return out


def nearest(labels: Labels, size: tuple[int, int]) -> Labels:
    """Return labels resized without mixing them."""
    y, x = (((np.arange(n) + 0.5) / n * length).astype(int) for n, length in zip(size, labels.shape, strict=True))
    return labels[np.ix_(y, x)]


def met(images: list[Scaled], guess: Callable[[Scaled], Labels]) -> np.ndarray:
    """Return the best IoU that each true cell has with a guessed one."""
    best = []
    for one in images:
        guessed = cells_from_labels(guess(one))
        best.append(overlap(guessed, one.truth).iou().max(axis=0).toarray().ravel() if len(guessed) else [])
    return np.concatenate(best)


def rightly_parted(one: Scaled) -> Labels:
    """Return the mask, every pixel given to the nearest true cell: the best that pseudo-labels could be made of it."""
    truth = cells_to_labels(one.truth)
    distance, at_nearest = ndimage.distance_transform_edt(truth == 0, return_indices=True)
    out: Labels = np.where(one.mask & (distance <= GAP), truth[tuple(at_nearest)], 0)
    return out


def table(name: str, cases: list[Case]) -> None:
    """Print one line per kind of borders, and which of them is chosen."""
    images = scaled(cases)
    evidence = pool(measure(one.image, one.mask, one.points) for one in images)
    chosen = choose(evidence)
    print(f"{name}: {len(cases)} images, {sum(len(one.truth) for one in images)} cells; {describe(evidence)}")
    guesses = {kind: partial(guessed, borders=kind) for kind in (DARK, BRIGHT, DISTANCE)} | {"perfect": rightly_parted}
    for borders, guess in guesses.items():
        best = met(images, guess)
        fractions = " / ".join(f"{(best >= iou).mean():.3f}" for iou in IOUS)
        print(f"  {borders:9s} {fractions}   mean IoU {best.mean():.3f}" + ("   <- auto" if borders == chosen else ""))


def guessed(one: Scaled, borders: str) -> Labels:
    """Return the pseudo-labels."""
    return pseudo_labels(one.image, one.mask, one.points, borders)


def groups(stems: list[str], by: int | None) -> dict[str, list[str]]:
    """Return stems by their first `by` letters, all in one group without it."""
    keys = sorted({stem[:by] if by else "" for stem in stems})
    return {key: [stem for stem in stems if stem.startswith(key)] for key in keys}


def run(data: Path, options: argparse.Namespace) -> None:
    """Print the tables of one data folder."""
    truth, files = read_truth(data), list_images(data / "images")
    stems = [stem for k, stem in enumerate(files) if stem in truth and not (options.skip and k % options.skip == 0)]
    for key, own in groups(stems[:: options.every], options.group).items():
        name, images = f"{data.name} {key}".strip(), {stem: files[stem] for stem in own}
        if not options.partly:
            table(f"{name}, outlines", [ideal(read_image(images[stem]), truth[stem]) for stem in own])
        if (data / "dapi").is_dir():
            settings = LoiSettings(method=options.method, nucleus_diameter=options.nucleus_diameter)
            weak = zip(own, from_stain(data, images, settings), strict=True)
            real = [Case(read_image(images[stem]), mask, points, truth[stem]) for stem, (points, mask) in weak]
            if options.partly:
                table(f"{name}, outlines completed", [stained(partly(case), case.mask) for case in real])
                real = [stained(case, case.mask) for case in real]
            table(
                f"{name}, points from DAPI, area of the outlines",
                [replace(case, mask=closed(case.truth > 0)) for case in real],
            )
            table(f"{name}, DAPI and graph cut", real)


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--every", type=int, default=1, help="take every n-th image")
    parser.add_argument("--skip", type=int, help="leave out every n-th image: those that validate")
    parser.add_argument("--group", type=int, help="images whose names share so many letters are one data set")
    parser.add_argument("--partly", action="store_true", help="only some of the cells are outlined")
    parser.add_argument("--method", choices=METHODS, help="of annotate-lois")
    parser.add_argument("--nucleus-diameter", type=float, help="pixels; measured without it")
    options = parser.parse_args()
    for data in options.data:
        run(data, options)


if __name__ == "__main__":
    main()
