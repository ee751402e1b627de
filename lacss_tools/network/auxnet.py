"""Auxnet: a network of small field of view that says where cell borders are; used in training only (paper, Methods)."""

from jaxtyping import Float
from torch import Tensor, nn


class Auxnet(nn.Module):
    """Four 3x3 convolutions on the raw image (field of view 9 px) -> probability of a cell border."""

    def __init__(self, channels: int, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 1, 3, padding=1),
        )

    def forward(self, image: Float[Tensor, "b channel y x"]) -> Float[Tensor, "b y x"]:
        """Return the border probability of each pixel."""
        out: Tensor = self.layers(image)[:, 0].float().sigmoid()
        return out
