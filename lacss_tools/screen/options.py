"""Command-line options that several commands share, and how their paths resolve."""

from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.io.names import SCENE
from lacss_tools.io.project import Project
from lacss_tools.io.stems import pair_by
from lacss_tools.jobs.shard import Shard, parse_shard

ProjectOption = Annotated[
    Path, typer.Option("--project", help="Project folder; relative paths start from it.", show_default="current folder")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Redo files that are done already.")]
WorkersOption = Annotated[
    int,
    typer.Option(min=0, help="Processes that work on images at the same time, of one thread each; 0: one per core."),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        help="Work on a Dask cluster instead: its address, tcp://host:8786. Its workers must have the same lacss-tools "
        "and see the same folders at the same place, best with one thread each (needs Dask).",
        show_default="none",
    ),
]


def _pair_by(pattern: str | None) -> str | None:
    if pattern is not None:
        pair_by(pattern)
    return pattern


PatternOption = Annotated[
    str | None,
    typer.Option(
        envvar="LACSS_PATTERN",
        callback=_pair_by,
        help="What pairs files whose names differ by channel: {stem} and the rest of the names without their endings, "
        "such as '{stem}_w1,{stem}_w2'; * is any text. Other files of the same stem are other channels and left out. "
        "With {channel}, files that differ in it are the channels of one image. Plates: metaxpress, operetta, "
        "cellvoyager, incucyte, or '{well}_s{field}_w{channel}' and the like; metaxpress:plane=2 chooses.",
        show_default="the whole name",
    ),
]
ShardOption = Annotated[
    Shard | None,
    typer.Option(
        parser=parse_shard,
        metavar="I/N",
        help="Work on the I-th of N shares of the files alone, for array jobs: every N-th one. Can be run again at any "
        "time, also while others run; together they give what one run gives.",
        show_default="all files",
    ),
]
CellChannelOption = Annotated[
    str | None,
    typer.Option(
        "--channel",
        help="Channel of the cells in the cell images: its 0-based index or its name.",
        show_default="as in graphcut",
    ),
]
DapiChannelOption = Annotated[
    str | None,
    typer.Option(
        help="Channel of the nuclei in nucleus images with several: its 0-based index or its name.",
        show_default="as in annotate-lois",
    ),
]
SceneOption = Annotated[str | None, typer.Option(help=SCENE, show_default=False)]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps; auto takes a GPU when there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on standard output.")]
SuffixOption = Annotated[
    str | None,
    typer.Option(
        help="What names of annotation files have behind the name of their image, such as _outlines.",
        show_default="_masks, _cp_masks, _seg, _rois and the like, where they are",
    ),
]
CategoryOption = Annotated[
    str | None,
    typer.Option(
        help="Categories of COCO that are cells (names or ids, comma-separated), or all.", show_default="the only one"
    ),
]
HERE = Path()


def resolve(project: Path, given: Path | None, default: Path) -> Path:
    """Return `given` inside the project folder (absolute paths stay), or `default`, which is inside already."""
    return default if given is None else Project(project).root / given
