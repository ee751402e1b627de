"""What the findings of a set mean and what to do about them, in words. A sentence appears only when facts carry it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lacss_tools.annotate.check import judge
from lacss_tools.annotate.check.judge import JudgedImage
from lacss_tools.annotate.check.overview import Overview

NAMED = 5
"""fields named in a sentence"""
POOLED = 0.05
"""part of all LOIs of the set from which a fault is one of the set, even if no field is over its limit"""


@dataclass(frozen=True)
class Advice:
    """A sentence of fact and one of remedy, with the fields that it is about."""

    text: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Missing:
    """Stems that lack a partner."""

    lois: tuple[str, ...] = ()
    """images without a LOI table"""
    masks: tuple[str, ...] = ()
    """images without mask, candidates or rejection"""
    images: tuple[str, ...] = ()
    """LOI tables and masks without an image"""
    dapi: tuple[str, ...] = ()
    """images without DAPI, where others have it"""


def advise(judged: list[JudgedImage], facts: Overview, missing: Missing) -> list[Advice]:
    """Return what to do, the gravest first; one sentence when all is well."""
    kinds = {kind: [one for one in judged if _asks_for(one, kind)] for kind in judge.KINDS}
    advice = [word(ones, facts) for kind, word in WORDS.items() if (ones := kinds[kind])]
    advice += _pooled_advice(kinds, facts) + _partners(missing)
    unusual = kinds[judge.UNUSUAL]
    if not advice:
        advice.append(Advice(_all_well(facts)))
    if unusual:
        few = "1 field is" if len(unusual) == 1 else f"{len(unusual)} fields are"
        advice.append(_about(unusual, f"{few} unlike the rest; that need not be wrong. Look at the pictures."))
    return advice


def _all_well(facts: Overview) -> str:
    if not facts.n_masks:
        return f"The LOIs of all {facts.n_fields} fields look good. Next: lacss graphcut, then lacss pick."
    if not facts.n_lois:
        return f"The masks of all {facts.n_fields} fields look good. Next: lacss annotate-lois."
    return f"LOIs and masks of all {facts.n_fields} fields look good. Next: lacss train."


# ---- per kind of finding --------------------------------------------------------------------------------------------


def _inverted(ones: list[JudgedImage], facts: Overview) -> Advice:
    own = all(one.field.source == "own" for one in ones)
    remedy = (
        "Exchange 0 and 255 in these files: cells are 255."
        if own
        else "Run lacss pick and choose another candidate; if all candidates of an image are inverted, run lacss "
        "graphcut --overwrite with --polarity bright (or dark) first."
    )
    return _about(ones, f"{_masks(ones)} the background in place of the cells: inverted. {remedy}")


def _empty(ones: list[JudgedImage], facts: Overview) -> Advice:
    though = ", though there are LOIs" if all(one.field.lois is not None for one in ones) else ""
    return _about(
        ones,
        f"{_masks(ones)} next to nothing{though}. Run lacss pick and choose a looser candidate, or reject these images "
        "with 0.",
    )


def _full(ones: list[JudgedImage], facts: Overview) -> Advice:
    return _about(
        ones,
        f"{_masks(ones)} nearly the whole image. Run lacss pick and choose a tighter candidate, or reject these images "
        "with 0; if cells really fill them, all is well.",
    )


def _no_lois(ones: list[JudgedImage], facts: Overview) -> Advice:
    return _about(
        ones,
        f"{_fields(ones)} no LOIs, though the mask or the other fields show cells. Look at the DAPI images; run lacss "
        "annotate-lois --overwrite if these tables were emptied, with a lower --min-response if nuclei are dim.",
    )


def _beyond(ones: list[JudgedImage], facts: Overview) -> Advice:
    return _about(
        ones,
        f"LOIs lie outside the image in {_count(ones)}: their tables were made for images of another size, or hold x "
        "where y should be. Run lacss annotate-lois --overwrite, or correct the tables.",
    )


def _dark(ones: list[JudgedImage], facts: Overview) -> Advice:
    return _about(
        ones,
        f"LOIs lie where the DAPI is dark in {_count(ones)}: points in noise, or tables that are shifted or of "
        "other fields. Run lacss annotate-lois --overwrite, with a higher --min-response if it is noise.",
    )


def _chance(ones: list[JudgedImage], facts: Overview) -> Advice:
    return _about(
        ones,
        f"LOIs and mask have nothing to do with each other in {_count(ones)}. Check that images, DAPI, LOI tables and "
        "masks of one name are of one field, then run lacss annotate-lois --overwrite and lacss pick.",
    )


def _outside(ones: list[JudgedImage], facts: Overview) -> Advice:
    part = _percent(float(np.mean(np.concatenate([_outside_of(one) for one in ones]))))
    return _about(
        ones,
        f"{part} of the LOIs lie outside the masks in {_count(ones)}: the masks are probably too tight there. Run "
        "lacss pick and choose a looser candidate. If the nuclei are of cells without stain, lacss annotate-lois "
        "--masks masks --overwrite leaves these LOIs out.",
    )


def _faint(ones: list[JudgedImage], facts: Overview) -> Advice:
    return _about(
        ones,
        f"{_fields(ones)} LOIs off the mask that are faint in the DAPI: specks or debris. Run lacss annotate-lois "
        "--masks masks --overwrite to leave them out, or give a higher --min-response.",
    )


def _doubles(ones: list[JudgedImage], facts: Overview) -> Advice:
    part = _percent(float(np.mean(np.concatenate([one.doubled for one in ones]))))
    return _about(
        ones, f"{part} of the LOIs in {_count(ones)} are probably second points of a nucleus. {_fewer(facts)}"
    )


def _lonely(ones: list[JudgedImage], facts: Overview) -> Advice:
    return _about(
        ones,
        f"A good part of the mask has no LOI in {_count(ones)}: nuclei were missed there, or the mask covers debris. "
        "Run lacss annotate-lois --overwrite with a lower --min-response, or lacss pick for a tighter mask.",
    )


WORDS: dict[str, Callable[[list[JudgedImage], Overview], Advice]] = {
    judge.INVERTED: _inverted,
    judge.EMPTY: _empty,
    judge.FULL: _full,
    judge.NO_LOIS: _no_lois,
    judge.BEYOND: _beyond,
    judge.DARK: _dark,
    judge.CHANCE: _chance,
    judge.OUTSIDE: _outside,
    judge.FAINT: _faint,
    judge.DOUBLES: _doubles,
    judge.LONELY: _lonely,
}


EXPLAINED_BY = {
    judge.DARK: (judge.BEYOND,),
    judge.CHANCE: (judge.BEYOND, judge.DARK),
    judge.OUTSIDE: (judge.BEYOND, judge.DARK),
    judge.FAINT: (judge.BEYOND, judge.DARK),
    judge.LONELY: (judge.BEYOND, judge.DARK, judge.CHANCE, judge.OUTSIDE),
}
"""findings that follow from graver ones in the same field: the remedy is theirs"""


def _asks_for(one: JudgedImage, kind: str) -> bool:
    return _has(one, kind) and not any(_has(one, cause) for cause in EXPLAINED_BY.get(kind, ()))


# ---- of the set -----------------------------------------------------------------------------------------------------


def _pooled_advice(kinds: dict[str, list[JudgedImage]], facts: Overview) -> list[Advice]:
    advice = []
    if facts.doubles is not None and facts.doubles > POOLED and not kinds[judge.DOUBLES]:
        part = _percent(facts.doubles)
        advice.append(Advice(f"{part} of all LOIs are probably second points of a nucleus. {_fewer(facts)}"))
    explained = any(
        kinds[kind] for kind in (judge.INVERTED, judge.EMPTY, judge.DARK, judge.CHANCE, judge.OUTSIDE, judge.FAINT)
    )
    if facts.outside is not None and facts.outside > POOLED and not explained:
        part = _percent(facts.outside)
        advice.append(
            Advice(
                f"{part} of all LOIs lie outside the masks: cells without stain, or masks that are a little too tight. "
                "Run lacss annotate-lois --masks masks --overwrite to leave them out, or lacss pick for looser masks."
            )
        )
    return advice


def _partners(missing: Missing) -> list[Advice]:
    lines = (
        (missing.lois, "no LOI table", "Run lacss annotate-lois; training leaves them out otherwise."),
        (missing.masks, "no mask", "Run lacss pick; training leaves them out otherwise."),
        (missing.dapi, "no DAPI image", "Their LOIs cannot be checked against nuclei; add the files to dapi/."),
    )
    advice = [
        Advice(f"{_images(stems)} {what}: {_names(stems)}. {remedy}", stems) for stems, what, remedy in lines if stems
    ]
    if missing.images:
        text = f"LOIs or masks without an image: {_names(missing.images)}. Give partners the same file name."
        advice.append(Advice(text, missing.images))
    return advice


def _fewer(facts: Overview) -> str:
    if facts.nucleus_diameter is None:
        return "Run lacss annotate-lois --overwrite."
    return f"Run lacss annotate-lois --nucleus-diameter {facts.nucleus_diameter:.0f} --overwrite."


def _about(ones: list[JudgedImage], text: str) -> Advice:
    return Advice(text, tuple(one.field.stem for one in ones))


def _has(one: JudgedImage, kind: str) -> bool:
    return any(finding.kind == kind for finding in one.findings)


def _outside_of(one: JudgedImage) -> np.ndarray:
    return np.zeros(0, bool) if one.field.mask is None or one.field.mask.outside is None else one.field.mask.outside


def _masks(ones: list[JudgedImage]) -> str:
    return "1 mask covers" if len(ones) == 1 else f"{len(ones)} masks cover"


def _fields(ones: list[JudgedImage]) -> str:
    return "1 field has" if len(ones) == 1 else f"{len(ones)} fields have"


def _images(stems: tuple[str, ...]) -> str:
    return "1 image has" if len(stems) == 1 else f"{len(stems)} images have"


def _count(ones: list[JudgedImage]) -> str:
    return "1 field" if len(ones) == 1 else f"{len(ones)} fields"


def _names(stems: tuple[str, ...]) -> str:
    return ", ".join(stems[:NAMED]) + (f" and {len(stems) - NAMED} more" if len(stems) > NAMED else "")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
