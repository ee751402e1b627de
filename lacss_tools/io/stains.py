"""Which scene and which channels of image files show the cells, and which the nuclei: as a project remembers it.

What was said to `annotate-lois` and `graphcut` is in the settings beside their results; later commands follow it.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lacss_tools.arrays import Image, Plane
from lacss_tools.errors import InputError
from lacss_tools.io.image import scene_names
from lacss_tools.io.native import read_image, read_plane
from lacss_tools.io.project import Project, find_images, list_images
from lacss_tools.io.scenes import with_scene
from lacss_tools.io.settings import DATA, read_toml, settings_file
from lacss_tools.settings import Values


@dataclass(frozen=True)
class Stain:
    """What of image files shows a stain."""

    channel: str | None = None
    """the one channel of it, by index or name; None for all"""
    without: str | None = None
    """of all channels, the one that is another stain, if any"""
    scene: str | None = None
    """of files with several images, the one that is meant, or `scenes.ALL`"""

    def named(self, channel: str | None) -> "Stain":
        """Return it with the channel that somebody names, if anybody does."""
        return self if channel is None else replace(self, channel=channel, without=None)

    def images(self, folder: Path) -> dict[str, Path]:
        """Return stem -> image of a folder; errors as `list_images`."""
        return images_in(folder, self.scene)

    def found(self, folder: Path) -> dict[str, Path]:
        """Return what `images` does, nothing when the folder is missing or holds no image."""
        return with_scene(find_images(folder), self.scene, scene_names)

    def read(self, path: Path) -> Image:
        """Read its channels of an image; errors as `read_image`."""
        return read_image(path, self.channel, self.without)

    def read_plane(self, path: Path, called: str = "channel") -> Plane:
        """Read its only channel of an image, which is `called` so as a setting; errors as `read_plane`."""
        return read_plane(path, self.channel, self.without, called)


ALL_CHANNELS = Stain()


def stains(
    project: Project, images: Path, lois: Path, candidates: Path, dapi: Path | None = None
) -> tuple[Stain, Path, Stain]:
    """Return what of `images` shows the cells, the folder of nucleus images, and what of those shows the nuclei.

    The folder is `dapi` where it is given, else that of the project, or, without one, that in which LOIs were found.
    """
    known, nuclei = nuclei_of(lois)
    folder = dapi or (known if known is not None and not project.dapi.is_dir() else project.dapi)
    same = known is not None and folder.resolve() == known.resolve()
    return cells_of(images, lois, candidates), folder, nuclei if same else Stain(scene=nuclei.scene)


def images_in(folder: Path, scene: str | None) -> dict[str, Path]:
    """Return stem -> image of a folder, of files with several images the scene that is meant, or ALL of them."""
    return with_scene(list_images(folder), scene, scene_names)


def nuclei_of(lois: Path) -> tuple[Path | None, Stain]:
    """Return the folder that the LOIs in a folder were found in, None where nobody knows, and in which of its light."""
    settings, facts = _remembered(lois, "annotate-lois")
    folder = (lois / facts["dapi"]).resolve() if "dapi" in facts else None
    if folder is not None and (beside := lois.parent / folder.name).is_dir():  # the project was moved or copied
        folder = beside
    return folder, Stain(settings.get("channel"), scene=settings.get("scene"))


def cells_of(images: Path, lois: Path, candidates: Path | None = None) -> Stain:
    """Return what of `images` shows the cells: as when their candidates were cut, or all but the channel of the nuclei.

    The latter where LOIs were found in a channel of the same images.
    """
    settings, _ = _remembered(candidates, "graphcut") if candidates else ({}, {})
    if settings:
        return Stain(settings.get("channel"), settings.get("nuclei_channel"), settings.get("scene"))
    folder, nuclei = nuclei_of(lois)
    same = folder is not None and folder.resolve() == images.resolve()
    return Stain(without=nuclei.channel if same else None, scene=nuclei.scene)


def _remembered(folder: Path, command: str) -> tuple[Values, Values]:
    """Return the settings and facts beside the results of a command, none where there are none."""
    with suppress(InputError):  # a damaged file is the business of the command that writes it
        content = read_toml(settings_file(folder, command))
        return content.get(command, {}), content.get(DATA, {})
    return {}, {}
