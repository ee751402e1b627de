"""One share of many files for each of several processes that know nothing of each other, such as a Slurm array."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lacss_tools.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """The share `number`, from 1, of `count`: every so many of the files, so that all shares take about as long."""

    number: int = 1
    count: int = 1

    def of(self, items: Iterable[T]) -> list[T]:
        """Return the items of this share; all processes must see the same items in the same order.

        >>> [Shard(k, 3).of("abcdefg") for k in (1, 2, 3)]
        [['a', 'd', 'g'], ['b', 'e'], ['c', 'f']]
        """
        return list(items)[self.number - 1 :: self.count]


WHOLE = Shard()


def parse_shard(text: str) -> Shard:
    """Return the share that a text like 3/8 means; UsageError for nonsense."""
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", text.strip())
    number, count = (int(part) for part in found.groups()) if found else (0, 0)
    if not 1 <= number <= count:
        raise UsageError(f"`shard` must be I/N with I from 1 to N, such as 3/8, not {text!r}.")
    return Shard(number, count)


def summarise(files: list[Path], write: Callable[[list[Path]], Any]) -> None:
    """Call `write` with those of the files that are there, again until no other process added some meanwhile.

    So the one that ends last has seen all.
    """
    there: list[Path] | None = None
    while (now := [file for file in files if file.exists()]) != there:
        there = now
        write(there)


def refuse_overwriting(shard: Shard | None, overwrite: bool) -> None:
    """Raise UsageError when a share would redo files: the others of the folder may be of other settings by then."""
    if overwrite and shard is not None:
        raise UsageError("`shard` skips what is done, so that it can be run again at any time. Leave `overwrite` out.")
