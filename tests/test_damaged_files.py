"""Damaged files of every kind are refused in a sentence, at once and without memory for what they only claim."""

import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from lacss_tools.errors import InputError
from lacss_tools.io.candidates import read_candidates, read_cut_notes
from lacss_tools.io.native import read_image
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.weights import load_weights, save_weights
from tests.train.worker import TINY


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz", Path(__file__).parents[1] / "benchmarks" / "fuzz.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_mutations_are_read_or_refused(fuzz, tmp_path):
    assert fuzz.run(tmp_path, 500, seed=2) == {}


def test_what_is_no_error_of_ours_is_found(fuzz, tmp_path):
    """The net has no holes: too slow, too large, another error."""

    def loop(path):
        while True:
            try:
                list(range(1000))
            except Exception:  # what readers of damaged files do
                continue

    def swell(path):
        try:
            np.ones(2**28)
        except MemoryError as error:
            raise InputError("damaged") from error

    fuzz.SECONDS, before = 0.1, fuzz.SECONDS
    (tmp_path / "x").touch()
    assert fuzz.fault(fuzz.Kind("loop", tmp_path / "x", loop), tmp_path / "x") == "over 0.1 s"
    fuzz.SECONDS = before
    assert fuzz.fault(fuzz.Kind("swell", tmp_path / "x", swell), tmp_path / "x") == "over 1024 MB: damaged"
    assert fuzz.fault(fuzz.Kind("bad", tmp_path / "x", lambda path: 1 / 0), tmp_path / "x").startswith("ZeroDivision")


def chained(pages):
    """Return a TIFF of pages of which each names the next, the last one the first."""
    at = [8 + 18 * k for k in range(pages)]
    tag = struct.pack("<HHII", 256, 4, 1, 1)
    body = [struct.pack("<H", 1) + tag + struct.pack("<I", at[(k + 1) % pages]) for k in range(pages)]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(body)


@pytest.mark.parametrize("pages", [1, 3, 150])
def test_pages_that_go_round_in_a_circle_end(tmp_path, pages):
    (tmp_path / "a.tif").write_bytes(chained(pages))
    for read in (read_candidates, read_cut_notes, read_image):
        with pytest.raises(InputError, match=r"a\.tif cannot be read; it may be damaged"):
            read(tmp_path / "a.tif")
    (tmp_path / "a.tif").write_bytes(bytes.fromhex("49492a00080000000000080000000301030001"))
    with pytest.raises(InputError, match=r"a\.tif cannot be read; it may be damaged"):
        read_candidates(tmp_path / "a.tif")


def test_a_blank_image_may_be_stored_in_next_to_nothing(tmp_path):
    for compression in ("zlib", "zstd"):
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((3000, 3000), np.uint8), compression=compression)
        assert (tmp_path / "a.tif").stat().st_size < 100_000
        assert read_image(tmp_path / "a.tif").shape == (1, 3000, 3000)


def test_sizes_that_no_file_can_hold_are_refused(fuzz, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((40, 50), np.uint8), compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as tiff:
        tiff.pages[0].tags["ImageWidth"].overwrite(2**31 - 1)
    jpeg = bytes.fromhex("ffd8ffc0000b08ffffffff01011100")
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 2**30, 2**30)
    for name, data in (("a.tif", None), ("b.jpg", jpeg), ("c.png", png)):
        if data:
            (tmp_path / name).write_bytes(data)
        with (
            fuzz.limits(),
            pytest.raises(InputError, match=r"it says that it has \d+ bytes of pixels, in a file of \d+"),
        ):
            read_image(tmp_path / name)


def test_a_network_is_not_built_larger_than_its_weights(fuzz, tmp_path):
    save_weights(tmp_path / "w.safetensors", Lacss(TINY), 1.0)
    data = (tmp_path / "w.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    told = data[8 : 8 + size].replace(b'\\"pyramid\\": 16', b'\\"pyramid\\": 99999')
    assert len(told) > size
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(told)) + told + data[8 + size :])
    with fuzz.limits(), pytest.raises(InputError, match="is of another version of the network"):
        load_weights(tmp_path / "w.safetensors")
