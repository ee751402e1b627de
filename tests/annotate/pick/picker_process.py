"""The picker as a user starts it, for tests that need the real process or a real browser."""

from pathlib import Path

import numpy as np
import tifffile

from lacss_tools.annotate.candidates.candidates import find_candidates
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.pick.page.app import Picker, make_app
from lacss_tools.annotate.pick.session import open_session
from lacss_tools.io.candidates import CutNotes, write_candidates
from lacss_tools.io.lois import write_lois
from tests.served import ServedHere

SHAPE = (120, 160)


def make_project(folder: Path, stems: str, seed: int = 0) -> Path:
    """Write blurred discs with their nuclei, candidates and points: an image per letter of `stems`."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for stem in stems:
        centres = np.array([(30, 35), (32, 110), (85, 60), (88, 125)]) + random.integers(-8, 9, (4, 2))
        distance = np.hypot(y[..., None] - centres[:, 0], x[..., None] - centres[:, 1]).min(axis=-1)
        cells = 100 + 2000 / (1 + np.exp((distance - 17) / 3)) + random.normal(0, 12, SHAPE)
        nuclei = 50 + 900 * (distance < 6) + random.normal(0, 5, SHAPE)
        for name, pixels in (("images", cells), ("dapi", nuclei)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / name / f"{stem}.tif", pixels.clip(0, 4095).astype(np.uint16))
        settings = CutSettings()
        found = find_candidates(cells[None].clip(0, 4095).astype(np.uint16).astype(np.float32), settings)
        notes = CutNotes(found.dark, found.seam, settings.to_text())
        write_candidates(folder / "candidates" / f"{stem}.tif", found.masks, found.thresholds, notes)
        write_lois(folder / "lois" / f"{stem}.csv", centres.astype(float), np.full(4, 0.2))
    return folder


def here(project: Path) -> ServedHere:
    """Serve the picker of a project from this process."""
    picker = Picker(open_session(*(project / name for name in ("images", "candidates", "lois", "masks", "dapi"))))
    return ServedHere(make_app(picker), picker.token)
