"""Several images in one file: which is meant. FILE#N is the path of image N of a file."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.io.joined import channel_files

ALL = "all"
SHOWN = 6
"""names in a question"""


def split_scene(path: Path) -> tuple[Path, str | None]:
    """Return a file, and which of its images is meant where the path says so.

    >>> file, scene = split_scene(Path("images/plate.ome.tif#2"))
    >>> file.name, scene
    ('plate.ome.tif', '2')
    """
    name, _, scene = path.name.rpartition("#")
    if not name or all(file.exists() for file in channel_files(path).values() or (path,)):
        return path, None
    return path.with_name(name), scene


def paths_of(path: Path) -> list[Path]:
    """Return the files that an image is in: several where its channels have files of their own."""
    file, _ = split_scene(path)
    return list(channel_files(file).values()) or [file]


def has_own_file(path: Path) -> bool:
    """Return whether an image is all that there is in a file; neither a scene nor channels in several files are."""
    return path in paths_of(path) and path.exists()


def choose_scene(path: Path, names: list[str], scene: str | None) -> int:
    """Return which of the images of a file is meant by an index from 0 or a name; InputError when none or any may be.

    None means the only one.
    """
    if scene is None and len(names) == 1:
        return 0
    if scene is not None and scene.isdecimal() and int(scene) < len(names):
        return int(scene)
    if scene is not None and names.count(scene) == 1:
        return names.index(scene)
    listed = ", ".join(f"{k} {name}".strip() for k, name in enumerate(names[:SHOWN]))
    listed += ", ..." if len(names) > SHOWN else ""
    if scene is None:
        raise InputError(
            f"{path} holds {len(names)} scenes, {listed}: which one is meant? Name it as `scene`, or {ALL}."
        )
    raise InputError(f"{path} has no scene {scene!r}; it has {listed}. Give another `scene`.")


def with_scene(files: Mapping[str, Path], scene: str | None, names_of: Callable[[Path], list[str]]) -> dict[str, Path]:
    """Return stem -> image where one scene of each file is meant, or ALL: then those of a file are STEM_SCENE.

    `names_of` tells the names of the images in a file.
    """
    if scene is None:
        return dict(files)
    found: dict[str, Path] = {}
    for stem, path in files.items():
        names = names_of(path)
        if scene != ALL:
            number = str(names.index(scene)) if names.count(scene) == 1 else scene.replace("/", " ")
            found[stem] = path.with_name(f"{path.name}#{number}")
        elif len(names) < 2:
            found[stem] = path
        else:
            found |= {f"{stem}_{own}": path.with_name(f"{path.name}#{k}") for k, own in enumerate(_distinct(names))}
    return dict(sorted(found.items()))


def _distinct(names: list[str]) -> list[str]:
    """Return names as parts of file names, numbers where they would not be distinct.

    >>> _distinct(["well A/1", "well B"]), _distinct(["", ""])
    (['well_A_1', 'well_B'], ['0', '1'])
    """
    plain = [re.sub(r"[^\w.-]+", "_", name).strip("_.") for name in names]
    return (
        plain
        if all(plain) and len({name.lower() for name in plain}) == len(names)
        else list(map(str, range(len(names))))
    )
