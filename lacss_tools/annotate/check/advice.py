"""What the findings of a set mean and what to do about them, in words. A sentence appears only when facts carry it."""

from dataclasses import dataclass

import numpy as np

from lacss_tools.annotate.check import findings as find
from lacss_tools.annotate.check.findings import JudgedImage, Limits, counted
from lacss_tools.annotate.check.judge import size_range
from lacss_tools.annotate.check.overview import Overview
from lacss_tools.io.stems import SAME_NAME, first_of, how_to_pair

UNLIKE = 1.3
"""nuclei so many times as large as typical ones are named"""
POOLED = 0.05
"""fraction of all LOIs of the set from which a fault is one of the set, even if no image is over its limit"""


@dataclass(frozen=True)
class Advice:
    """A sentence of fact and one of remedy, with the stems of the images that it is about."""

    text: str
    images: tuple[str, ...] = ()


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
    kinds = {kind: [one for one in judged if _asks_for(one, kind)] for kind in find.KINDS}
    advice = [_word(kind, ones, facts) for kind in SENTENCES if (ones := kinds[kind])]
    advice += _pooled_advice(judged, kinds, facts) + _partners(missing)
    unusual = kinds[find.UNUSUAL]
    if not advice:
        advice.append(Advice(_all_well(facts)))
    if unusual:
        few = counted(len(unusual), "image is", "images are")
        advice.append(_about(unusual, f"{few} unlike the rest; that need not be wrong. Look at the pictures."))
    return advice


def _all_well(facts: Overview) -> str:
    if not facts.n_masks:
        return f"The LOIs of all {facts.n_images} images look good. Next: lacss graphcut, then lacss pick."
    if not facts.n_lois:
        return f"The masks of all {facts.n_images} images look good. Next: lacss annotate-lois."
    return f"LOIs and masks of all {facts.n_images} images look good. Next: lacss train."


# ---- per kind of finding --------------------------------------------------------------------------------------------


SENTENCES = {
    find.INVERTED: "{masks cover} the background in place of the cells: inverted. {exchange}",
    find.EMPTY: "{masks cover} next to nothing{though}. Run lacss pick and choose a looser candidate, or reject these "
    "images with 0.",
    find.FULL: "{masks cover} nearly the whole image. Run lacss pick and choose a tighter candidate, or reject these "
    "images with 0; if cells really fill them, all is well.",
    find.NO_LOIS: "{images have} no LOIs, though the mask or the other images show cells. Look at the DAPI images; "
    "run lacss annotate-lois --overwrite if these tables were emptied, with a lower --min-response if nuclei are dim.",
    find.BEYOND: "LOIs lie outside the image in {images}: their tables were made for images of another size, or hold "
    "x where y should be. Run lacss annotate-lois --overwrite, or correct the tables.",
    find.NEGATIVE: "Nuclei are darker than background in the DAPI of {images}, so that points are wrong. Exchange dark "
    "and bright in these files (in Fiji Edit > Invert) and run lacss annotate-lois --overwrite.",
    find.CLIPPED: "The DAPI of {images} is saturated: many pixels have the highest value, and nuclei run together. "
    "Give the files as the camera wrote them, or expose less, and run lacss annotate-lois --overwrite.",
    find.DARK: "LOIs lie where the DAPI is dark in {images}: points in noise, or tables that are shifted or belong to "
    "other images. Run lacss annotate-lois --overwrite, with a higher --min-response if it is noise.",
    find.BRIGHT: "{missed} of the nuclei in {images} have no LOI, and something in the DAPI is far brighter than "
    "nuclei (debris, glare), or the light is uneven. Run lacss annotate-lois --overwrite without --method, --sigma and "
    "--min-response: the default finds nuclei beside it. A higher --min-response would lose more.",
    find.MISSED: "{missed} of the nuclei in {images} have no LOI. Look at the pictures. Run lacss annotate-lois "
    "--overwrite, with a lower --min-response if nuclei are dim.",
    find.CHANCE: "LOIs and mask have nothing to do with each other in {images}. Check that images, DAPI, LOI tables "
    "and masks of one name belong together, then run lacss annotate-lois --overwrite and lacss pick.",
    find.OUTSIDE: "{off mask} of the LOIs lie outside the masks in {images}: the masks are probably too tight there. "
    "Run lacss pick and choose a looser candidate. If the nuclei belong to cells without stain, lacss annotate-lois "
    "--masks masks --overwrite leaves these LOIs out.",
    find.FAINT: "{images have} LOIs off the mask that are faint in the DAPI: specks or debris. Run lacss "
    "annotate-lois --masks masks --overwrite to leave them out, or give a higher --min-response.",
    find.DOUBLES: "{doubled} of the LOIs in {images} are probably second points of a nucleus. {fewer}",
    find.LONELY: "A good part of the mask has no LOI in {images}: nuclei were missed there, or the mask covers "
    "debris. Run lacss annotate-lois --overwrite with a lower --min-response, or lacss pick for a tighter mask.",
    find.UNSTAINED: "{off mask} of the nuclei in {images} lie in unstained tissue, or are debris outside the cells; "
    "training leaves them out. If the pictures show cells there, run lacss pick and choose a looser candidate.",
    find.MIXED: "Nuclei are of many sizes in {images}, {sizes} px across: cells of several kinds, or debris. If large "
    "ones carry several points, or debris carries any, run lacss annotate-lois --nucleus-diameter {large} --overwrite.",
}
"""what to say of all images with one kind of finding; `_facts` fills in the words in braces"""


def _word(kind: str, ones: list[JudgedImage], facts: Overview) -> Advice:
    return _about(ones, SENTENCES[kind].format_map(_facts(ones, facts)))


def _facts(ones: list[JudgedImage], facts: Overview) -> dict[str, str]:
    own = all(one.image.source == "own" for one in ones)
    low, high = size_range(ones, Limits()) or (0.0, 0.0)
    return {
        "images": counted(len(ones), "image"),
        "images have": counted(len(ones), "image has", "images have"),
        "masks cover": counted(len(ones), "mask covers", "masks cover"),
        "exchange": EXCHANGE_VALUES if own else CHOOSE_ANOTHER,
        "though": ", though there are LOIs" if all(one.image.lois is not None for one in ones) else "",
        "off mask": _mean([_off_mask(one) for one in ones]),
        "doubled": _mean([one.doubled for one in ones]),
        "missed": _missed(ones),
        "fewer": _fewer(ones, facts),
        "sizes": f"{low:.0f} to {high:.0f}",
        "large": f"{high:.0f}",
    }


EXCHANGE_VALUES = "Exchange 0 and 255 in these files: cells are 255."
CHOOSE_ANOTHER = (
    "Run lacss pick and choose another candidate; if all candidates of an image are inverted, run lacss graphcut "
    "--overwrite with --polarity bright (or dark) first."
)


WRONG_POINTS = (find.BEYOND, find.NEGATIVE, find.DARK)
EXPLAINED_BY = {
    find.DARK: (find.BEYOND, find.BRIGHT),
    find.NO_LOIS: (find.CLIPPED,),
    find.LONELY: (*WRONG_POINTS, find.BRIGHT, find.MISSED, find.CHANCE, find.OUTSIDE),
    **dict.fromkeys((find.BRIGHT, find.MISSED), (find.BEYOND,)),
    **dict.fromkeys((find.CHANCE, find.OUTSIDE, find.FAINT, find.DOUBLES, find.UNSTAINED, find.MIXED), WRONG_POINTS),
}
"""findings that follow from graver ones in the same image: the remedy is theirs"""


def _asks_for(one: JudgedImage, kind: str) -> bool:
    return _has(one, kind) and not any(_has(one, cause) for cause in EXPLAINED_BY.get(kind, ()))


# ---- of the set -----------------------------------------------------------------------------------------------------


POOLED_SENTENCES = {
    find.DOUBLES: "{doubled} of all LOIs are probably second points of a nucleus. {fewer}",
    find.OUTSIDE: "{off mask} of all LOIs lie outside the masks: cells without stain, or masks that are a little too "
    "tight. Run lacss annotate-lois --masks masks --overwrite to leave them out, or lacss pick for looser masks.",
}
"""the same for what is spread thinly over the set"""
MASK_TELLS = (find.INVERTED, find.EMPTY, find.FULL, find.DARK, find.CHANCE, find.OUTSIDE, find.FAINT, find.UNSTAINED)
TOLD_BY = {find.DOUBLES: (find.DOUBLES, find.DARK), find.OUTSIDE: MASK_TELLS}
"""findings of single images that say as much"""


def _pooled_advice(judged: list[JudgedImage], kinds: dict[str, list[JudgedImage]], facts: Overview) -> list[Advice]:
    much = {find.DOUBLES: facts.doubles, find.OUTSIDE: facts.outside}
    return [
        Advice(sentence.format_map(_facts(judged, facts)))
        for kind, sentence in POOLED_SENTENCES.items()
        if (much[kind] or 0.0) > POOLED and not any(kinds[told] for told in TOLD_BY[kind])
    ]


def _partners(missing: Missing) -> list[Advice]:
    names = how_to_pair(missing.lois, missing.images) if missing.lois and missing.images else SAME_NAME
    names = names.replace("`pattern`", "--pattern")
    make = "Run lacss annotate-lois; training leaves them out otherwise."
    add = "Their LOIs cannot be checked against nuclei; add the files to dapi/."
    make, add = (make, add) if names == SAME_NAME else (names, names)
    lines = (
        (missing.lois, "no LOI table", make),
        (missing.masks, "no mask", "Run lacss pick; training leaves them out otherwise."),
        (missing.dapi, "no DAPI image", add),
    )
    advice = [
        Advice(f"{counted(len(stems), 'image has', 'images have')} {what}: {first_of(stems)}. {remedy}", stems)
        for stems, what, remedy in lines
        if stems
    ]
    if missing.images:
        text = f"LOIs or masks without an image: {first_of(missing.images)}. {names}"
        advice.append(Advice(text, missing.images))
    return advice


def _fewer(ones: list[JudgedImage], facts: Overview) -> str:
    """Return the remedy for doubles: the diameter of the nuclei that have them, if it is not the typical one."""
    if facts.nucleus_diameter is None:
        return "Run lacss annotate-lois --overwrite."
    across = _doubled_diameter(ones)
    if across is None or across < UNLIKE * facts.nucleus_diameter:
        return f"Run lacss annotate-lois --nucleus-diameter {facts.nucleus_diameter:.0f} --overwrite."
    return (
        f"These nuclei are about {across:.0f} px across, where {facts.nucleus_diameter:.0f} px are typical. Run lacss "
        f"annotate-lois --nucleus-diameter {across:.0f} --overwrite; small nuclei may lose their point then."
    )


def _doubled_diameter(ones: list[JudgedImage]) -> float | None:
    known = [
        one.image.lois.diameter[one.doubled] for one in ones if one.image.lois and one.image.lois.diameter is not None
    ]
    together = np.concatenate([*known, np.zeros(0)])
    return float(np.median(together)) if len(together) else None


def _about(ones: list[JudgedImage], text: str) -> Advice:
    return Advice(text, tuple(one.image.stem for one in ones))


def _has(one: JudgedImage, kind: str) -> bool:
    return any(finding.kind == kind for finding in one.findings)


def _off_mask(one: JudgedImage) -> np.ndarray:
    return np.zeros(0, bool) if one.image.mask is None or one.image.mask.outside is None else one.image.mask.outside


def _missed(ones: list[JudgedImage]) -> str:
    known = [lois for one in ones if (lois := one.image.lois) is not None]
    missed = sum(lois.missed for lois in known)
    return f"{100 * missed / max(missed + sum(len(lois.points) for lois in known), 1):.0f} %"


def _mean(parts: list[np.ndarray]) -> str:
    together = np.concatenate(parts)
    return f"{100 * np.mean(together):.0f} %" if len(together) else "none"
