"""Images and their cells in, a picture of each out, and a sheet of all."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lacss_tools.errors import InputError
from lacss_tools.formats.sources import Segmentations
from lacss_tools.io.image import load
from lacss_tools.io.native import atomic
from lacss_tools.io.nuclei import FoundNuclei, Inputs
from lacss_tools.jobs.batch import Job
from lacss_tools.picture.figure import picture
from lacss_tools.picture.settings import PictureSettings

SHEET = "sheet.png"
THUMBNAIL, COLUMNS = 2.4, 6
"""inches of a picture on the sheet, and most pictures in a row"""


@dataclass(frozen=True)
class Pictures:
    """What pictures are made of, and where they go."""

    source: Segmentations
    images: dict[str, Path]
    nuclei: FoundNuclei
    channel: str | None
    folder: Path
    forms: tuple[str, ...]
    settings: PictureSettings

    def files(self, stem: str) -> list[Path]:
        """Return the files of one image."""
        return [self.folder / f"{stem}.{form}" for form in self.forms]

    def jobs(self) -> list[Job]:
        """Return a job for every image that has cells."""
        return [
            Job(stem, (self.images[stem], path), self.files(stem)[0])
            for stem, path in self.source.files.items() if stem in self.images
        ]  # fmt: skip


def make(job: Job, pictures: Pictures) -> None:
    """Write the picture of one image in each format; InputError where cells and image have other sizes."""
    pixels = Inputs(pictures.channel, pictures.nuclei.of).read(job.inputs[0])
    nuclei = pixels[-1] if job.inputs[0] in pictures.nuclei.of else None
    image = pixels if nuclei is None else pixels[:-1]
    shape = (image.shape[1], image.shape[2])
    cells = pictures.source.cells(job.stem, shape, signed=True)
    if cells.shape != shape:
        raise InputError(f"{job.inputs[0]} is {shape} pixels and {job.inputs[1]} {cells.shape}. Give one size.")
    known = load(job.inputs[0]).pixel_size
    pixel_size = pictures.settings.pixel_size or (known[1] if known else None)
    for path, form in zip(pictures.files(job.stem), pictures.forms, strict=True):
        content = picture(image, nuclei, cells, pictures.settings, pixel_size, form)
        with atomic(path) as part:
            part.write_bytes(content)


def write_sheet(folder: Path, stems: list[str]) -> Path:
    """Write the contact sheet of pictures that were made as png, and return its path."""
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    columns = min(COLUMNS, max(1, len(stems)))
    rows = -(-len(stems) // columns)
    figure = Figure(figsize=(THUMBNAIL * columns, (THUMBNAIL + 0.25) * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, stem in zip(axes, stems, strict=False):
        axis.imshow(imread(folder / f"{stem}.png"))
        axis.set_title(stem, fontsize=7)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150, bbox_inches="tight")
    with atomic(folder / SHEET) as part:
        part.write_bytes(file.getvalue())
    return folder / SHEET
