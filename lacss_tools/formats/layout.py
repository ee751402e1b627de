"""Which files of a folder hold cells, and of which image: annotation may lie beside its picture, named by its tool."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.formats import cellpose, geojson, rois
from lacss_tools.formats.names import COCO_OF_ALL
from lacss_tools.io.native import read_labels
from lacss_tools.io.stems import IMAGE_SUFFIXES, stem_of
from lacss_tools.io.zarr_labels import labels_in

SEG, MASKS, LABELS, ROIS, GEOJSON, COCO = (
    "Cellpose _seg.npy", "Cellpose masks", "label images", "ImageJ ROIs", "GeoJSON", "COCO json",
)  # fmt: skip
IMAGES = (MASKS, LABELS)
"""the kinds that are image files"""
SUFFIXES = {SEG: (cellpose.SEG,), LABELS: IMAGE_SUFFIXES, ROIS: rois.SUFFIXES, GEOJSON: (geojson.SUFFIX,)}
"""of the files of each kind, in the order in which they are looked for"""
ENDINGS = (cellpose.MASKS, "_masks", "_mask", "_labels", "_label")
"""what tools add to the name of an image for its label image"""
OTHER_ENDINGS = (cellpose.SEG.removesuffix(".npy"), "_rois", "_roiset", "_annotations", "_annotation")
"""what they add for files of other kinds"""
ROI_SET = "roiset"
"""the name under which Fiji saves the ROIs of any image"""


@dataclass(frozen=True)
class Clues:
    """What is known about the cells that are looked for."""

    stems: Collection[str] = ()
    """of the images, where they are known"""
    suffix: str | None = None
    """what the names of the files have behind that of the image; None where it is one of those that tools use"""
    category: str | None = None
    """of COCO"""


NO_CLUES = Clues()


@dataclass(frozen=True)
class Listing:
    """The files of a folder that hold cells, by stem of their image."""

    kind: str
    files: dict[str, Path]
    passed_over: tuple[Path, ...] = ()
    """files that might hold cells, of images of which none of `files` is"""


def image_stem(path: Path, clues: Clues = NO_CLUES) -> str:
    """Return the stem of the image that a file is of: without its ending, unless only the whole is a known image.

    >>> image_stem(Path("A_cp_masks.tif")), image_stem(Path("A_rois.zip")), image_stem(Path("RoiSet.zip"), Clues("B"))
    ('A', 'A', 'B')
    """
    stem = stem_of(path)
    if stem.lower() == ROI_SET and len(clues.stems) == 1:
        return next(iter(clues.stems))
    endings = (clues.suffix,) if clues.suffix else (*ENDINGS, *OTHER_ENDINGS)
    ending = next((end for end in endings if stem.lower().endswith(end.lower()) and stem.lower() != end.lower()), "")
    bare = stem[: len(stem) - len(ending)]
    return stem if stem in clues.stems and bare not in clues.stems else bare


def list_cells(path: Path, clues: Clues = NO_CLUES) -> Listing | None:
    """Find the files of cells in a folder, or take the one file that `path` is; None when there are none.

    PLATE/labels/NAME stands for these labels of the images of an OME-Zarr plate.
    Label images come before ROIs and GeoJSON, since `lacss predict` writes the same cells so; but pictures of which
    these are the annotation are told by their pixels. InputError when two files are of one image.
    """
    if (stored := labels_in(path)) is not None:
        return Listing(LABELS, stored)
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if not file.name.startswith("."))
    named = [file for file in files if stem_of(file).lower().endswith((clues.suffix or "").lower())]
    kinds = {kind: [f for f in named if f.name.lower().endswith(suffixes)] for kind, suffixes in SUFFIXES.items()}
    kinds[LABELS] = _labels(kinds[LABELS])
    others = [*kinds[ROIS], *kinds[GEOJSON]]
    if not kinds[SEG] and _are_pictures(kinds[LABELS], others, (path / COCO_OF_ALL).is_file()):
        kinds[LABELS] = []
    kind = next((kind for kind, chosen in kinds.items() if chosen), None)
    if kind is None:
        return None
    found = _by_stem(kinds[kind], clues)
    every = [file for file in files if file.name.lower().endswith(sum(SUFFIXES.values(), ()))]
    rest = tuple(file for file in every if not {stem_of(file), image_stem(file, clues)} & found.keys())
    masks = all(cellpose.MASKS in stem_of(file) for file in kinds[kind])
    return Listing(MASKS if masks and kind == LABELS else kind, found, rest)


def called_otherwise(files: Mapping[str, Path]) -> dict[str, Path]:
    """Return the files, by stem of their image, that are not called like it: no labels of a project, whose names pair.

    >>> called_otherwise({"A": Path("A_masks.tif"), "B": Path("B.tif")})
    {'A': ...Path('A_masks.tif')}
    """
    return {stem: path for stem, path in files.items() if stem_of(path) != stem}


def _labels(images: list[Path]) -> list[Path]:
    """Return the label images among image files: those called after another, if there are any, which is a picture."""
    stems = {stem_of(file) for file in images}
    return [file for file in images if stem_of(file) != image_stem(file) in stems] or images


def _are_pictures(images: list[Path], others: list[Path], any_other: bool) -> bool:
    """Return whether image files are pictures with annotation beside them, as the first of these tells."""
    annotated = {image_stem(file) for file in others}
    beside = [file for file in images if stem_of(file) in annotated or any_other]
    if not beside:
        return False
    try:
        read_labels(beside[0], signed=True)
    except InputError:
        return True
    return False


def _by_stem(files: list[Path], clues: Clues) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        stem = image_stem(file, clues)
        if stem in found:
            raise InputError(f"{file} and {found[stem].name} are both of {stem!r}. Rename or remove one of them.")
        found[stem] = file
    return found
