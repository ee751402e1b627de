"""Settings dataclasses as tables of TOML and JSON, and back."""

import dataclasses
from typing import Any, TypeVar

from lacss_tools.errors import UsageError

T = TypeVar("T")


def from_table(kind: type[T], table: dict[str, Any]) -> T:
    """Build a settings dataclass from a TOML or JSON table; lists become tuples, unknown names are an error."""
    names = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := set(table) - names:
        raise UsageError(f"Unknown setting {', '.join(sorted(unknown))} in {kind.__name__}. Remove it.")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in table.items()})


def to_table(settings: Any) -> dict[str, Any]:
    """Return a settings dataclass as a table for TOML or JSON; None is left out."""
    return {name: value for name, value in dataclasses.asdict(settings).items() if value is not None}
