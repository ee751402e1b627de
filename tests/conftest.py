"""Fixtures of several rooms. Nothing of the package is imported up here: its shapes are checked only from then on."""

import os
import signal

import pytest

MOST_WORKERS = 4
"""each holds up to 2 GB"""


def pytest_configure(config):
    """Give each of several workers one thread, and heed Ctrl-C, which what a shell starts in the background ignores.

    Both also hold for the processes that the tests start.
    """
    if config.getoption("numprocesses", default=None):  # before the workers start, and torch and OpenBLAS in them
        os.environ["OMP_NUM_THREADS"] = "1"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Return how many workers `-n auto` starts: one for each core that may be used."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_WORKERS, usable)


@pytest.fixture
def tiny_preset(monkeypatch):
    """The preset small is a network that trains in no time."""
    from lacss_tools.network.settings import PRESETS
    from tests.train.worker import TINY

    monkeypatch.setitem(PRESETS, "small", TINY)
    return TINY


@pytest.fixture
def one_thread():
    """Sums are made in the same order as in another process of one thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def no_curves(monkeypatch):
    """Nothing is plotted after validations, which takes longer than the few steps between them."""
    from lacss_tools.train import session

    monkeypatch.setattr(session, "learning_curve", lambda rows: b"")


@pytest.fixture
def folders(tmp_path):
    """A small project of two images with every kind of annotation, which also are what is validated on."""
    import numpy as np
    import tifffile

    from lacss_tools.io.lois import write_lois
    from lacss_tools.io.native import write_mask
    from lacss_tools.train.folders import TrainingFolders
    from tests.made_up import made_up_image

    for seed in range(2):
        image, labels, lois = made_up_image(seed, size=96)
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "labels").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "images" / f"f{seed}.tif", (image[0] * 1000).clip(0).astype(np.uint16))
        tifffile.imwrite(tmp_path / "labels" / f"f{seed}.tif", labels.astype(np.uint16))
        write_lois(tmp_path / "lois" / f"f{seed}.csv", lois, np.ones(len(lois)))
        write_mask(tmp_path / "masks" / f"f{seed}.tif", labels > 0)
    parts = {name: tmp_path / name for name in ("images", "lois", "masks", "labels")}
    return TrainingFolders(**parts, val_images=parts["images"], val_labels=parts["labels"])
