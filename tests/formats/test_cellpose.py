import os
import pickle

import numpy as np
import pytest

from lacss_tools.errors import InputError
from lacss_tools.formats.cellpose import read_seg
from lacss_tools.formats.sources import open_source

MASKS = np.kron(np.array([[0, 1], [2, 3]]), np.ones((4, 4), int)).astype(np.uint16)


def test_masks_of_a_seg_file_are_read(tmp_path):
    content = {"masks": MASKS, "outlines": MASKS * 0, "filename": "a.tif", "flows": [MASKS.astype(float), [1, None]],
               "est_diam": np.float64(3.5), "ismanual": np.zeros(3, bool)}  # fmt: skip
    np.save(tmp_path / "a_seg.npy", content)
    assert (read_seg(tmp_path / "a_seg.npy") == MASKS).all()
    source = open_source(tmp_path)
    assert (source.kind, list(source.files)) == ("Cellpose _seg.npy", ["a"])
    assert len(source.cells("a")) == 3


def test_older_pickle_protocols_are_read(tmp_path):
    for protocol in (2, 3, 4, 5):
        with (tmp_path / "a_seg.npy").open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": ()})
            pickle.dump(np.array({"masks": MASKS}, dtype=object), stream, protocol=protocol)
        assert (read_seg(tmp_path / "a_seg.npy") == MASKS).all()


class Runs:
    """Unpickling this calls a function of the attacker's choice."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_code_in_the_file_is_not_run(tmp_path):
    np.save(tmp_path / "evil_seg.npy", {"masks": MASKS, "x": Runs(tmp_path / "owned")})
    with pytest.raises(InputError, match=r"evil_seg\.npy is not a file of Cellpose that can be trusted .*mkdir"):
        read_seg(tmp_path / "evil_seg.npy")
    assert not (tmp_path / "owned").exists()
    np.load(tmp_path / "evil_seg.npy", allow_pickle=True)  # the file would have run it
    assert (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "content", [{"outlines": MASKS}, {"masks": np.zeros((3, 4, 4), np.uint16)}, {"masks": MASKS / 2}, [MASKS]]
)
def test_files_without_a_label_image_are_named(tmp_path, content):
    np.save(tmp_path / "b_seg.npy", np.array(content, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"b_seg\.npy"):
        read_seg(tmp_path / "b_seg.npy")


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x93NUMPY\x01\x00"])
def test_damaged_files_are_named(tmp_path, data):
    (tmp_path / "c_seg.npy").write_bytes(data)
    with pytest.raises(InputError, match=r"c_seg\.npy"):
        read_seg(tmp_path / "c_seg.npy")


def test_a_plain_array_is_no_seg_file(tmp_path):
    np.save(tmp_path / "d_seg.npy", MASKS)
    with pytest.raises(InputError, match="no dictionary"):
        read_seg(tmp_path / "d_seg.npy")
