"""predict.toml in a folder of predictions: what made its files, so that nothing else is mixed in without a word."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomli_w

from lacss_tools.errors import InputError
from lacss_tools.formats.names import COCO_OF_ALL, FORMATS, output_path
from lacss_tools.io.native import write_text
from lacss_tools.network.weights import weights_hash
from lacss_tools.predict.steps import Order

NAME = "predict.toml"


def describe(order: Order) -> dict[str, Any]:
    """Return what the cells depend on: the weights and the options that change them; and the model's path."""
    facts: dict[str, Any] = {"model": str(order.model), "weights_sha256": weights_hash(order.model)}
    facts |= {"min_score": order.settings.min_score, "diameter": order.diameter or "as trained"}
    facts |= {"channel": order.channel or "all"}
    return facts | ({"lois": str(order.lois)} if order.lois else {})


def claim(folder: Path, facts: dict[str, Any], stems: Iterable[str], overwrite: bool) -> None:
    """Write the record of a folder in which the images `stems` will be done.

    Where there is one that differs in more than the path of the model, InputError; with `overwrite` only if the folder
    holds other images besides, which would pass for results of this model. Old results of `stems` are then removed, so
    that a run that is cut short leaves none of them behind either.
    """
    path = folder / NAME
    before = _read(path, overwrite) if path.is_file() else facts
    names = dict.fromkeys((*facts, *before))
    changed = [name for name in names if name != "model" and before.get(name) != facts.get(name)]
    if changed and not overwrite:
        what = ", ".join(name.split("_sha")[0] for name in changed)
        raise InputError(
            f"{folder} holds what {before.get('model')} found, with other {what} than now. Give another folder "
            "with -o, or --overwrite."
        )
    if changed:
        _make_way(folder, set(stems), before)
    write_text(path, tomli_w.dumps(facts))


def _read(path: Path, overwrite: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        if overwrite:
            return {}
        raise InputError(f"{path} is damaged. Give another folder with -o, or --overwrite.") from error


def _make_way(folder: Path, stems: set[str], before: dict[str, Any]) -> None:
    """Remove the results of `stems`; InputError, and nothing removed, when there are those of other images."""
    results = [
        (output.name.removesuffix(pattern.suffix), output)
        for pattern in (output_path(folder, "*", form) for form in FORMATS)
        for output in pattern.parent.glob(pattern.name)
        if output.name != COCO_OF_ALL and not output.name.startswith(".")
    ]
    if others := {stem for stem, _ in results} - stems:
        raise InputError(
            f"{folder} holds what {before.get('model', 'another model')} found in {len(others)} other images, such as "
            f"{min(others)}. Give another folder with -o."
        )
    for output in (*(output for _, output in results), folder / COCO_OF_ALL):
        output.unlink(missing_ok=True)
