"""What Cellpose saves: NAME_cp_masks.tif (or .png) and NAME_seg.npy."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from lacss_tools.arrays import Labels
from lacss_tools.errors import InputError

MASKS, SEG = "_cp_masks", "_seg.npy"
ARRAY_PARTS = {"_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer"}
ARRAY_MODULES = {
    "numpy",
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "numpy.core.numeric",
    "numpy._core.numeric",
}


class _ArraysOnly(pickle.Unpickler):
    """Builds dictionaries, numbers, text and numpy arrays; any other class or function in the file is an error."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ARRAY_MODULES and name in ARRAY_PARTS:
            return super().find_class(module, name)
        if (module, name) == ("_codecs", "encode"):  # how old pickles spell bytes
            return _latin1
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding}")
    return text.encode("latin1")


def read_seg(path: Path) -> Labels:
    """Read the label image of a _seg.npy file without running code from it.

    The file is a pickled dictionary; only arrays and plain values are built. Raises InputError for anything else in it
    and when there is no two-dimensional `masks`.
    """
    try:
        masks = np.squeeze(np.asarray(_dictionary(path)["masks"]))
    except Exception as error:  # NumPy reads the header as Python, a pickle raises what it likes
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(
            f"{path} is not a file of Cellpose that can be trusted ({reason}). Save masks as TIFF."
        ) from error
    if masks.ndim != 2 or masks.dtype.kind not in "ui":
        raise InputError(f"{path} holds masks of {masks.shape} {masks.dtype}, expected one image. Save 2D masks.")
    return masks.astype(np.int32)


def _dictionary(path: Path) -> dict[str, Any]:
    stream = io.BytesIO(path.read_bytes())
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if dtype.kind != "O" or shape != ():
        raise ValueError("it holds no dictionary")
    stored = _ArraysOnly(stream).load()
    content = stored.item() if isinstance(stored, np.ndarray) else stored
    if not isinstance(content, dict):
        raise ValueError("it holds no dictionary")
    return content
