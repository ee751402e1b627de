"""The task of Fractal that segments one OME-Zarr image; the function is called as its file, as Fractal wants it."""

from tempfile import TemporaryDirectory

from lacss_tools.cli import run
from lacss_tools.network.shipped import CELLS
from lacss_tools.predict.settings import PredictSettings


def segment_cells(
    *,
    zarr_url: str,
    model: str = CELLS,
    channel: str | None = None,
    nuclei_channel: str | None = None,
    diameter: float | None = None,
    min_score: float = PredictSettings().min_score,
    label_name: str = "cells",
    overwrite: bool = True,
) -> None:
    """Segment the cells of an image with a LACSS model, and write them into it with a table of measurements.

    The image is in two dimensions: project stacks before.

    Args:
        zarr_url: OME-Zarr image to segment.
        model: Path of a run folder or of a .safetensors file, or cells for the starter model of the package.
        channel: Name or 0-based index of the channel that shows the cells; as in training if not given.
        nuclei_channel: Name or 0-based index of the channel that shows the nuclei, for a model that was trained with
            nuclei; as in training if not given.
        diameter: Typical cell diameter in pixels, if the magnification differs from that of the training images.
        min_score: Drop cells that score lower than this, the probability that a cell is right.
        label_name: Name of the labels, and of the table of their measurements.
        overwrite: Whether to replace labels and a table of this name that were made otherwise.
    """
    given = {
        "--into": label_name,
        "--channel": channel,
        "--nuclei-channel": nuclei_channel,
        "--diameter": diameter,
        "--min-score": min_score,
    }
    options = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
    with TemporaryDirectory() as folder:
        # what is in the image stays; of the files that predict writes first Fractal has no use
        run(["predict", model, zarr_url, *options, *(["--overwrite"] if overwrite else []), "--output", folder])


if __name__ == "__main__":
    from fractal_task_tools.task_wrapper import run_fractal_task

    run_fractal_task(task_function=segment_cells)
