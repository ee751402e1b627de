"""predict.toml in a folder of predictions: what made its files, so that nothing else is mixed in without a word."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from lacss_tools.errors import InputError
from lacss_tools.files import write_text
from lacss_tools.train.checkpoint import weights_hash
from lacss_tools.train.predict.steps import Order

NAME = "predict.toml"


def describe(order: Order) -> dict[str, Any]:
    """Return what the cells depend on: the weights and the options that change them; and the model's path."""
    facts: dict[str, Any] = {"model": str(order.model), "weights_sha256": weights_hash(order.model)}
    facts |= {"min_score": order.settings.min_score, "diameter": order.diameter or "as trained"}
    facts |= {"channel": order.channel or "all"}
    return facts | ({"lois": str(order.lois)} if order.lois else {})


def claim(folder: Path, facts: dict[str, Any], overwrite: bool) -> None:
    """Write the record; InputError when the folder has one that differs in more than the path of the model."""
    path = folder / NAME
    if path.is_file() and not overwrite:
        try:
            before = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{path} is damaged. Give another folder with -o, or --overwrite.") from error
        names = dict.fromkeys((*facts, *before))
        changed = [name for name in names if name != "model" and before.get(name) != facts.get(name)]
        if changed:
            what = ", ".join(name.split("_sha")[0] for name in changed)
            raise InputError(
                f"{folder} holds what {before.get('model')} found, with other {what} than now. Give another folder "
                "with -o, or --overwrite."
            )
    write_text(path, tomli_w.dumps(facts))
