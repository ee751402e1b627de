"""GeoJSON of cells as QuPath reads and writes it: drag the file onto the image."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from lacss_tools.cells import Cells
from lacss_tools.errors import InputError
from lacss_tools.formats.outline import Outline, Ring, cell_outlines, fill
from lacss_tools.formats.outlined import DAMAGED, Crop, Gathered, Outlines
from lacss_tools.io.native import write_text

SUFFIX = ".geojson"
ANNOTATION = "annotation"
OTHER_KINDS = ("Point", "MultiPoint", "LineString", "MultiLineString", "GeometryCollection")


def write_geojson(path: Path, cells: Cells, numbers: Integer[np.ndarray, " n"]) -> None:
    """Write one detection object per cell, named by its number: (Multi)Polygon along pixel edges, x before y, score and
    area measured.

    Cells of several pieces become MultiPolygons; holes are kept; every polygon is valid.
    """
    features = [_feature(cells, k, number) for k, number in enumerate(numbers.tolist())]
    write_text(path, json.dumps({"type": "FeatureCollection", "features": features}, allow_nan=False) + "\n")


def _feature(cells: Cells, k: int, number: int) -> dict[str, Any]:
    pieces = [[_closed(ring) for ring in polygon] for polygon in cell_outlines(cells, k)]
    single = len(pieces) == 1
    geometry = {"type": "Polygon" if single else "MultiPolygon", "coordinates": pieces[0] if single else pieces}
    measurements = {"Score": float(cells.scores[k]), "Area px^2": int(np.count_nonzero(cells.mask(k)))}
    properties = {"objectType": "detection", "name": str(number), "measurements": measurements}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _closed(ring: Ring) -> list[list[int]]:
    # GeoJSON wants outer rings counter-clockwise with y upwards; ours are clockwise on the screen, where y points
    # down: the same order in numbers
    corners: list[list[int]] = ring[:, ::-1].tolist()
    return [*corners, corners[0]]


def read_geojson(path: Path, shape: tuple[int, int]) -> Outlines:
    """Read the polygons of a FeatureCollection, of a list of features, or of one, as cells of an image of `shape`.

    Passed over are points, lines and features without geometry, polygons that cannot be read or hold no pixel, and
    annotations that are regions: those of a class that QuPath ignores (its name ends in *), and those that hold other
    objects. Raises InputError for text that is not GeoJSON, and when no polygon has a pixel in the image.
    """
    try:
        features = _features(json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as GeoJSON ({error}). Export it again from QuPath.") from error
    found, areas = Gathered(str(path), shape), []
    for number, feature in enumerate(features, start=1):
        name = f"object {number}"
        try:
            polygons = _polygons(feature)
            crop = fill(polygons, shape)
        except NotAnAreaError as other:
            found.pass_over(str(other), name)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            found.pass_over(DAMAGED, name)
        else:
            areas.append((name, Properties.of(feature), crop))
    regions = _regions([(properties, crop) for _, properties, crop in areas])
    for k, (name, properties, crop) in enumerate(areas):
        if k in regions:
            found.pass_over("regions", name)
        else:
            found.add(crop, properties.score, name, properties.called)
    return found.outlines()


class NotAnAreaError(Exception):
    """A feature that is a point, a line or nothing."""


def _features(data: Any) -> list[Any]:
    features = data
    if isinstance(data, dict):
        features = [data] if data.get("type") == "Feature" else data.get("features")
    if not isinstance(features, list):
        raise ValueError("it has no features")
    return features


def _polygons(feature: Any) -> list[list[Outline]]:
    """Return the polygons of a feature, each a list of rings; a third coordinate is dropped."""
    geometry = feature["geometry"]
    if geometry is None:
        raise NotAnAreaError("objects without geometry")
    kind, coordinates = geometry["type"], geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon"):
        raise NotAnAreaError(f"{kind}s" if kind in OTHER_KINDS else "objects of no known kind")
    pieces = [coordinates] if kind == "Polygon" else coordinates
    return [[np.array([point[:2] for point in ring], dtype=float)[:, ::-1] for ring in piece] for piece in pieces]


@dataclass(frozen=True)
class Properties:
    """What QuPath says of an object."""

    kind: str
    """annotation, detection, cell, ..."""
    ignored: bool
    """whether its class is one of those that QuPath ignores"""
    score: float
    called: str

    @classmethod
    def of(cls, feature: dict[str, Any]) -> "Properties":
        """Return those of a feature; what is missing or odd is empty, and the score then 1."""
        own = _dictionary(feature.get("properties"))
        score, group = _dictionary(own.get("measurements")).get("Score"), _dictionary(own.get("classification"))
        known = float(score) if isinstance(score, int | float) and abs(score) < np.inf else 1.0
        return cls(str(own.get("objectType")), str(group.get("name")).endswith("*"), known, str(own.get("name", "")))


def _dictionary(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _regions(areas: list[tuple[Properties, Crop | None]]) -> set[int]:
    """Return which areas are regions: of an ignored class, or annotations that hold other objects.

    Others are held when their middle is inside: a detection, or several annotations (one may be a small cell on a
    large one).
    """
    ignored = {k for k, (properties, _) in enumerate(areas) if properties.ignored}
    middles = np.array([_middle(crop) for _, crop in areas]).reshape(-1, 2)
    annotation = np.array([properties.kind == ANNOTATION for properties, _ in areas], dtype=bool)
    held = set()
    for k in np.flatnonzero(annotation).tolist():
        crop = areas[k][1]
        if crop is None:
            continue
        y0, x0, mask = crop
        at = middles - (y0, x0)
        inside = np.all((at >= 0) & (at < mask.shape), axis=1)
        inside[inside] = mask[tuple(at[inside].astype(int).T)]
        inside[k] = False
        if (inside & ~annotation).any() or np.count_nonzero(inside) > 1:
            held.add(k)
    return ignored | held


def _middle(crop: Crop | None) -> tuple[float, float]:
    """Return the middle of the box of an area; nowhere for one without a pixel."""
    if crop is None:
        return np.nan, np.nan
    y0, x0, mask = crop
    return y0 + mask.shape[0] / 2, x0 + mask.shape[1] / 2
