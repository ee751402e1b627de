"""Which nuclei belong to which image, and images read with them: the input of a network that knows nuclei."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lacss_tools.arrays import Image
from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.names import AUTO_NUCLEI, NO_NUCLEI
from lacss_tools.io.native import read_image
from lacss_tools.io.plates import file_of
from lacss_tools.io.project import Project
from lacss_tools.io.scenes import paths_of
from lacss_tools.io.source import Nuclei, open_image, whole
from lacss_tools.io.stains import images_in
from lacss_tools.io.stems import first_of, how_to_pair


@dataclass(frozen=True)
class Wanted:
    """What is asked of images as the input of a network."""

    channel: str | None = None
    """the one channel of the cells, by index or name; None for all (but that of the nuclei)"""
    nuclei: str = NO_NUCLEI
    """AUTO_NUCLEI, NO_NUCLEI or a folder inside `root`"""
    nuclei_channel: str | None = None
    """by index or name: in the files of that folder, or with AUTO_NUCLEI in those of the images"""
    root: Path = Path()
    """folder of the project"""
    scene: str | None = None
    """of files with several images, the one that is meant, or all"""

    def __post_init__(self) -> None:
        if self.nuclei == NO_NUCLEI and self.nuclei_channel is not None:
            raise UsageError(
                f"`nuclei` {NO_NUCLEI} uses no nuclei, so `nuclei_channel` means nothing. Leave one of them out."
            )

    def images(self, folder: Path) -> dict[str, Path]:
        """Return stem -> image of a folder; errors as `list_images`."""
        return images_in(folder, self.scene)

    @property
    def explicit(self) -> bool:
        """Whether the nuclei were asked for, so that none may be missing."""
        return self.nuclei not in (AUTO_NUCLEI, NO_NUCLEI) or self.nuclei_channel is not None

    def for_model(self, knows_nuclei: bool, channel: str | None, nuclei_channel: str | None) -> "Wanted":
        """Return it for a model and the channels of its training: they hold where nothing else is said.

        InputError when nuclei were asked for and it knows none.
        """
        if not knows_nuclei and self.explicit:
            raise InputError(
                f"The model was trained without nuclei. Set `nuclei` to {NO_NUCLEI}, or train it with them."
            )
        own = self.nuclei_channel or (nuclei_channel if self.nuclei == AUTO_NUCLEI else None)
        nuclei = self.nuclei if knows_nuclei else NO_NUCLEI
        return replace(self, channel=self.channel or channel, nuclei=nuclei, nuclei_channel=own)


@dataclass(frozen=True)
class FoundNuclei:
    """Where the nuclei of some images are."""

    of: Mapping[Path, Nuclei] = field(default_factory=dict)
    """by image; a file that is missing is listed all the same when it was asked for. Empty where none are used"""
    missing: tuple[str, ...] = ()
    """stems of the images without nuclei"""
    folders: tuple[Path, ...] = ()
    """that were looked into; none where the nuclei are a channel of the images"""
    channel: str | None = None
    """of the nuclei in their files, or in those of the images"""

    @property
    def where(self) -> str:
        """What is said of their place."""
        return ", ".join(map(str, self.folders)) or f"channel {self.channel}"

    @property
    def source(self) -> str:
        """Their place as a setting."""
        if not self.of:
            return NO_NUCLEI
        return ", ".join(str(folder.absolute()) for folder in self.folders) or AUTO_NUCLEI

    def sentence(self) -> str:
        """Return in words whether there are nuclei, and if they lack for some images, which."""
        if self.of:
            return f"with nuclei from {self.where}"
        reason = f" ({self.where} lacks {_nuclei_of(self.missing)})" if self.folders else ""
        return f"without nuclei{reason}"

    def demand_all(self) -> None:
        """Raise InputError, which names the images, when nuclei that are used are missing."""
        if self.of and self.missing:
            raise InputError(
                f"{self.where} lacks {_nuclei_of(self.missing)}. Add them, or set `nuclei` to {NO_NUCLEI}."
            )


def _nuclei_of(stems: tuple[str, ...]) -> str:
    return f"the nuclei of {first_of(stems)}"


def find_nuclei(images: Mapping[str, Path], wanted: Wanted, *listed: Path) -> FoundNuclei:
    """Return the nuclei of images, stem -> file. With AUTO_NUCLEI those beside all of them, or none.

    `listed` are the folders that were given for the images, which may lie in folders of plates there. InputError when
    a folder that was asked for has none of them.
    """
    if wanted.nuclei == NO_NUCLEI:
        return FoundNuclei()
    if wanted.nuclei != AUTO_NUCLEI:
        return _in_folder(images, wanted.root / wanted.nuclei, wanted)
    if wanted.nuclei_channel is not None:
        own = {path: Nuclei(path, wanted.nuclei_channel) for path in images.values()}
        return FoundNuclei(own, channel=wanted.nuclei_channel)
    return _beside(images, wanted, listed)


def _in_folder(images: Mapping[str, Path], folder: Path, wanted: Wanted) -> FoundNuclei:
    files, channel = wanted.images(folder), wanted.nuclei_channel
    missing = tuple(stem for stem in images if stem not in files)
    if len(missing) == len(images):
        raise InputError(f"{folder} lacks {_nuclei_of(missing)}. {how_to_pair(images, files)}")
    of = {path: Nuclei(files.get(stem, folder / f"{stem}.tif"), channel) for stem, path in images.items()}
    return FoundNuclei(of, missing, (folder,), channel)


def _beside(images: Mapping[str, Path], wanted: Wanted, listed: tuple[Path, ...]) -> FoundNuclei:
    """Return the nuclei in the folder of a project that lies beside the folder of each image."""
    found: dict[Path, dict[str, Path]] = {}
    of = {}
    for stem, path in images.items():
        file = file_of(path)
        home = next((place for place in listed if place in file.parents), file.parent)
        folder = Project(home.parent).dapi
        if folder not in found:
            with suppress(InputError):  # where there are none
                found[folder] = wanted.images(folder)
        if own := found.get(folder, {}).get(stem):
            of[path] = Nuclei(own)
    missing = tuple(stem for stem, path in images.items() if path not in of)
    return FoundNuclei({} if missing else of, missing, tuple(found))


@dataclass(frozen=True)
class Inputs:
    """How images are read for a network."""

    channel: str | None = None
    nuclei: Mapping[Path, Nuclei] = field(default_factory=dict)
    """by image"""
    blank: bool = False
    """whether images without nuclei have a blank channel in their place"""

    def read(self, path: Path) -> Image:
        """Read a whole image with its nuclei, if it has any, as its last channel; errors as `open_image`."""
        if path in self.nuclei:
            with open_image(path, self.channel, nuclei=self.nuclei[path]) as opened:
                return whole(opened.seen)
        image = read_image(path, self.channel)
        return np.concatenate([image, np.zeros_like(image[:1])]) if self.blank else image

    def files(self, images: Iterable[Path]) -> list[Path]:
        """Return the files of the nuclei of these images."""
        return [file for path in images if path in self.nuclei for file in paths_of(self.nuclei[path].path)]
