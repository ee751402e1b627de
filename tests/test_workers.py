"""What holds while tests run, in each worker too: shapes in signatures are checked, warnings are errors, one thread."""

import os
import warnings

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from lacss_tools.io.lois import write_lois
from lacss_tools.network.losses import border_magnitude
from lacss_tools.predict.tiles import Tile


def test_a_wrong_shape_raises():
    with pytest.raises(TypeCheckError, match="n y x"):
        border_magnitude(torch.zeros(4, 4))
    assert border_magnitude(torch.zeros(1, 4, 4)).shape == (1, 4, 4)


def test_a_wrong_type_raises(tmp_path):
    with pytest.raises(TypeCheckError):
        write_lois(tmp_path / "a.csv", np.zeros((3, 3)), np.zeros(3))
    with pytest.raises(TypeCheckError):
        Tile(core=(0, 0, 1, 1), window="all")


def test_a_warning_is_an_error():
    with pytest.raises(UserWarning, match="so told"):
        warnings.warn("so told", stacklevel=1)


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process may use every core")
def test_a_worker_has_one_thread():
    assert torch.get_num_threads() == 1
    assert os.environ["OMP_NUM_THREADS"] == "1"  # what the tests start has one too
