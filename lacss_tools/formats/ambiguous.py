"""Lists of ambiguous outlines: a JSON object from stem to the numbers of the cells."""

import json
from pathlib import Path

from lacss_tools.errors import InputError
from lacss_tools.io.stems import as_stem

WAY_OUT = 'Write {"stem": [3, 17], ...} with the numbers of the ambiguous cells.'


def read_ambiguous(path: Path) -> dict[str, list[int]]:
    """Return the numbers of ambiguous cells by stem; InputError when the file is something else."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}). Check the name.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({error}). {WAY_OUT}") from error
    lists = isinstance(stored, dict) and all(isinstance(numbers, list) for numbers in stored.values())
    if not lists or not all(type(number) is int for numbers in stored.values() for number in numbers):
        raise InputError(f"{path} is no list of cells by image. {WAY_OUT}")
    return {as_stem(stem): numbers for stem, numbers in stored.items()}
