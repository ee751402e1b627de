"""predict.toml in a folder of predictions: what made its files, so that nothing else is mixed in without a word."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.formats.names import COCO_OF_ALL, FORMATS, output_path
from lacss_tools.io.names import NO_NUCLEI
from lacss_tools.io.settings import settings_file, write_settings
from lacss_tools.network.weights import weights_hash
from lacss_tools.predict.settings import ImageSettings, PredictSettings, TileSettings
from lacss_tools.predict.steps import Order
from lacss_tools.settings import Values, to_table

COMMAND = "predict"
HARMLESS = ("model", "tile")
"""in a record: where the model lies and how large the tiles are do not change cells"""


def settings_of(order: Order) -> tuple[PredictSettings, ImageSettings, TileSettings]:
    """Return the settings with which images are segmented, the channel that of the training where none was given."""
    images = ImageSettings(order.channel, order.nuclei, order.nuclei_channel, order.diameter, order.scene)
    return order.settings, images, order.tiling


def describe(order: Order) -> dict[str, str]:
    """Return what the results depend on besides settings: the weights, LOIs and nuclei; and the model's path."""
    facts = {"model": str(order.model), "weights_sha256": weights_hash(order.model)}
    folders = {"lois": order.lois, "nuclei_labels": order.nuclei_labels}
    return facts | {name: str(folder) for name, folder in folders.items() if folder}


def claim(folder: Path, order: Order, stems: Iterable[str], overwrite: bool) -> None:
    """Write the record of a folder in which the images `stems` will be done.

    Where there is one that differs in what changes cells, InputError; with `overwrite` only if the folder holds other
    images besides, which would pass for results of this model. Old results of `stems` are then removed, so that a run
    that is cut short leaves none of them behind either.
    """
    path, facts = settings_file(folder, COMMAND), describe(order)
    now = to_table(*settings_of(order)) | facts
    before = _read(path, overwrite) if path.is_file() else now
    names = dict.fromkeys((*now, *before))
    changed = [name for name in names if name not in HARMLESS and before.get(name) != now.get(name)]
    if changed and not overwrite:
        what = ", ".join(name.split("_sha")[0] for name in changed)
        raise InputError(
            f"{folder} holds what {before.get('model')} found, with other {what} than now. Give another `output`, "
            "or `overwrite`."
        )
    if changed:
        _make_way(folder, set(stems), before)
    write_settings(path, COMMAND, settings_of(order), data=facts)


def _read(path: Path, overwrite: bool) -> Values:
    """Return the settings and facts of a record, which may be of a version that wrote fewer and all at the top."""
    try:
        record = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        if overwrite:
            return {}
        raise InputError(f"{path} is damaged. Give another `output`, or `overwrite`.") from error
    if COMMAND not in record:
        unsaid = {"diameter": "as trained", "channel": "all"}
        known = {name: value for name, value in record.items() if unsaid.get(name) != value}
        return to_table(PredictSettings(), TileSettings()) | {"nuclei": NO_NUCLEI} | known
    return {"nuclei": NO_NUCLEI, **record[COMMAND], **record.get("data", {})}


def _make_way(folder: Path, stems: set[str], before: Values) -> None:
    """Remove the results of `stems`; InputError, and nothing removed, when there are those of other images."""
    results = [
        (output.name.removesuffix(pattern.suffix), output)
        for pattern in (output_path(folder, "*", form) for form in FORMATS)
        for output in pattern.parent.glob(pattern.name)
        if output.name != COCO_OF_ALL and not output.name.startswith(".")
    ]
    if others := {stem for stem, _ in results} - stems:
        raise InputError(
            f"{folder} holds what {before.get('model', 'another model')} found in {len(others)} other images, such as "
            f"{min(others)}. Give another `output`."
        )
    for output in (*(output for _, output in results), folder / COCO_OF_ALL):
        output.unlink(missing_ok=True)
