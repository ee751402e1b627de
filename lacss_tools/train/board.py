"""TensorBoard (an extra): the rows of metrics.jsonl and the pictures, for those who watch several runs at once."""

from pathlib import Path
from typing import Any

from lacss_tools.errors import InputError
from lacss_tools.screen.draw import RGB

FOLDER = "tensorboard"


class Board:
    """Writes to RUN/tensorboard; steps after `first` that an earlier session wrote are hidden."""

    def __init__(self, run: Path, first: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError("TensorBoard is not installed. Install it: pip install tensorboard") from error
        self.writer: Any = SummaryWriter(str(run / FOLDER), purge_step=first + 1)

    def add(self, row: dict[str, Any]) -> None:
        """Add one row of metrics: losses under train/, validation under val/."""
        for name, value in row.items():
            if name not in ("step", "seconds"):
                group = name.replace("val_", "val/", 1) if name.startswith("val_") else f"train/{name}"
                self.writer.add_scalar(group, value, row["step"])

    def show(self, stem: str, picture: RGB, step: int) -> None:
        """Add a picture."""
        self.writer.add_image(stem, picture, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is waiting."""
        self.writer.close()
