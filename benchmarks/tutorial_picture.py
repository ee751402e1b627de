"""The picture of LOIs in docs/tutorial.md, made from an image that ships with the package.

    python benchmarks/tutorial_picture.py

writes docs/lois.jpg: a nucleus image of the demo, twice enlarged, with the LOIs that `lacss annotate-lois` finds in it.
"""

from pathlib import Path

from lacss_tools.annotate.lois.find import find_lois
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.demo.demo import DATA
from lacss_tools.io.native import read_plane, write_jpeg
from lacss_tools.screen.draw import YELLOW, draw_points, enlarge, to_rgb

IMAGE = "F01_1296.tif"
ROWS, COLUMNS, FACTOR = slice(60, 280), slice(60, 460), 2
OUT = Path(__file__).parents[1] / "docs" / "lois.jpg"


def main() -> None:
    """Find the LOIs, draw them and write the picture."""
    dapi = read_plane(DATA / "train" / "dapi" / IMAGE)
    points, _ = find_lois(dapi, LoiSettings())
    rgb = enlarge(to_rgb(dapi[None]), FACTOR)
    rgb = draw_points(rgb, (points + 0.5) * FACTOR - 0.5, (0, 0, 0), radius=5)
    rgb = draw_points(rgb, (points + 0.5) * FACTOR - 0.5, YELLOW, radius=3)
    window = tuple(slice(FACTOR * part.start, FACTOR * part.stop) for part in (ROWS, COLUMNS))
    write_jpeg(OUT, rgb[window])
    print(f"{OUT}: {len(points)} LOIs in the whole image")


if __name__ == "__main__":
    main()
