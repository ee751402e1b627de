import numpy as np
import pytest
import tifffile

from lacss_tools.annotate.pick.session import open_session
from lacss_tools.io.candidates import write_candidates
from lacss_tools.io.lois import write_lois

RADII = (15, 13, 11, 9, 7)
THRESHOLDS = [0.2, 0.3, 0.4, 0.5, 0.6]


@pytest.fixture
def discs():
    """Five nested discs around (20, 25), loosest first."""
    y, x = np.mgrid[:40, :50]
    return np.stack([np.hypot(y - 20, x - 25) < radius for radius in RADII])


@pytest.fixture
def project(tmp_path, discs):
    """Three images whose candidates are the discs; one LOI in their middle."""
    (tmp_path / "images").mkdir()
    y, x = np.mgrid[:40, :50]
    for stem in ("a", "b", "c"):
        tifffile.imwrite(tmp_path / "images" / f"{stem}.tif", (y * x).astype(np.uint16))
        write_candidates(tmp_path / "candidates" / f"{stem}.tif", discs, THRESHOLDS)
        write_lois(tmp_path / "lois" / f"{stem}.csv", np.array([[20.0, 25.0]]), np.ones(1))
    return tmp_path


@pytest.fixture
def reopen(project):
    """Return a function that opens the project as a fresh start of the command does."""
    return lambda: open_session(*(project / name for name in ("images", "candidates", "lois", "masks")))


@pytest.fixture
def session(reopen):
    return reopen()
