"""predict.toml in a folder of predictions: what made its files, so that nothing else is mixed in without a word."""

from collections.abc import Collection
from pathlib import Path

from lacss_tools.formats.names import COCO_OF_ALL, FORMATS, output_path
from lacss_tools.io.names import NO_NUCLEI
from lacss_tools.io.settings import DATA
from lacss_tools.io.stems import as_stem
from lacss_tools.jobs.record import Record, beside
from lacss_tools.network.weights import weights_hash
from lacss_tools.predict.settings import ImageSettings, PredictSettings, TileSettings
from lacss_tools.predict.steps import Order
from lacss_tools.settings import Values, known, to_table

COMMAND = "predict"
HARMLESS = ("tile",)
"""how large the tiles are does not change cells"""


def settings_of(order: Order) -> tuple[PredictSettings, ImageSettings, TileSettings]:
    """Return the settings with which images are segmented, the channel that of the training where none was given."""
    images = ImageSettings(order.channel, order.nuclei, order.nuclei_channel, order.diameter, order.scene)
    return order.settings, images, order.tiling


def describe(order: Order) -> Record:
    """Return what the results depend on: settings, weights, LOIs and nuclei; where the model lies is only noted."""
    folders = {"lois": order.lois, "nuclei_labels": order.nuclei_labels}
    facts = {name: beside(folder, order.folder) for name, folder in folders.items() if folder}
    facts["weights_sha256"] = weights_hash(order.model)
    notes = {"model": str(order.model)}
    return Record(order.folder, COMMAND, settings_of(order), facts, notes, HARMLESS, _modern)


def claim(order: Order, stems: Collection[str], overwrite: bool) -> None:
    """Write the record of the folder in which the images `stems` will be done; errors as `Record.claim`."""
    results: dict[str, list[Path]] = {}
    for pattern in (output_path(order.folder, "*", form) for form in FORMATS):
        for output in pattern.parent.glob(pattern.name):
            if output.name != COCO_OF_ALL and not output.name.startswith("."):
                results.setdefault(as_stem(output.name.removesuffix(pattern.suffix)), []).append(output)
    describe(order).claim(results, stems, overwrite, (order.folder / COCO_OF_ALL,))


def _modern(content: Values) -> Values:
    """Return the content of a record, which may be of a version that wrote fewer settings, and all at the top."""
    if COMMAND in content:
        return content | {COMMAND: {"nuclei": NO_NUCLEI} | content[COMMAND]}
    unsaid = {"diameter": "as trained", "channel": "all"}
    said = {name: value for name, value in content.items() if unsaid.get(name) != value}
    names = {name for kind in (PredictSettings, ImageSettings, TileSettings) for name in known(kind)}
    settings = {name: value for name, value in said.items() if name in names}
    return {
        COMMAND: to_table(PredictSettings(), TileSettings()) | {"nuclei": NO_NUCLEI} | settings,
        DATA: {name: value for name, value in said.items() if name not in names},
    }
