"""Cell segmentation without outlining cells: weak labels from DAPI and graph cut, and the LACSS network.

The functions named in `__all__` do from Python what the commands do; they and what they need load at first use.
Their types are in `__init__.pyi`.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

__version__ = "0.1.0"
__all__ = [
    "Segmenter",
    "cut_candidates",
    "evaluate",
    "find_lois",
    "pick_candidate",
    "read_images",
    "sample_data",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("lacss_tools.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _FrontDoor(ModuleType):
    """Keeps `lacss_tools.train` and `lacss_tools.evaluate` functions, also once the packages of these names load.

    Python would put the packages there. They are imported as ever: `from lacss_tools.train.settings import ...`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _FrontDoor
