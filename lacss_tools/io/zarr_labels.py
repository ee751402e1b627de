"""Labels and tables of cells in OME-Zarr images (NGFF 0.4 and 0.5), each of them whole or not there.

A group is written as .NAME.part beside its place and renamed; readers go by the list in its parent, which comes last.
Tables are those of Fractal (https://biovisioncenter.github.io/ngio/stable/table_specs/overview/), as CSV.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.native import read_labels, write_text
from lacss_tools.io.parts import BAND, open_parts
from lacss_tools.io.plates import GROUPS, PLAIN, attributes, images_of, is_store
from lacss_tools.settings import Values

LABELS, TABLES = "labels", "tables"
"""groups of an image, each with a list of its members under its own name"""
OWN = "lacss"
"""attribute that says what a member was made from"""
FEATURES = {"type": "feature_table", "table_version": "1", "backend": "csv"}
TABLE = "table.csv"
INDEX = {"instance_key": "label", "index_key": "label", "index_type": "int"}

Rows = Callable[[slice], np.ndarray]
"""rows -> those of a label image (y, x)"""


@dataclass(frozen=True)
class Outline:
    """What labels take over from their image."""

    version: str
    """of NGFF"""
    zarr_format: int
    axes: list[Values]
    kept: list[int]
    """which axes of the image those are: all but the channels"""
    levels: dict[str, Values]
    """path in the image -> coordinate transformations"""
    transforms: Values
    """of all levels"""

    def of(self, facts: Values) -> Values:
        """Return facts where the version wants them."""
        return {"ome": {"version": self.version} | facts} if self.zarr_format == 3 else facts


def check_name(name: str, formats: tuple[str, ...]) -> None:
    """Raise UsageError for a name that no group can have, and when no labels are made that could be written."""
    if not PLAIN.fullmatch(name):
        raise UsageError(f"`into` cannot be {name!r}. Give a name of letters and digits, such as cells.")
    if LABELS not in formats:
        raise UsageError("`into` writes the labels of the images. Name labels in `format` too.")


def outline(image: Path) -> Outline:
    """Return what labels of an image have in common with it; InputError when it is no OME-Zarr image."""
    try:
        known = attributes(image)
        scales = known["multiscales"][0]
        axes = scales["axes"]
        kept = [k for k, axis in enumerate(axes) if axis["name"].lower() != "c"]
        levels = {level["path"]: _transforms(level, kept) for level in scales["datasets"]}
        version = str(scales.get("version", known.get("version", "0.4")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{image} is no OME-Zarr image, into which labels could be written. Leave `into` out."
        ) from error
    form = 3 if (image / GROUPS[0]).is_file() else 2
    return Outline(version, form, [axes[k] for k in kept], kept, levels, _transforms(scales, kept))


def _transforms(level: Values, kept: list[int]) -> Values:
    """Return the coordinate transformations of a level, or of all, for the axes that are kept."""
    name = "coordinateTransformations"
    changes = [
        {"type": change["type"]} | {key: [change[key][k] for k in kept] for key in change if key != "type"}
        for change in level.get(name, [])
    ]
    return {name: changes} if changes else {}


def origin(image: Path, kind: str, name: str) -> Values | None:
    """Return what labels or a table were made from: nothing of those of other programs, None where there are none."""
    group = image / kind / name
    return _known(group).get(OWN, {}) if group.exists() else None


def is_listed(image: Path, kind: str, name: str) -> bool:
    """Return whether labels or a table are there for readers."""
    return (image / kind / name).is_dir() and name in _known(image / kind).get(kind, [])


def labels_in(path: Path) -> dict[str, Path] | None:
    """Return stem -> labels of the images of a store, for STORE/labels/NAME, which need not exist; None for others.

    Images without labels NAME are left out. InputError where none has any.
    """
    store, name = path.parent.parent, path.name
    if path.parent.name != LABELS or not is_store(store):
        return None
    images = images_of(store).items()
    found = {stem: image / LABELS / name for stem, image in images if is_listed(image, LABELS, name)}
    if not found:
        raise InputError(f"No image of {store} has labels {name!r}. Check the name.")
    return found


def files_of(image: Path) -> list[Path]:
    """Return the files that an image is made of, in order: its own, or those of its group but labels and tables."""
    if not image.is_dir():
        return [image]
    files = (path for path in image.rglob("*") if path.is_file())
    return sorted(path for path in files if path.relative_to(image).parts[0] not in (LABELS, TABLES))


def table_of(labels: Path) -> Path:
    """Return where the table of labels in an image is."""
    return labels.parents[1] / TABLES / labels.name / TABLE


def _known(group: Path) -> Values:
    """Return the metadata of a group, nothing of one that is damaged."""
    try:
        return attributes(group)
    except (OSError, ValueError, AttributeError):
        return {}


def write_labels(image: Path, name: str, source: Path, made: Values) -> None:
    """Write the label image of a file into an image, with the levels of that; `made` says what it was made from."""
    form = outline(image)
    with _placed(image, LABELS, name, form) as group:
        _write_levels(image, group, source, form)
        levels = [{"path": str(k), **transforms} for k, transforms in enumerate(form.levels.values())]
        scales = {"name": name, "axes": form.axes, "datasets": levels, **form.transforms}
        facts = {"multiscales": [scales if form.zarr_format == 3 else scales | {"version": form.version}]}
        facts["image-label"] = {"version": form.version, "source": {"image": "../../"}}  # type: ignore[assignment]
        _describe(group, form, form.of(facts) | {OWN: made})


def write_features(image: Path, name: str, source: Path, made: Values) -> None:
    """Write the CSV table of the cells of the labels `name` into an image; `made` as in `write_labels`."""
    form = outline(image)
    with _placed(image, TABLES, name, form) as group:
        shutil.copyfile(source, group / TABLE)
        _describe(group, form, FEATURES | INDEX | {"region": {"path": f"../{LABELS}/{name}"}, OWN: made})


def remove(image: Path, kind: str, name: str) -> None:
    """Remove labels or a table, from the list first, so that no reader meets half of it."""
    home, old = image / kind, image / kind / f".{name}.old"
    if is_listed(image, kind, name):
        _list(home, outline(image), [member for member in attributes(home)[kind] if member != name])
    shutil.rmtree(old, ignore_errors=True)
    if (home / name).exists():
        (home / name).rename(old)
        shutil.rmtree(old)


@contextmanager
def _placed(image: Path, kind: str, name: str, form: Outline) -> Iterator[Path]:
    """Yield the folder of a new group, which takes its place when the block ends without an error."""
    home = image / kind
    part = home / f".{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        remove(image, kind, name)
        part.rename(home / name)
        members = attributes(home).get(kind, [])
        _list(home, form, [*(member for member in members if member != name), name])
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _list(home: Path, form: Outline, members: list[str]) -> None:
    facts = {home.name: members}
    _describe(home, form, form.of(facts) if home.name == LABELS else facts)


def _describe(group: Path, form: Outline, facts: Values) -> None:
    """Write the metadata of a group: facts over those it has."""
    path = group / GROUPS[0 if form.zarr_format == 3 else 1]
    content: Values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if form.zarr_format == 3:
        own = content.get("attributes", {})
        if "ome" in own and "ome" in facts:
            facts = facts | {"ome": own["ome"] | facts["ome"]}
        content = {"zarr_format": 3, "node_type": "group"} | content | {"attributes": own | facts}
    else:
        write_text(group / GROUPS[2], json.dumps({"zarr_format": 2}))
        content |= facts
    write_text(path, json.dumps(content, indent=2))


# ---- pixels ---------------------------------------------------------------------------------------------------------


def _write_levels(image: Path, group: Path, source: Path, form: Outline) -> None:
    """Write the pyramid band by band, each level as the nearest pixels of the one before."""
    import zarr

    node: Any = zarr.open_group(str(image), mode="r", use_consolidated=False)
    with ExitStack() as stack:
        shape, rows = _rows_of(source, stack)
        for k, path in enumerate(form.levels):
            like = node[path]
            size = [like.shape[at] for at in form.kept]
            if k == 0 and tuple(size[-2:]) != shape:
                raise InputError(f"{source} is {shape} pixels and {image} {tuple(size[-2:])}. Give its own `output`.")
            array = _new_array(group / str(k), size, [like.chunks[at] for at in form.kept], form)
            _fill(array, shape, rows)
            shape, rows = tuple(size[-2:]), lambda band, array=array: _plane(array, band)  # type: ignore[misc]


def _rows_of(source: Path, stack: ExitStack) -> tuple[tuple[int, ...], Rows]:
    """Return the size of a label image and how to read rows of it, from the file where it is large."""
    if (parts := open_parts(source, stack)) is not None:
        whole, read = parts
        height, width = whole.pixels.shape
        return (height, width), lambda band: read(band, slice(0, width))
    labels = read_labels(source)
    return labels.shape, lambda band: labels[band]


def _new_array(path: Path, shape: list[int], chunks: list[int], form: Outline) -> Any:
    import zarr

    new = form.zarr_format == 3
    return zarr.create_array(
        str(path),
        shape=shape,
        chunks=tuple(min(pair) for pair in zip(chunks, shape, strict=True)),
        dtype="uint32",
        fill_value=0,
        zarr_format=3 if new else 2,
        chunk_key_encoding={"name": "default" if new else "v2", "separator": "/"},
        dimension_names=[axis["name"] for axis in form.axes] if new else None,
    )


def _fill(array: Any, shape: tuple[int, ...], rows: Rows) -> None:
    """Fill an array (..., y, x) with the nearest pixels of a label image of `shape`, in bands of whole chunks."""
    height, width = array.shape[-2:]
    down, across = _nearest(shape[0], height), _nearest(shape[1], width)
    tall = -(-BAND // array.chunks[-2]) * array.chunks[-2]
    for top in range(0, height, tall):
        wanted = down[top : top + tall]
        band = rows(slice(int(wanted[0]), int(wanted[-1]) + 1))
        array[..., top : top + tall, :] = band[wanted - wanted[0]][:, across].astype(np.uint32)


def _nearest(before: int, after: int) -> Int64[np.ndarray, " after"]:
    """Return which of `before` pixels lies under the middle of each of `after`.

    >>> _nearest(5, 2).tolist()
    [1, 3]
    """
    nearest: np.ndarray = (2 * np.arange(after) + 1) * before // (2 * after)
    return nearest


def _plane(array: Any, band: slice) -> np.ndarray:
    """Return rows of the only plane of an array (..., y, x)."""
    part = np.asarray(array[..., band, :])
    return part.reshape(part.shape[-2:])
