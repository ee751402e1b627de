"""A model in, a folder of files for other runtimes out."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.export import bioimageio, check, graphs
from lacss_tools.export.facts import Facts, facts_of
from lacss_tools.export.names import BIOIMAGE, CELLS, FACTS, HASH, MAPS, RDF, ROOT_INSIDE
from lacss_tools.io.native import atomic, write_text
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.weights import load_weights, trained_channel, weights_hash


@dataclass(frozen=True)
class Trained:
    """A model for export and what its file says of it."""

    path: Path
    model: Lacss
    scale: float
    channel: str | None
    weights_sha256: str

    def channels_said(self) -> str:
        """Return in words which channels an image has."""
        sizes = self.model.settings
        cells = sizes.channels - (sizes.nuclei is not None)
        channels = f"{cells} channel" + ("s" if cells > 1 else "")
        return f"{channels}, then nuclei (or zeros)" if sizes.nuclei is not None else f"{channels}, without nuclei"

    def facts(self, root_inside: bool) -> Facts:
        """Return the facts about the model, in an export whose graph holds the square root or not."""
        return facts_of(self.model, self.scale, self.channel, self.weights_sha256, root_inside)


def open_model(path: Path) -> Trained:
    """Load a run folder or a .safetensors file; InputError when it is neither or packages are missing."""
    graphs.needed()
    model, scale = load_weights(path)
    return Trained(path, model.eval(), scale, trained_channel(path), weights_hash(path))


def is_done(folder: Path, trained: Trained, to: str) -> bool:
    """Return whether a folder holds the whole export `to` (onnx or bioimageio) of just these weights.

    InputError when it holds that of other weights, or the other kind.
    """
    try:
        known = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    bioimage = to == BIOIMAGE
    if known.get(HASH) != trained.weights_sha256 or known.get(ROOT_INSIDE) is not bioimage:
        raise InputError(f"{folder} holds an export of other weights or kind. Give another `output`, or `overwrite`.")
    return not bioimage or (folder / RDF).is_file()


def write_onnx(folder: Path, trained: Trained) -> float:
    """Write maps.onnx, cells.onnx and lacss.json; return their largest difference from torch (at most 1e-3)."""
    return _write_graphs(folder, trained, root=False)


def write_bioimageio(folder: Path, trained: Trained, about: bioimageio.About) -> float:
    """Write a bioimage.io model folder, whose graph `maps` takes images between two percentiles; return as above."""
    worst = _write_graphs(folder, trained, root=True)
    bioimageio.write_folder(folder, trained.path, trained.facts(root_inside=True), about)
    return worst


def _write_graphs(folder: Path, trained: Trained, root: bool) -> float:
    known = trained.facts(root)
    maps, cells = graphs.maps_onnx(trained.model, known, root), graphs.cells_onnx(trained.model, known)
    worst = max(check.compare_maps(maps, trained.model, root), check.compare_cells(cells, trained.model))
    for name in (RDF, FACTS):  # written last, they say that all is whole
        (folder / name).unlink(missing_ok=True)
    for name, content in ((MAPS, maps), (CELLS, cells)):
        with atomic(folder / name) as part:
            part.write_bytes(content)
    write_text(folder / FACTS, json.dumps(asdict(known), indent=2) + "\n")
    return worst
