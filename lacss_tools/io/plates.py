"""OME-Zarr stores: what their metadata says (NGFF 0.4 and 0.5), and which images a plate of wells holds.

JSON only: no array is opened, so that folders are listed without zarr.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.io.stems import ZARR, stem_of
from lacss_tools.settings import Values

GROUPS = ("zarr.json", ".zattrs", ".zgroup")
"""one of them lies in each group: of Zarr 3, of Zarr 2 with attributes, of Zarr 2 without"""
PLAIN = re.compile(r"\w[\w.-]*")
"""what names of rows, columns and fields look like; they become parts of file names"""


def is_store(path: Path) -> bool:
    """Return whether a path is called a Zarr store, or is the folder of a group in one."""
    return path.name.lower().endswith(ZARR) or any((path / name).is_file() for name in GROUPS)


def file_of(image: Path) -> Path:
    """Return what an image is in a folder: the store that it lies in, or else its own file.

    >>> file_of(Path("images/p.zarr/A/01/0")).as_posix(), file_of(Path("images/a.tif")).as_posix()
    ('images/p.zarr', 'images/a.tif')
    """
    return next((path for path in reversed(image.parents) if path.name.lower().endswith(ZARR)), image)


def attributes(group: Path) -> Values:
    """Return the metadata of a group, nothing where there is none; OSError and ValueError when that is damaged."""
    for name in GROUPS[:2]:
        if (group / name).is_file():
            content = json.loads((group / name).read_text(encoding="utf-8"))
            found = content.get("attributes", {}) if name == GROUPS[0] else content
            return {**found, **found.get("ome", {})}
    return {}


def images_of(store: Path) -> dict[str, Path]:
    """Return stem -> group of each image of a store: of a plate PLATE_A01_0 for field 0 of well A/01, in its order.

    A row, well or image of a plate has those of its images, which are called the same. InputError when the metadata of
    a plate or well is damaged, holds names of no file, or two images of one stem.
    """
    plate_of = file_of(store)
    if plate_of != store:
        inside = {stem: image for stem, image in images_of(plate_of).items() if store in (image, *image.parents)}
        if inside:
            return inside
    try:
        plate = attributes(store).get("plate")
        if plate is None:
            return {stem_of(store): store}
        places = [(str(well["path"]), field) for well in plate["wells"] for field in _fields(store / well["path"])]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{store} cannot be read as an OME-Zarr plate ({error}). Export it again.") from error
    found: dict[str, Path] = {}
    for well, field in places:
        stem = f"{stem_of(store)}_{well.replace('/', '')}_{field}"
        if stem in found or not all(PLAIN.fullmatch(part) for part in (*well.split("/"), field)):
            raise InputError(f"{store} names an image {well}/{field} that cannot be called {stem!r}. Export it again.")
        found[stem] = store / well / field
    return found


def _fields(well: Path) -> Iterator[str]:
    """Yield the names of the images of a well; a well without metadata, as one not imaged yet, has none."""
    for image in attributes(well).get("well", {}).get("images", []):
        yield str(image["path"])
