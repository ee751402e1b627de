"""How outlining goes: how many images are suggested, what the last ones bought, and how right suggestions were."""

from dataclasses import dataclass, field
from typing import Any

from lacss_tools.outline.session import ELSEWHERE, FINISHED, OutlineSession
from lacss_tools.outline.suggest import agreement


@dataclass
class Progress:
    """What is told of the images as a whole."""

    worth: int
    """images that are suggested, at most as many as there are"""
    order: str
    bought: str = ""
    """what the last training brought, in words"""
    right: dict[str, tuple[int, int]] = field(default_factory=dict)
    """finished image -> suggestions that were right, and cells of both in all"""

    def finished(self, session: OutlineSession, stem: str) -> None:
        """Compare the suggestions of an image with what a person made of them."""
        suggestions = session.suggestions
        self.right.pop(stem, None)
        if suggestions is None or session.state(stem) not in (FINISHED, ELSEWHERE):
            return
        labels = session.opened[stem].drawing.sheet.labels
        cells = suggestions.cells(stem, (labels.shape[0], labels.shape[1]))
        if cells is not None:
            self.right[stem] = agreement(cells, labels)

    def told(self) -> dict[str, Any]:
        """Return it for the page: accuracies are TP / (TP + FP + FN), newest last."""
        accuracy = [round(hits / total, 4) for hits, total in self.right.values() if total]
        return {"worth": self.worth, "order": self.order, "bought": self.bought, "right": accuracy}
