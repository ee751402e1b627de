"""`lacss status`."""

from dataclasses import asdict

import typer

from lacss_tools.io.project import Project
from lacss_tools.io.stems import first_of
from lacss_tools.screen.options import HERE, JsonOption, PatternOption, ProjectOption


def mount(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("status")(status)


def status(as_json: JsonOption = False, pattern: PatternOption = None, project: ProjectOption = HERE) -> None:
    """Say what of a project is done, failed and missing, step by step.

    Counts files and reads none, so it may be asked at any time, also while array jobs run. Failed: an image without a
    result, with the reason of the last try. Changes nothing, and what it finds does not change the exit code.
    """
    from lacss_tools.screen import console
    from lacss_tools.status.steps import status_of

    steps = status_of(Project(project))
    if as_json:
        console.emit_json({"steps": [asdict(one) for one in steps]})
        return
    rows = [[one.step, str(len(one.done)), str(len(one.failed)), str(len(one.missing)), one.folder] for one in steps]
    console.table(["step", "done", "failed", "missing", "folder"], rows)
    for one in steps:
        for sentence in one.failed.values():
            console.say(f"  failed: {sentence}")
        if one.done and one.missing:
            console.say(f"{one.step} lacks {first_of(one.missing)}")
