"""How good LOIs and candidates are, against outlined cells, with default options.

    python benchmarks/annotation.py DATA     # a folder with dapi/ and labels/, and images/ for the candidates

Prints: cells with a LOI inside, LOIs on background, doubles (extra LOIs in a cell that has one, per cell); the IoU with
the true cell area of the best of five and of the automatic choice, without and with nuclei inside the cut; and how much
of what is wrong in the choice lies where it is unsure.
"""

import sys
from pathlib import Path

import numpy as np

from lacss_tools.annotate.candidates.candidates import find_candidates
from lacss_tools.annotate.candidates.choice import choose, middle_area, typical, unsure_pixels
from lacss_tools.annotate.candidates.nuclei import nuclei_at
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.lois.find import find_lois
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.annotate.lois.typical import look_for
from lacss_tools.io.native import read_image, read_labels, read_plane
from lacss_tools.io.project import list_images
from lacss_tools.points import values_at


def loi_counts(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return cells, cells hit, LOIs, LOIs on background, doubles."""
    y, x = np.clip(np.rint(points).astype(int), 0, np.array(labels.shape) - 1).T
    under = labels[y, x]
    hit = len(np.unique(under[under > 0]))
    return np.array([len(np.unique(labels[labels > 0])), hit, len(points), (under == 0).sum(), (under > 0).sum() - hit])


def main(data: Path) -> None:
    """Measure one data folder."""
    dapi, labels = list_images(data / "dapi"), list_images(data / "labels")
    settings = LoiSettings()
    diameter = look_for(list(dapi.values()), settings)
    lois = {stem: find_lois(read_plane(path), settings, diameter)[0] for stem, path in dapi.items()}
    cells, hit, found, background, doubles = sum(loi_counts(lois[s], read_labels(labels[s])) for s in lois)
    print(f"{data.name}: {len(lois)} images, {cells} cells, LOIs by {settings.rule}")
    print(
        f"  LOIs: hit {hit / cells:.4f}, background {background / found:.4f}, doubles {doubles / cells:.4f}, ", end=""
    )
    print(f"precision {hit / found:.4f}")
    if not (data / "images").is_dir():
        return
    images = {stem: read_image(path) for stem, path in list_images(data / "images").items()}
    truth = {stem: read_labels(labels[stem]) for stem in images}
    for seeds in (False, True):
        masks = {
            stem: find_candidates(
                image, CutSettings(), None, nuclei_at(lois[stem], image.shape[1:]) if seeds else None
            ).masks
            for stem, image in images.items()
        }
        print("  nuclei inside the cut" if seeds else "  cut by intensity alone")
        candidates(masks, images, lois, truth)


def candidates(
    masks: dict[str, np.ndarray],
    images: dict[str, np.ndarray],
    lois: dict[str, np.ndarray],
    truth: dict[str, np.ndarray],
) -> None:
    """Print how good candidates and their automatic choice are, and what the chosen ones say of being unsure."""
    area = typical([middle_area(masks[stem], lois[stem]) for stem in images])
    best, automatic, inside, unsure = [], [], [], []
    for stem, image in images.items():
        cells, points = truth[stem] > 0, lois[stem]
        iou = [(mask & cells).sum() / max((mask | cells).sum(), 1) for mask in masks[stem]]
        k = choose(masks[stem], points, image, area)
        best.append(max(iou))
        automatic.append(iou[k])
        inside.append(values_at(masks[stem][k], points)[values_at(cells, points)])
        wrong, doubt = masks[stem][k] != cells, unsure_pixels(masks[stem], k)
        unsure.append([doubt.sum(), (doubt & wrong).sum(), wrong.sum(), wrong.size])
    print(f"    IoU, best of five: median {np.median(best):.3f}, lowest {min(best):.3f}; ", end="")
    print(f"automatic choice: median {np.median(automatic):.3f}, lowest {min(automatic):.3f}")
    doubt, both, wrong, size = np.sum(unsure, axis=0)
    print(f"    LOIs of cells that lie in the choice: {np.concatenate(inside).mean():.4f}; ", end="")
    print(f"unsure {doubt / size:.3f} of the pixels, {both / doubt:.2f} of them wrong, {both / wrong:.2f} of all wrong")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
