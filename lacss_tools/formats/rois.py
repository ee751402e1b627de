"""ImageJ ROI sets: a zip with one ROI per cell, as the ROI Manager saves and opens it."""

from pathlib import Path
from typing import Any

import numpy as np

from lacss_tools.arrays import Mask
from lacss_tools.cells import Cells, cells_from_crops
from lacss_tools.errors import InputError
from lacss_tools.formats.outline import Outline, cell_outlines, fill
from lacss_tools.io.native import atomic

SUFFIX = ".zip"
MOVE, LINE, CLOSE = 0.0, 1.0, 4.0
"""the path operations of a composite ROI"""
LOWEST, HIGHEST = -5000, 60535
"""what ImageJ's integer coordinates can hold"""


def write_rois(path: Path, cells: Cells) -> None:
    """Write one ROI per cell, named 0001, 0002, ...; with the score as a property. Overlapping cells stay whole.

    A cell without holes is a traced polygon along its pixel edges, any other a composite: filled in ImageJ, both give
    the same pixels.
    """
    import roifile

    # a zip file is opened by its name; the temporary one is empty, which is no zip to append to
    with atomic(path) as part:
        roifile.roiwrite(part, [_roi(cells, k) for k in range(len(cells))], mode="w")


def _roi(cells: Cells, k: int) -> Any:
    import roifile

    rings = [ring for polygon in cell_outlines(cells, k) for ring in polygon]
    corners = np.concatenate(rings)
    (y0, x0), (y1, x1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    common = {"name": f"{k + 1:04d}", "props": f"score: {cells.scores[k]:.6g}\n", "top": y0, "left": x0, "bottom": y1,
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


def read_rois(path: Path, shape: tuple[int, int]) -> Cells:
    """Read the areas of a .zip (or one .roi) as cells of an image of `shape`; lines, points and text are passed over.

    Raises InputError when the file is damaged, or an area holds no pixel of the image.
    """
    import roifile

    try:
        rois = roifile.roiread(path)
    except Exception as error:  # zipfile, struct and roifile raise what they like on damaged files
        raise InputError(f"{path} cannot be read as ImageJ ROIs ({error}). Save the set again in Fiji.") from error
    crops, scores = [], []
    for roi in rois if isinstance(rois, list) else [rois]:
        if not _is_area(roi):
            continue
        crop = _pixels(roi, shape)
        if crop is None:
            raise InputError(f"{path}: ROI {roi.name!r} lies outside the image of {shape} pixels. Is it of this image?")
        crops.append(crop)
        scores.append(_score(roi.props))
    return cells_from_crops(shape, crops, scores)


def _is_area(roi: Any) -> bool:
    from roifile import ROI_TYPE

    areas = (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED, ROI_TYPE.RECT, ROI_TYPE.OVAL)
    return roi.roitype in areas


def _pixels(roi: Any, shape: tuple[int, int]) -> tuple[int, int, Mask] | None:
    from roifile import ROI_TYPE

    if roi.roitype == ROI_TYPE.OVAL:
        return _ellipse(roi, shape)
    rings: list[Outline] = [np.asarray(ring, dtype=np.float64)[:, ::-1] for ring in roi.coordinates(multi=True)]
    rings = [ring for ring in rings if len(ring) > 2]
    return fill(rings, shape) if rings else None


def _ellipse(roi: Any, shape: tuple[int, int]) -> tuple[int, int, Mask] | None:
    low, high = np.array([roi.top, roi.left]), np.array([roi.bottom, roi.right])
    centre, radii = (low + high) / 2, np.maximum((high - low) / 2, 1e-9)
    low, high = np.clip(low, 0, shape), np.clip(high, 0, shape)
    y, x = np.ogrid[low[0] : high[0], low[1] : high[1]]
    mask = ((y + 0.5 - centre[0]) / radii[0]) ** 2 + ((x + 0.5 - centre[1]) / radii[1]) ** 2 <= 1
    return (int(low[0]), int(low[1]), mask) if mask.any() else None


def _score(props: str) -> float:
    for line in props.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "score":
            try:
                return float(value)
            except ValueError:
                return 1.0
    return 1.0
