"""Which files belong to which image of a project, whatever parts of it exist, and reading one image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lacss_tools.annotate.candidates.choice import choose
from lacss_tools.annotate.check.advice import Missing
from lacss_tools.annotate.pick.journal import AUTO, Pick, read_picks
from lacss_tools.arrays import Image, Mask, Plane, Points
from lacss_tools.errors import InputError
from lacss_tools.io.candidates import read_candidates
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_mask
from lacss_tools.io.project import find_images, find_tables, picks_file
from lacss_tools.io.stains import ALL_CHANNELS, Stain

OWN, PICKED, AUTOMATIC, REJECTED, NONE = "own", "picked", "automatic", "rejected", "none"


@dataclass(frozen=True)
class Folders:
    """Where the parts of a project lie; any of them may be missing, but not both LOIs and masks."""

    images: Path
    dapi: Path
    lois: Path
    masks: Path
    candidates: Path
    cells: Stain = ALL_CHANNELS
    """what of the images shows the cells"""
    nuclei: Stain = ALL_CHANNELS
    """what of the DAPI images shows the nuclei"""


@dataclass(frozen=True)
class Sources:
    """The files of each part by stem, and what was picked."""

    images: dict[str, Path]
    dapi: dict[str, Path]
    lois: dict[str, Path]
    masks: dict[str, Path]
    candidates: dict[str, Path]
    picks: dict[str, Pick]

    def stems(self) -> list[str]:
        """Return the images with a LOI table or a mask or candidates, sorted."""
        return sorted(self.lois.keys() | self.masks.keys() | self.candidates.keys())

    def source(self, stem: str) -> str:
        """Return where the mask of an image comes from."""
        pick = self.picks.get(stem)
        if stem in self.masks:
            return OWN if pick is None or pick.number is None else AUTOMATIC if pick.by == AUTO else PICKED
        if pick is not None and pick.number is None:
            return REJECTED
        return AUTOMATIC if stem in self.candidates else NONE

    def inputs(self, stem: str) -> tuple[Path, ...]:
        """Return the files to read for an image: the mask, or the candidates when there is none."""
        masks = self.masks if stem in self.masks else {} if self.source(stem) == REJECTED else self.candidates
        parts = (self.lois, masks, self.images, self.dapi)
        return tuple(part[stem] for part in parts if stem in part)

    def missing(self) -> Missing:
        """Return the stems that lack a partner; a part that is missing altogether is not counted."""
        images = self.images or self.dapi
        sources = {stem: self.source(stem) for stem in images}
        return Missing(
            lois=tuple(stem for stem in images if stem not in self.lois) if self.lois else (),
            masks=tuple(stem for stem in images if sources[stem] == NONE) if self.masks or self.candidates else (),
            images=tuple(stem for stem in self.stems() if stem not in images) if images else (),
            dapi=tuple(stem for stem in self.images if stem not in self.dapi) if self.dapi else (),
        )

    def sentence(self) -> str:
        """Return one line that counts what was found."""
        parts = (("LOI tables", self.lois), ("masks", self.masks), ("images", self.images), ("DAPI images", self.dapi))
        counts = ", ".join(f"{len(files)} {name}" for name, files in parts)
        return counts + ("" if self.masks or not self.candidates else f", {len(self.candidates)} candidate files")


def find_sources(folders: Folders) -> Sources:
    """List what is there; InputError when there are neither LOIs nor masks nor candidates."""
    sources = Sources(
        images=folders.cells.found(folders.images),
        dapi=folders.nuclei.found(folders.dapi),
        lois=find_tables(folders.lois),
        masks=find_images(folders.masks),
        candidates=find_images(folders.candidates),
        picks=read_picks(picks_file(folders.masks)),
    )
    if not sources.stems():
        raise InputError(
            f"{folders.lois}, {folders.masks} and {folders.candidates} hold nothing to check. "
            "Run lacss annotate-lois and lacss graphcut first."
        )
    return sources


@dataclass(frozen=True)
class LoadedAnnotation:
    """The arrays of one image."""

    image: Image | None
    dapi: Plane | None
    points: Points | None
    response: np.ndarray | None
    mask: Mask | None


def load_annotation(inputs: tuple[Path, ...], folders: Folders, area: float | None) -> LoadedAnnotation:
    """Read the files of one image; of candidates the automatic choice. InputError when sizes differ.

    `area` is the usual area per LOI of the set, which the automatic choice asks for.
    """
    by_folder = {path.parent: path for path in inputs}
    table, picture, nuclei = (by_folder.get(part) for part in (folders.lois, folders.images, folders.dapi))
    own, several = by_folder.get(folders.masks), by_folder.get(folders.candidates)
    points, response = read_lois(table) if table else (None, None)
    image = folders.cells.read(picture) if picture else None
    dapi = folders.nuclei.read_plane(nuclei, "dapi_channel") if nuclei else None
    masks = read_mask(own)[None] if own else read_candidates(several)[0] if several else None
    _same_size({picture: image, nuclei: dapi, own or several: masks})
    if masks is None:
        return LoadedAnnotation(image, dapi, points, response, None)
    chosen = 0 if own else choose(masks, np.zeros((0, 2)) if points is None else points, image, area)
    return LoadedAnnotation(image, dapi, points, response, masks[chosen])


def _same_size(arrays: dict[Path | None, np.ndarray | None]) -> None:
    sizes = {path: array.shape[-2:] for path, array in arrays.items() if array is not None}
    if len(set(sizes.values())) > 1:
        each = " and ".join(f"{path} is {height} x {width}" for path, (height, width) in sizes.items())
        raise InputError(f"{each} pixels. Give files of one image the same size.")
