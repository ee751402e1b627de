"""The train.json of the paper's authors: image, mask and locations of each image."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lacss_tools.arrays import Mask, Points
from lacss_tools.errors import InputError
from lacss_tools.io.native import read_mask
from lacss_tools.io.stems import stem_of
from lacss_tools.points import inside_image, values_at


@dataclass(frozen=True)
class LacssImage:
    """One entry: files, and the (y, x) of each cell."""

    image: Path
    mask: Path
    locations: Points


def is_lacss_json(data: Any) -> bool:
    """Return whether parsed JSON looks like a train.json."""
    return isinstance(data, list) and bool(data) and all(isinstance(d, dict) and "locations" in d for d in data)


def read_lacss_json(path: Path) -> dict[str, LacssImage]:
    """Read stem -> image; file names are relative to the json file.

    Raises InputError for an entry that lacks a key, for two images of one stem, and for locations that are no numbers.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}). Export it again.") from error
    if not is_lacss_json(entries):
        raise InputError(f"{path} is no list of images with their locations. Export it again.")
    images: dict[str, LacssImage] = {}
    for number, entry in enumerate(entries, start=1):
        name = f"{path}: entry {number}"
        try:
            image, mask = path.parent / entry["image_file"], path.parent / entry["mask_file"]
            locations = np.array(entry["locations"], dtype=np.float64).reshape(-1, 2)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"{name} lacks image_file, mask_file or locations [y, x] ({error}). Correct it."
            ) from error
        if not np.isfinite(locations).all():
            raise InputError(f"{name} has locations that are no numbers. Correct them.")
        if stem_of(image) in images:
            raise InputError(f"{name}: another image is called {stem_of(image)} too. Rename one.")
        images[stem_of(image)] = LacssImage(image, mask, locations)
    return images


def read_upright_mask(entry: LacssImage) -> tuple[Mask, bool]:
    """Return the mask, True on cells, and whether the file is inverted: more locations lie on its background.

    Raises InputError when a location lies outside the image.
    """
    mask = read_mask(entry.mask)
    outside = ~inside_image(entry.locations, mask.shape)
    if outside.any():
        raise InputError(
            f"{entry.mask}: {int(outside.sum())} locations lie outside its {mask.shape} pixels. They are y, x; swap?"
        )
    inverted = 2 * np.count_nonzero(values_at(mask, entry.locations)) < len(entry.locations)
    return (~mask if inverted else mask), bool(inverted)
