"""The commands of the network, each in its own file."""

import typer


def mount(app: typer.Typer) -> None:
    """Add the commands to the application."""
    from lacss_tools.train import predict_command, train_command

    train_command.mount(app)
    predict_command.mount(app)
