"""Whether a training sees nuclei, and whose."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.io.nuclei import FoundNuclei, Inputs, Wanted, find_nuclei

ALL_CHANNELS = Wanted()


def training_inputs(
    images: Mapping[str, Path], folder: Path, wanted: Wanted, knows_nuclei: bool | None
) -> tuple[Inputs, str]:
    """Return how images of a folder to train on are read, and in words whether with nuclei.

    `knows_nuclei` says whether the weights to train on know nuclei, None for new ones, which do where there are some.
    InputError, with the names, when nuclei that were asked for are missing.
    """
    if knows_nuclei is False:
        if wanted.explicit:
            raise InputError("The weights of `init` know no nuclei. Leave `nuclei` out, or train without `init`.")
        return Inputs(wanted.channel), "without nuclei"
    found = find_nuclei(images, wanted, folder)
    found.demand_all()
    blank = ": their channel is blank" if knows_nuclei and not found.of else ""
    return Inputs(wanted.channel, found.of, bool(found.of) or bool(knows_nuclei)), found.sentence() + blank


def validation_nuclei(images: Mapping[str, Path], wanted: Wanted, beside: Path) -> FoundNuclei:
    """Return the nuclei of all images where they were asked for, or else in the folder `beside`, or none."""
    for way in (wanted, replace(wanted, nuclei=str(beside), root=Path())):
        with suppress(InputError):  # the next way, or none
            found = find_nuclei(images, way)
            found.demand_all()
            if found.of:
                return found
    return FoundNuclei()
