import numpy as np
import pytest

from lacss_tools.cells import cells_from_labels
from lacss_tools.formats.nuclei import whole
from lacss_tools.formats.table import measure


def table(cells, nuclei, image, origin=(0, 0)):
    header, rows = measure(cells, cells_from_labels(cells), image, nuclei=nuclei, origin=origin)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_nuclei_are_measured_by_hand():
    cells = np.zeros((6, 12), np.int32)
    cells[:, :5], cells[:, 6:] = 1, 2
    nuclei = np.zeros_like(cells)
    nuclei[1:3, 1:3] = 7
    nuclei[4, 1:3] = 3
    nuclei[0, 4:8] = 9  # one pixel in the first cell, one between them, two in the second
    image = np.where(nuclei > 0, 50, 10)[None].astype(np.float32)
    first, second = table(cells, whole(nuclei), image)
    assert (first["nuclei"], first["nucleus_area"], first["nc_ratio"]) == (2, 7, pytest.approx(7 / 23, rel=1e-5))
    assert (first["nucleus_mean_0"], first["cytoplasm_mean_0"]) == (50, 10)
    assert (second["nuclei"], second["nucleus_area"]) == (1, 2)


def test_a_cell_without_nucleus_or_cytoplasm_has_no_mean_there():
    cells = np.zeros((3, 7), np.int32)
    cells[:, :3], cells[:, 4:] = 1, 2
    nuclei = np.zeros_like(cells)
    nuclei[:, 4:] = 1
    bare, full = table(cells, whole(nuclei), np.ones((1, 3, 7), np.float32))
    assert (bare["nuclei"], bare["nc_ratio"], bare["nucleus_mean_0"], bare["cytoplasm_mean_0"]) == (0, 0, "", 1)
    assert (full["nuclei"], full["nc_ratio"], full["nucleus_mean_0"], full["cytoplasm_mean_0"]) == (1, "", 1, "")


def test_many_cells_at_once_are_as_one_by_one():
    rng = np.random.default_rng(0)
    cells = np.kron(rng.integers(0, 9, (8, 8)), np.ones((6, 6), int)).astype(np.int32)
    nuclei = np.kron(rng.integers(0, 30, (12, 12)), np.ones((4, 4), int)).astype(np.int32)
    nuclei[::6] = 0  # so that every cell has cytoplasm
    image = rng.normal(100, 20, (2, 48, 48)).astype(np.float32)
    for row in table(cells, whole(nuclei), image):
        own = cells == row["label"]
        names, shared = np.unique(nuclei[own & (nuclei > 0)], return_counts=True)
        assert row["nuclei"] == sum(2 * n >= (nuclei == name).sum() for name, n in zip(names, shared, strict=True))
        assert row["nucleus_area"] == shared.sum()
        assert row["nucleus_mean_1"] == pytest.approx(image[1][own & (nuclei > 0)].mean(), rel=1e-5)
        assert row["cytoplasm_mean_0"] == pytest.approx(image[0][own & (nuclei == 0)].mean(), rel=1e-5)
