"""Masks from images of cells: `lacss graphcut` and `lacss pick --auto` as functions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, overload

import numpy as np

from lacss_tools.annotate.candidates.candidates import find_candidates
from lacss_tools.annotate.candidates.choice import choose, middle_area, typical
from lacss_tools.annotate.candidates.nuclei import Nuclei, nuclei_at, nuclei_of
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.pick.session import area_step
from lacss_tools.api.arguments import (
    Arrays,
    Entries,
    as_arguments,
    as_image,
    as_labels,
    as_masks,
    as_points,
    beside,
    is_list,
    named,
    refuse_constant,
)
from lacss_tools.arrays import Image, Mask, Masks, Points
from lacss_tools.errors import ArgumentError

Named = tuple[str, Any]
"""what messages call an argument of one image, and its value"""


@overload
def cut_candidates(
    image: np.ndarray,
    *,
    lois: np.ndarray | None = ...,
    nuclei: np.ndarray | None = ...,
    thresholds: Sequence[float] | None = ...,
    smoothness: float | None = ...,
    membrane: float | None = ...,
    polarity: str | None = ...,
    settings: CutSettings | None = ...,
    channel_axis: int | None = ...,
) -> tuple[Masks, list[float]]: ...
@overload
def cut_candidates(
    image: Sequence[np.ndarray],
    *,
    lois: Sequence[np.ndarray | None] | None = ...,
    nuclei: Sequence[np.ndarray | None] | None = ...,
    thresholds: Sequence[float] | None = ...,
    smoothness: float | None = ...,
    membrane: float | None = ...,
    polarity: str | None = ...,
    settings: CutSettings | None = ...,
    channel_axis: int | None = ...,
) -> tuple[list[Masks], list[list[float]]]: ...
def cut_candidates(
    image: Arrays,
    *,
    lois: Entries = None,
    nuclei: Entries = None,
    thresholds: Sequence[float] | None = None,
    smoothness: float | None = None,
    membrane: float | None = None,
    polarity: str | None = None,
    settings: CutSettings | None = None,
    channel_axis: int | None = None,
) -> tuple[Masks | list[Masks], list[float] | list[list[float]]]:
    """Cut an image into cells and background at several thresholds, as `lacss graphcut` does.

    Each mask is a minimum cut: pixels above the threshold are cells, but borders cost, so that specks vanish and edges
    are smooth. Pick the best of them by eye, or with `pick_candidate`.

    Parameters
    ----------
    image : array (y, x), (channel, y, x), or list of arrays
        Image of the cells; channels are averaged after each is brought to the range 0 to 1.
    lois : float array (n, 2), or list with that of each image, optional
        Points on nuclei, (y, x) in pixels, such as those of `find_lois`. Nuclei that lie in stain become part of every
        mask, dark ones with the hollow around them.
    nuclei : label image (y, x), or list with that of each image, optional
        The nuclei themselves, which win over points.
    thresholds : sequence of float, optional
        Values between 0 and 1 of the normalised intensity. By default five around the automatic one of the image.
    smoothness : float, optional
        Cost, in nats, of a border between two neighbouring pixels; 0 is plain thresholding.
    membrane : float, optional
        For stains of the membrane, where cells are dark inside: largest cell diameter to fill, in pixels.
    polarity : {'auto', 'bright', 'dark'}, optional
        Whether cells are bright or dark on their background; 'auto' inverts only images that are clearly dark.
    settings : CutSettings, optional
        Every number of the cut (`lacss_tools.annotate.candidates.settings`); the arguments above win over it.
    channel_axis : int, optional
        The axis of the channels, -1 for (y, x, channel).

    Returns
    -------
    masks : bool array (k, y, x), or a list with that of each image
        True on cells; loosest first, each inside the one before it.
    thresholds : list of k floats, or a list with that of each image
        Of the normalised intensity. Given back as `thresholds`, or changed a little, they cut the same image again.

    Raises
    ------
    ArgumentError
        For an image that is constant or holds NaN, and for settings that make no sense.

    References
    ----------
    Shrestha, Kuang, Yu, *Communications Biology* 6:232 (2023), Methods: image-level masks by graph cut.

    Examples
    --------
    >>> from lacss_tools import cut_candidates, sample_data
    >>> masks, thresholds = cut_candidates(sample_data().images[0])
    >>> masks.shape, masks.mean(axis=(1, 2)).round(2).tolist()
    ((5, 390, 522), [0.43, 0.38, 0.35, 0.32, 0.29])
    >>> middle, _ = cut_candidates(sample_data().images[0], thresholds=[thresholds[2]])
    >>> bool((middle[0] == masks[2]).all())
    True
    """
    settings = _cut_settings(settings or CutSettings(), thresholds, smoothness, membrane, polarity)
    masks, levels = [], []
    given = (beside(value, name, image, "image").items() for name, value in (("lois", lois), ("nuclei", nuclei)))
    for (name, value), points, labels in zip(named(image, "image").items(), *given, strict=True):
        pixels = as_image(name, value, channel_axis)
        refuse_constant(name, pixels)
        inside = _nuclei(points, labels, name, (pixels.shape[1], pixels.shape[2])) if settings.seeds else None
        with as_arguments():
            found = find_candidates(pixels, settings, _full_scale(value), inside)
        masks.append(found.masks)
        levels.append(found.thresholds)
    return (masks, levels) if is_list(image) else (masks[0], levels[0])


def _nuclei(points: Named, labels: Named, name: str, shape: tuple[int, int]) -> Nuclei | None:
    """Return the nuclei of the image called `name`, from labels if there are some, or else from points."""
    if labels[1] is not None:
        return nuclei_of(as_labels(*labels, name, shape))
    return None if points[1] is None else nuclei_at(as_points(*points, name, shape), shape)


def _cut_settings(settings: CutSettings, thresholds: Sequence[float] | None, *others: Any) -> CutSettings:
    given = dict(zip(("smoothness", "membrane", "polarity"), others, strict=True))
    if thresholds is not None:
        given |= {"thresholds": tuple(sorted(float(value) for value in thresholds)), "relative": False}
    with as_arguments():
        return replace(settings, **{name: value for name, value in given.items() if value is not None})


def _full_scale(value: Any) -> float | None:
    """Return 2**bits of an integer type, as `native.read_full_scale` does for files."""
    dtype = np.asarray(value).dtype
    return float(2 ** (8 * dtype.itemsize)) if dtype.kind in "ui" else None


@overload
def pick_candidate(
    masks: np.ndarray,
    points: np.ndarray,
    image: np.ndarray | None = ...,
    *,
    return_index: Literal[False] = ...,
    channel_axis: int | None = ...,
) -> Mask: ...
@overload
def pick_candidate(
    masks: Sequence[np.ndarray],
    points: Sequence[np.ndarray],
    image: Sequence[np.ndarray] | None = ...,
    *,
    return_index: Literal[False] = ...,
    channel_axis: int | None = ...,
) -> list[Mask]: ...
@overload
def pick_candidate(
    masks: np.ndarray,
    points: np.ndarray,
    image: np.ndarray | None = ...,
    *,
    return_index: Literal[True],
    channel_axis: int | None = ...,
) -> tuple[Mask, int]: ...
@overload
def pick_candidate(
    masks: Sequence[np.ndarray],
    points: Sequence[np.ndarray],
    image: Sequence[np.ndarray] | None = ...,
    *,
    return_index: Literal[True],
    channel_axis: int | None = ...,
) -> tuple[list[Mask], list[int]]: ...
def pick_candidate(
    masks: Arrays,
    points: Arrays,
    image: Arrays | None = None,
    *,
    return_index: bool = False,
    channel_axis: int | None = None,
) -> Mask | list[Mask] | tuple[Mask, int] | tuple[list[Mask], list[int]]:
    """Pick the best of the candidate masks without looking, as `lacss pick --auto` does.

    A mask is good when points lie on it and each of its regions holds one, when the intensity changes most at its
    border and, in lists of eight images and more, when its area per point is not unusual.

    Parameters
    ----------
    masks : bool array (k, y, x), or a list of them
        What `cut_candidates` returned, loosest first.
    points : float array (n, 2), or a list with that of each image
        (y, x) in pixels, what `find_lois` returned. Without any, the middle mask is picked.
    image : array (y, x), (channel, y, x), or list of arrays, optional
        Image of the cells. Without it the border does not count.
    return_index : bool
        Whether to return the number of the picked mask as well.
    channel_axis : int, optional
        The axis of the channels, -1 for (y, x, channel).

    Returns
    -------
    mask : bool array (y, x), or a list with that of each image
        The picked mask: what `train` takes.
    index : int, or a list with that of each image
        Its place among `masks`, from 0. Only with `return_index`.

    Raises
    ------
    ArgumentError
        When masks, points and image do not belong together.

    Examples
    --------
    >>> from lacss_tools import cut_candidates, find_lois, pick_candidate, sample_data
    >>> data = sample_data()
    >>> masks, _ = cut_candidates(data.images[0])
    >>> mask, k = pick_candidate(masks, find_lois(data.dapi[0]), data.images[0], return_index=True)
    >>> mask.shape, k
    ((390, 522), 2)
    """
    stacks = {name: as_masks(name, value) for name, value in named(masks, "masks").items()}
    lois, images = _points_of(points, masks, stacks), _images_of(image, masks, stacks, channel_axis)
    pairs = list(zip(stacks.values(), lois, strict=True))
    area = typical([middle_area(*pair) for pair in pairs[:: area_step(len(pairs))]])
    numbers = [choose(*pair, pixels, area) for pair, pixels in zip(pairs, images, strict=True)]
    picked: list[Mask] = [stack[k] for (stack, _), k in zip(pairs, numbers, strict=True)]
    if is_list(masks):
        return (picked, numbers) if return_index else picked
    return (picked[0], numbers[0]) if return_index else picked[0]


def _points_of(points: Any, masks: Any, stacks: dict[str, Masks]) -> list[Points]:
    given = beside(points, "points", masks, "masks").items()
    return [
        as_points(name, value, of, stack.shape[1:])
        for (name, value), (of, stack) in zip(given, stacks.items(), strict=True)
    ]


def _images_of(image: Any, masks: Any, stacks: dict[str, Masks], channel_axis: int | None) -> list[Image | None]:
    images = []
    for (name, value), (of, stack) in zip(beside(image, "image", masks, "masks").items(), stacks.items(), strict=True):
        pixels = None if value is None else as_image(name, value, channel_axis)
        if pixels is not None and pixels.shape[1:] != stack.shape[1:]:
            raise ArgumentError(f"{name} is {pixels.shape[1:]} pixels and {of} {stack.shape[1:]}. Give one size.")
        images.append(pixels)
    return images
