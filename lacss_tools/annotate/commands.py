"""The commands of annotation: `lacss annotate-lois`, `graphcut`, `pick`, `check`."""

import typer


def mount(app: typer.Typer) -> None:
    """Add the commands to the application."""
    from lacss_tools.annotate import check_command, cut_command, loi_command, pick_command

    for command in (loi_command, cut_command, pick_command, check_command):
        command.mount(app)
