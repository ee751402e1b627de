"""The score of a cell, made of what the network says of its location and of its pixels."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LEAST = 1e-4
"""so close to 0 and to 1 odds are taken"""


@dataclass(frozen=True)
class Scoring:
    """How a location score and the mean probability inside a mask become one score.

    With q = location x inside^power, which ranks the cells, the score is sigmoid(slope x logit(q) + offset). As it is
    here, for weights that say nothing of it, the score is location x inside.
    """

    power: float = 1.0
    slope: float = 1.0
    """above 0, so that calibration changes no order"""
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not (self.power >= 0 and self.slope > 0 and math.isfinite(self.offset)):
            raise ValueError("power must be 0 or more, slope above 0 and offset finite")

    def __call__(self, location: Float[np.ndarray, " n"], inside: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return the scores of cells, 0 to 1."""
        return self.of_rank(location * inside**self.power)

    def of_rank(self, rank: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return the scores of cells from what ranks them."""
        if self.plain:
            return rank
        score: np.ndarray = 1 / (1 + np.exp(-self.slope * log_odds(rank) - self.offset))
        return score

    @property
    def plain(self) -> bool:
        """Whether the score is the rank itself."""
        return self.slope == 1 and self.offset == 0

    def least_location(self, score: float) -> float:
        """Return the location score that a cell needs at least to reach `score`: as if its mask were certain.

        >>> round(Scoring(power=3.0, slope=2.0, offset=1.0).least_location(0.5), 3), Scoring().least_location(0.4)
        (0.377, 0.4)
        """
        if self.plain or not 0 < score < 1:
            return score
        odds = (math.log(score / (1 - score)) - self.offset) / self.slope
        # a little lower, for what rounding does
        return max(0.0, 1 / (1 + math.exp(-odds)) - LEAST)


def log_odds(probability: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return log(p / (1 - p)), finite everywhere."""
    p = np.clip(probability, LEAST, 1 - LEAST)
    odds: np.ndarray = np.log(p / (1 - p))
    return odds
