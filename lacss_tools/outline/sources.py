"""What lies beside the images of a project: nuclei to look at, points and masks that cells are compared with."""

from dataclasses import dataclass, field
from pathlib import Path

from lacss_tools.arrays import Mask, Points
from lacss_tools.errors import InputError
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_mask
from lacss_tools.io.project import find_images, find_tables
from lacss_tools.io.stains import Stain


@dataclass(frozen=True)
class Beside:
    """Files of the same stem as the images, where there are any."""

    dapi: dict[str, Path] = field(default_factory=dict)
    lois: dict[str, Path] = field(default_factory=dict)
    masks: dict[str, Path] = field(default_factory=dict)

    def nuclei_file(self, stem: str) -> Path:
        """Return the image of the nuclei; InputError when there is none."""
        if stem not in self.dapi:
            raise InputError(f"{stem} has no DAPI image of the same name. Put it into dapi/.")
        return self.dapi[stem]

    def points(self, stem: str) -> Points | None:
        """Return the LOIs of an image; None when it has no table."""
        return read_lois(self.lois[stem])[0] if stem in self.lois else None

    def mask(self, stem: str, shape: tuple[int, int]) -> Mask | None:
        """Return the mask of an image; None when it has none, or one of another size."""
        mask = read_mask(self.masks[stem]) if stem in self.masks else None
        return mask if mask is not None and mask.shape == shape else None


def find_beside(dapi: Path, lois: Path, masks: Path, scene: str | None = None) -> Beside:
    """Return what three folders hold, each of which may be missing; of nucleus images the `scene` that is meant."""
    return Beside(Stain(scene=scene).found(dapi), find_tables(lois), find_images(masks))
