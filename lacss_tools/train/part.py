"""A batch shared by several processes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """Part `number` of a batch that so many processes share, counted from 0."""

    number: int = 0
    of: int = 1

    def mine(self, sizes: list[int]) -> list[int]:
        """Return which crops belong to the part, dealt by their `sizes` so that all parts are about as large.

        The first part is the smallest, since its process has more to do.
        """
        order = sorted(range(len(sizes)), key=lambda k: -sizes[k])
        rows = [order[k : k + self.of] for k in range(0, len(order), self.of)]
        parts = list(zip(*[row[:: (-1) ** k] for k, row in enumerate(rows)], strict=True))
        return sorted(sorted(parts, key=lambda part: sum(sizes[k] for k in part))[self.number])


WHOLE = Part()
