"""TensorBoard (an extra): the rows of metrics.jsonl and the pictures, to watch several runs at once."""

from pathlib import Path
from typing import Any

from lacss_tools.errors import InputError
from lacss_tools.screen.draw import RGB
from lacss_tools.train.history import Row

FOLDER = "tensorboard"


class Board:
    """Writes to RUN/tensorboard; hides steps after `first` that an earlier session wrote."""

    def __init__(self, run: Path, first: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError("TensorBoard is not installed. Install it: pip install tensorboard") from error
        self.writer: Any = SummaryWriter(str(run / FOLDER), purge_step=first + 1)

    def add(self, row: Row) -> None:
        """Add one row of metrics: losses under train/, validation under val/."""
        scores = row.validation._asdict() if row.validation else {}
        for group, figures in (("train", row.losses), ("val", scores)):
            for name, value in figures.items():
                self.writer.add_scalar(f"{group}/{name}", value, row.step)

    def show(self, stem: str, picture: RGB, step: int) -> None:
        """Add a picture."""
        self.writer.add_image(stem, picture, step, dataformats="HWC")

    def close(self) -> None:
        """Flush and close."""
        self.writer.close()
