"""The one place that knows folder names, stems and which file belongs to which. Paths only; reads no pixel."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.io.acquired import acquired, refuse_choice, tells_fields
from lacss_tools.io.plates import images_of, is_store
from lacss_tools.io.stems import (
    IMAGE_SUFFIXES,
    TABLE_SUFFIXES,
    ZARR,
    first_of,
    how_to_pair,
    meant,
    same_stem,
    stem_of,
)


@dataclass(frozen=True)
class Project:
    """A project folder; every attribute is a path inside it, whether it exists or not."""

    root: Path

    @property
    def images(self) -> Path:
        """The images to segment, a file each."""
        return self.root / "images"

    @property
    def dapi(self) -> Path:
        """Nucleus images, same stem as in `images`."""
        return self.root / "dapi"

    @property
    def nuclei(self) -> Path:
        """STEM.tif: optional nucleus labels."""
        return self.root / "nuclei"

    @property
    def lois(self) -> Path:
        """STEM.csv with columns y, x, response."""
        return self.root / "lois"

    @property
    def candidates(self) -> Path:
        """STEM.tif with one page per threshold, loosest first."""
        return self.root / "candidates"

    @property
    def masks(self) -> Path:
        """STEM.tif, 0/255: the picked candidate."""
        return self.root / "masks"

    @property
    def labels(self) -> Path:
        """STEM.tif: optional true instances."""
        return self.root / "labels"

    @property
    def check(self) -> Path:
        """What `lacss check` writes."""
        return self.root / "check"

    @property
    def runs(self) -> Path:
        """One folder per training run."""
        return self.root / "runs"

    @property
    def predictions(self) -> Path:
        """What `lacss predict` writes."""
        return self.root / "predictions"


def picks_file(masks: Path) -> Path:
    """Return the journal of picks that lives beside the masks."""
    return masks / "picks.csv"


def unsure_file(mask: Path) -> Path:
    """Return the file beside a mask that says where it is unsure; none has one but those of lacss pick."""
    return mask.parent / "unsure" / f"{stem_of(mask)}.tif"


def list_images(folder: Path) -> dict[str, Path]:
    """Return stem -> file for every image in `folder`, sorted by stem.

    Raises InputError when the folder is missing, holds no image (or none that a pattern asks for), or holds two images
    of one stem.
    """
    found = find_images(folder)
    if not found and tells_fields():
        refuse_choice(folder, IMAGE_SUFFIXES, _holds_results)
    return _some(folder, found, "image (TIFF, PNG, JPEG or OME-Zarr)")


def list_tables(folder: Path) -> dict[str, Path]:
    """Return stem -> file for every CSV in `folder`, sorted by stem; same errors as `list_images`."""
    return _some(folder, find_tables(folder), "CSV file")


def find_images(folder: Path) -> dict[str, Path]:
    """Return what `list_images` does, nothing when the folder is missing or holds no image.

    OME-Zarr images, and all images of OME-Zarr plates, count as files of the folder; a store may itself be the folder.
    """
    stores = [folder] if is_store(folder) else sorted(folder.glob(f"[!.]*{ZARR}"))
    if stores == [folder]:
        found = {}
    elif tells_fields() and folder.is_dir():
        found = acquired(folder, IMAGE_SUFFIXES, _holds_results)
    else:
        found = _find(folder, IMAGE_SUFFIXES)
    for store in stores:
        for stem, path in images_of(store).items():
            if stem in found:
                raise same_stem(path, found[stem], stem)
            found[stem] = path
    return dict(sorted(found.items()))


def find_tables(folder: Path) -> dict[str, Path]:
    """Return what `list_tables` does, nothing when the folder is missing or holds no table."""
    return _find(folder, TABLE_SUFFIXES)


def _holds_results(folder: Path) -> bool:
    """Return whether a folder holds masks or label images that commands made: a pattern may take them for images."""
    from lacss_tools.io.settings import COMMANDS, settings_file

    records = (settings_file(folder, command) for command in COMMANDS)
    return any(path.is_file() for path in (picks_file(folder), *records))


def _some(folder: Path, found: dict[str, Path], what: str) -> dict[str, Path]:
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {state}. Give the folder that holds the files.")
    if not found:
        raise InputError(f"{folder} holds no {what}. Check the path and the file endings.")
    return found


def _find(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:  # knows files from folders without asking for each
        names = sorted(one.name for one in entries if one.name.lower().endswith(suffixes) and one.is_file())
    found: dict[str, Path] = {}
    for path in meant([folder / name for name in names if not name.startswith(".")]):
        stem = stem_of(path)
        if stem in found:
            raise same_stem(path, found[stem], stem)
        found[stem] = path
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Place:
    """A folder of results, STEM and `suffix` each, in which some may be there under another spelling (A.TIF)."""

    folder: Path
    suffix: str
    spelled: Mapping[str, Path] = field(default_factory=dict)
    """those that are called otherwise, by stem"""

    def file(self, stem: str) -> Path:
        """Return the file of a stem, whether it exists or not."""
        return self.spelled.get(stem, self.folder / f"{stem}{self.suffix}")


def place(folder: Path, suffix: str) -> Place:
    """Look which results are in a folder, which may be missing; its path becomes absolute."""
    folder = folder.absolute()
    found = _find(folder, (suffix,)).items()
    return Place(folder, suffix, {stem: path for stem, path in found if path.name != f"{stem}{suffix}"})


@dataclass(frozen=True)
class Pairing:
    """Files of several folders matched by stem."""

    paired: dict[str, tuple[Path, ...]]
    unpaired: dict[str, tuple[str, ...]]
    """folder -> stems that lack a partner somewhere else"""

    def summary(self) -> str:
        """Return one line that says what was paired and what was not."""
        parts = [f"{len(self.paired)} paired by stem"]
        for folder, stems in self.unpaired.items():
            if stems:
                parts.append(f"{len(stems)} only in {folder} ({first_of(stems)})")
        return "; ".join(parts)


def pair(*listings: tuple[Path, dict[str, Path]]) -> Pairing:
    """Match files of several folders by stem; each listing is a folder and what `list_images` or `list_tables` found.

    Raises InputError when not a single stem is in all of them.
    """
    common = set.intersection(*(set(files) for _, files in listings))
    if not common:
        names = " and ".join(str(folder) for folder, _ in listings)
        examples = " and ".join(repr(next(iter(files))) for _, files in listings)
        first, *others = (files for _, files in listings)
        alone = next((files for files in others if not first.keys() & files.keys()), others[0])
        raise InputError(f"No file of {names} shares a stem (first ones: {examples}). {how_to_pair(first, alone)}")
    paired = {stem: tuple(files[stem] for _, files in listings) for stem in sorted(common)}
    unpaired = {str(folder): tuple(sorted(set(files) - common)) for folder, files in listings}
    return Pairing(paired, unpaired)


def check_output(output: Path, *inputs: Path) -> None:
    """Raise InputError when a command would write into a folder that it reads."""
    for folder in inputs:
        if output.resolve() == folder.resolve():
            raise InputError(f"{output} is both input and output. Choose another `output`.")
