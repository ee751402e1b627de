"""Whether a person should look at an automatic pick, and why."""

from dataclasses import dataclass, field

import numpy as np

from lacss_tools.annotate.candidates.choice import DOUBTFUL, score_candidates
from lacss_tools.annotate.pick.choices import Choices
from lacss_tools.arrays import Mask, Points
from lacss_tools.points import values_at

BADLY, UNSTAINED = "badly", "unstained"
AVOIDED, FEWEST = 2.0, 5
"""LOIs avoid an area when so many times as many lie beside it as chance would put there, and at least FEWEST. Where the
nuclei beside stained tissue are denser it is 1 or a little more; on phase contrast, cut by its halos, 2 to 30"""
MANY = 0.2
"""fraction of the LOIs in unstained areas that is worth a word"""
FULL = 0.95
"""a mask that covers more of the image separates nothing"""


@dataclass
class Doubts:
    """Stems of automatic picks that a person should look at."""

    badly: list[str] = field(default_factory=list)
    """no candidate agrees with the LOIs"""
    unstained: list[str] = field(default_factory=list)
    """the pick is right for the LOIs that have stain, but many have none"""


def doubt(choices: Choices) -> str | None:
    """Return BADLY, UNSTAINED or None.

    What lies off the loosest candidate has no stain: nuclei of other tissue, or debris. It says nothing against a
    pick, unless LOIs avoid the whole area.
    """
    if not len(choices.lois):
        return BADLY
    stained, chosen = values_at(choices.masks[0], choices.lois), choices.suggestion() - 1
    lois = choices.lois[stained]
    score = score_candidates(choices.masks, lois, choices.image, choices.typical_area)[chosen]
    if score < DOUBTFUL or choices.masks[chosen].mean() > FULL or avoid(choices.lois, choices.masks[0]):
        return BADLY
    return UNSTAINED if (~stained).mean() > MANY else None


def avoid(lois: Points, mask: Mask) -> bool:
    """Return whether LOIs lie beside a mask more often than chance puts them there."""
    off = ~values_at(mask, lois)
    by_chance = max(1 - float(mask.mean()), 1e-3)
    return bool(np.count_nonzero(off) >= FEWEST and off.mean() > AVOIDED * by_chance)
