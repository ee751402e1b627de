"""Images on disk for the functions here: a folder or an OME-Zarr plate, read as the commands read it."""

from collections.abc import Iterator
from pathlib import Path

from lacss_tools.arrays import Image
from lacss_tools.io.native import read_image
from lacss_tools.io.project import list_images
from lacss_tools.io.stems import stem_of


def read_images(path: str | Path, *, channel: int | str | None = None) -> Iterator[tuple[str, Image]]:
    """Read the images of a folder, an OME-Zarr plate or a file one by one, as the commands do.

    Parameters
    ----------
    path : str or Path
        A folder of images, an OME-Zarr image or plate (with the extra zarr), or an image file.
    channel : int or str, optional
        The channel to read, by its 0-based index or its name. By default all.

    Yields
    ------
    stem : str
        The name that pairs files, of a plate PLATE_WELL_FIELD.
    image : array (channel, y, x), float32

    Raises
    ------
    InputError
        When there is no image, or the next one cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tifffile
    >>> from lacss_tools import read_images, sample_data
    >>> with TemporaryDirectory() as folder:
    ...     tifffile.imwrite(f"{folder}/plate_A01_0.tif", sample_data().images[0])
    ...     for stem, image in read_images(folder):
    ...         print(stem, image.shape)
    plate_A01_0 (1, 390, 522)
    """
    place = Path(path)
    files = list_images(place) if place.is_dir() else {stem_of(place): place}
    for stem, file in files.items():
        yield stem, read_image(file, None if channel is None else str(channel))
