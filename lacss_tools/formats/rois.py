"""ImageJ ROI sets: a zip with one ROI per cell, as the ROI Manager saves and opens it."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from lacss_tools.cells import Cells
from lacss_tools.errors import InputError
from lacss_tools.formats.outline import cell_outlines, fill
from lacss_tools.formats.outlined import DAMAGED, Crop, Gathered, Outlines
from lacss_tools.io.native import atomic

SUFFIXES = (".zip", ".roi")
LARGEST = 2**24
"""bytes of a ROI: four million coordinates"""
Corner = Float[np.ndarray, "2"]
"""y, x"""
MOVE, LINE, CLOSE = 0.0, 1.0, 4.0
"""the path operations of a composite ROI"""
LOWEST, HIGHEST = -5000, 60535
"""what ImageJ's integer coordinates can hold"""


def write_rois(path: Path, cells: Cells, numbers: Integer[np.ndarray, " n"]) -> None:
    """Write one ROI per cell, named by its number (0001), with the score as a property. Overlapping cells stay whole.

    A cell without holes is a traced polygon along its pixel edges, any other a composite: filled in ImageJ, both give
    the same pixels.
    """
    import roifile

    # a zip file is opened by its name; the temporary one is empty, which is no zip to append to
    with atomic(path) as part:
        roifile.roiwrite(part, [_roi(cells, k, number) for k, number in enumerate(numbers.tolist())], mode="w")


def _roi(cells: Cells, k: int, number: int) -> Any:
    import roifile

    rings = [ring for polygon in cell_outlines(cells, k) for ring in polygon]
    corners = np.concatenate(rings)
    (y0, x0), (y1, x1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    common = {"name": f"{number:04d}", "props": f"score: {cells.scores[k]:.6g}\n", "top": y0, "left": x0, "bottom": y1,
              "right": x1}  # fmt: skip
    if len(rings) == 1 and max(y1, x1) <= HIGHEST:
        corners = rings[0][:, ::-1] - np.array([x0, y0])
        return roifile.ImagejRoi(
            roitype=roifile.ROI_TYPE.TRACED, n_coordinates=len(corners), integer_coordinates=corners.astype(np.int32),
            **common,
        )  # fmt: skip
    path: list[float] = []
    for ring in rings:
        for number, (y, x) in enumerate(ring.tolist()):
            path += [MOVE if number == 0 else LINE, x, y]
        path.append(CLOSE)
    return roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT, shape_roi_size=len(path), multi_coordinates=np.array(path, np.float32), **common
    )


def read_rois(path: Path, shape: tuple[int, int]) -> Outlines:
    """Read the areas of a .zip (or one .roi) as cells of an image of `shape`.

    Passed over are lines, points, texts and images, areas without a pixel, and ROIs that cannot be read. Raises
    InputError when the file is damaged, or no area has a pixel of the image.
    """
    import roifile

    found = Gathered(str(path), shape)
    for file_name, data in _entries(path):
        try:
            roi = roifile.ImagejRoi.frombytes(data)
            name = roi.name or Path(file_name).stem
            if (other := _no_area(roi)) is not None:
                found.pass_over(other, repr(name))
            else:
                found.add(_pixels(roi, shape), _score(roi.props), repr(name), name)
        except Exception:  # struct and roifile raise what they like on damaged data
            found.pass_over(f"{DAMAGED} as a ROI", file_name)
    return found.outlines()


def _entries(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each ROI, of no more bytes than a ROI can have."""
    try:
        if path.suffix.lower() != SUFFIXES[0]:
            yield path.name, path.read_bytes()
            return
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.filename.lower().endswith(SUFFIXES[1]):
                    yield entry.filename, _content(archive, entry)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} cannot be read as ImageJ ROIs ({error}). Save the set again in Fiji.") from error


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return an entry; nothing when it cannot be unpacked or would be larger than any ROI is."""
    if entry.file_size > LARGEST:
        return b""
    try:
        return archive.read(entry)
    except Exception:  # the unpackers raise what they like on damaged data
        return b""


def _no_area(roi: Any) -> str | None:
    """Return what a ROI is that is no area, else None; a text and an image are kept as rectangles."""
    from roifile import ROI_SUBTYPE, ROI_TYPE

    if roi.subtype in (ROI_SUBTYPE.TEXT, ROI_SUBTYPE.IMAGE):
        return "texts" if roi.subtype == ROI_SUBTYPE.TEXT else "images"
    areas = (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED, ROI_TYPE.RECT, ROI_TYPE.OVAL)
    if roi.roitype in areas:
        return None
    return "points" if roi.roitype == ROI_TYPE.POINT else "lines"


def _pixels(roi: Any, shape: tuple[int, int]) -> Crop | None:
    from roifile import ROI_TYPE

    if roi.roitype == ROI_TYPE.OVAL:
        return _ellipse(*_box(roi), shape)
    if roi.roitype == ROI_TYPE.RECT and not roi.composite:
        (top, left), (bottom, right) = _box(roi)
        return fill([[np.array([[top, left], [top, right], [bottom, right], [bottom, left]])]], shape)
    return fill([[np.asarray(ring, dtype=np.float64)[:, ::-1] for ring in roi.coordinates(multi=True)]], shape)


def _box(roi: Any) -> tuple[Corner, Corner]:
    """Return the top left and the bottom right corner, which may lie within pixels."""
    if roi.subpixelrect:
        return np.array([roi.yd, roi.xd]), np.array([roi.yd + roi.heightd, roi.xd + roi.widthd])
    return np.array([roi.top, roi.left], np.float64), np.array([roi.bottom, roi.right], np.float64)


def _ellipse(low: Corner, high: Corner, shape: tuple[int, int]) -> Crop | None:
    centre, radii = (low + high) / 2, np.maximum((high - low) / 2, 1e-9)
    top, left = np.clip(np.floor(low), 0, shape).astype(int).tolist()
    bottom, right = np.clip(np.ceil(high), 0, shape).astype(int).tolist()
    y, x = np.ogrid[top:bottom, left:right]
    mask = ((y + 0.5 - centre[0]) / radii[0]) ** 2 + ((x + 0.5 - centre[1]) / radii[1]) ** 2 <= 1
    return (top, left, mask) if mask.any() else None


def _score(props: str) -> float:
    for line in props.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "score":
            try:
                score = float(value)
            except ValueError:
                return 1.0
            return score if np.isfinite(score) else 1.0
    return 1.0
