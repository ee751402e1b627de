"""What the formats are called and which file each of them is. Imports nothing heavy: command lines read it."""

from collections.abc import Iterable
from pathlib import Path

from lacss_tools.errors import UsageError

PLACES = {
    "labels": "{}.tif",
    "coco": "{}.json",
    "roi": "{}.zip",
    "geojson": "{}.geojson",
    "csv": "{}.csv",
    "contours": "contours/{}.png",
}
"""where each format of an image goes; contours lie apart, since they are pictures and not labels"""
FORMATS = tuple(PLACES)
DEFAULT_FORMATS = "labels,csv"
COCO_OF_ALL = "coco.json"


def parse_formats(text: str) -> tuple[str, ...]:
    """Return the formats of a comma-separated list; UsageError for an unknown one.

    >>> parse_formats("roi, labels")
    ('roi', 'labels')
    """
    chosen = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown or not chosen:
        what = f"no format called {unknown[0]!r}" if unknown else "no format in the list"
        raise UsageError(f"There is {what}. Choose from {','.join(FORMATS)}.")
    return chosen


def output_path(folder: Path, stem: str, form: str) -> Path:
    """Return where one format of one image goes."""
    return folder / PLACES[form].format(stem)


def pending(folder: Path, stem: str, formats: Iterable[str]) -> Path:
    """Return the first output that is missing, or the first of all when none is."""
    paths = [output_path(folder, stem, form) for form in formats]
    return next((path for path in paths if not path.exists()), paths[0])
