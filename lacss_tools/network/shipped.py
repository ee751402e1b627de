"""The models that ship with the package, and the names that stand for them in place of a path."""

from dataclasses import dataclass
from pathlib import Path

from lacss_tools.network.weights import BEST

CELLS = "cells"


@dataclass(frozen=True)
class Shipped:
    """A file of weights of the package, and in words what it was trained on and by whom."""

    path: Path
    about: str


SHIPPED = {
    CELLS: Shipped(
        Path(__file__).parent / "data" / f"{CELLS}.safetensors",
        "the starter model in the package, trained by the lacss_tools authors on outlined cells of CCDB:6843 (Yu, Lee, "
        "Hariharan, Bu, Ahmed; CC BY 3.0), T98G cells in phase contrast (Usiigaci, OIST; MIT) and nuclei of BBBC038 "
        f"(CC0). It is for a first look; lacss train --init {CELLS} begins with it",
    )
}


def model_path(root: Path, given: Path) -> Path:
    """Return where a model lies: that under `root`, or that of the package where there is none and the name is its own.

    So a run or file of that name wins, but not a folder of images.
    """
    own = root / given
    there = own.is_file() or (own / BEST).is_file()
    return own if there or str(given) not in SHIPPED else SHIPPED[str(given)].path


def introduction(path: Path) -> list[str]:
    """Return lines on a model of the package, none on any other."""
    return [f"{name}: {model.about}" for name, model in SHIPPED.items() if model.path == path]
