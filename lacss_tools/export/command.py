"""`lacss export`."""

from pathlib import Path
from typing import Annotated

import typer

from lacss_tools.errors import UsageError
from lacss_tools.export.names import BIOIMAGE, LICENCE, ONNX
from lacss_tools.io.project import check_output
from lacss_tools.screen.options import HERE, OverwriteOption, ProjectOption

KINDS = (ONNX, BIOIMAGE)


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("export")(export)


def export(
    model: Annotated[Path, typer.Argument(help="Run folder, .safetensors file, or cells: the starter model.")],
    to: Annotated[
        str, typer.Option(help="onnx: two graphs and what to know about them; bioimageio: a model folder around them.")
    ] = ONNX,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Where to write.", show_default="MODEL/TO, beside the weights; of cells TO"
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model (bioimageio).", show_default="as the run")] = None,
    author: Annotated[
        list[str] | None, typer.Option(help="Who made the model; may be given several times (bioimageio).")
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--license", help="SPDX name of the licence of the weights (bioimageio).", show_default=LICENCE),
    ] = None,
    overwrite: OverwriteOption = False,
    project: ProjectOption = HERE,
) -> None:
    """Write a model for other runtimes, and check that it gives there what it gives here (within 1e-3).

    maps.onnx: image -> features, score logits, offsets, for any batch, height and width (multiples of 32). cells.onnx:
    features and locations -> the logits of each cell's patch, for any number of cells. lacss.json, also inside both
    files: how images are prepared (intensities, scale) and cells are read out. The nuclei, where the model was trained
    with them, are the last channel of the image, and may be zeros. Names the packages that it needs.
    """
    if to not in KINDS:
        raise UsageError(f"--to {to} is not possible. Choose {' or '.join(KINDS)}.")
    if to == ONNX and (name or author or licence):
        raise UsageError("--name, --author and --license describe a bioimage.io model. Say --to bioimageio.")
    from lacss_tools.export import steps
    from lacss_tools.export.bioimageio import about
    from lacss_tools.io.lock import owned
    from lacss_tools.network.shipped import introduction, model_path
    from lacss_tools.screen import console

    path = model_path(project, model)
    home = project if introduction(path) else path if path.is_dir() else path.parent
    folder = project / output if output else home / to
    check_output(folder, home)
    trained = steps.open_model(path)
    console.say(f"input: {trained.channels_said()}")
    if not overwrite and steps.is_done(folder, trained, to):
        console.say(f"{folder} was done already. Redo it with --overwrite.")
        return
    with owned(folder, "lacss export"):
        if to == ONNX:
            worst = steps.write_onnx(folder, trained)
        else:
            worst = steps.write_bioimageio(folder, trained, about(name or path.resolve().stem, author, licence))
    console.say(f"{folder}: ONNX and torch differ by {worst:.1e} at most")
