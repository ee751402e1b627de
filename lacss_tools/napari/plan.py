"""What the buttons of the panel stand for: command lines, as typed inside the project folder."""

from collections.abc import Callable
from dataclasses import dataclass

Line = list[str]


@dataclass(frozen=True)
class Choices:
    """What is chosen on the panel."""

    nuclei_channel: str = ""
    """channel of the images that shows the nuclei; empty where they are in dapi/"""
    run: str = "first"
    minutes: float = 5.0
    """of training"""
    begun: bool = False
    """whether the run is there already, and training goes on with it"""
    redo: bool = False
    """whether finished files are made again"""


def points(choices: Choices) -> list[Line]:
    """Return what finds a point per nucleus."""
    source = ["images", "--channel", choices.nuclei_channel] if choices.nuclei_channel else []
    return [["annotate-lois", *source, *_redo(choices)]]


def masks(choices: Choices) -> list[Line]:
    """Return what cuts candidates and picks one of each image."""
    return [["graphcut", *_redo(choices)], ["pick", "--auto", *_redo(choices)]]


def train(choices: Choices) -> list[Line]:
    """Return what trains the run."""
    resume = ["--resume"] if choices.begun else []
    return [["train", "--run", choices.run, "--minutes", f"{choices.minutes:g}", *resume]]


def segment(choices: Choices) -> list[Line]:
    """Return what segments all images with the run."""
    return [["predict", f"runs/{choices.run}", "images", *_redo(choices)]]


def _redo(choices: Choices) -> Line:
    return ["--overwrite"] if choices.redo else []


STEPS: dict[str, Callable[[Choices], list[Line]]] = {
    "1  Find points": points,
    "2  Cut masks": masks,
    "3  Train": train,
    "4  Segment": segment,
}
"""what the buttons say, and what they stand for"""
