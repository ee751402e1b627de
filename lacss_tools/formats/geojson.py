"""GeoJSON of cells as QuPath reads and writes it: drag the file onto the image."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from lacss_tools.cells import Cells, cells_from_crops
from lacss_tools.errors import InputError
from lacss_tools.formats.outline import Outline, Ring, cell_outlines, fill
from lacss_tools.io.native import write_text

SUFFIX = ".geojson"


def write_geojson(path: Path, cells: Cells) -> None:
    """Write one detection object per cell: (Multi)Polygon along pixel edges, x before y, score and area measured.

    Cells of several pieces become MultiPolygons; holes are kept; every polygon is valid.
    """
    features = [_feature(cells, k) for k in range(len(cells))]
    write_text(path, json.dumps({"type": "FeatureCollection", "features": features}, allow_nan=False) + "\n")


def _feature(cells: Cells, k: int) -> dict[str, Any]:
    pieces = [[_closed(ring) for ring in polygon] for polygon in cell_outlines(cells, k)]
    single = len(pieces) == 1
    geometry = {"type": "Polygon" if single else "MultiPolygon", "coordinates": pieces[0] if single else pieces}
    measurements = {"Score": float(cells.scores[k]), "Area px^2": int(np.count_nonzero(cells.mask(k)))}
    properties = {"objectType": "detection", "name": str(k + 1), "measurements": measurements}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _closed(ring: Ring) -> list[list[int]]:
    # GeoJSON wants outer rings counter-clockwise with y upwards; ours are clockwise on the screen, where y points
    # down: the same order in numbers
    corners: list[list[int]] = ring[:, ::-1].tolist()
    return [*corners, corners[0]]


def read_geojson(path: Path, shape: tuple[int, int]) -> Cells:
    """Read the polygons of a FeatureCollection, or of a list of features, as cells of an image of `shape`.

    Raises InputError for text that is not GeoJSON and for a polygon that holds no pixel of the image.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        features = data["features"] if isinstance(data, dict) else data
        shapes = [(feature["geometry"], feature.get("properties") or {}) for feature in features]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} cannot be read as GeoJSON ({error}). Export it again from QuPath.") from error
    crops, scores = [], []
    for number, (geometry, properties) in enumerate(shapes, start=1):
        if geometry.get("type") not in ("Polygon", "MultiPolygon"):
            continue
        pieces = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        rings: list[Outline] = [np.array(ring, dtype=float)[:, ::-1] for piece in pieces for ring in piece]
        crop = fill(rings, shape)
        if crop is None:
            raise InputError(f"{path}: polygon {number} lies outside the image of {shape} pixels. Is it of this image?")
        crops.append(crop)
        measured = properties.get("measurements")
        scores.append(float(measured.get("Score", 1.0)) if isinstance(measured, dict) else 1.0)
    return cells_from_crops(shape, crops, scores)
