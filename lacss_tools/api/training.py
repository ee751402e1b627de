"""Training on images in memory: `lacss train` as a function."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lacss_tools.api.arguments import (
    Arrays,
    Entries,
    as_arguments,
    as_image,
    as_labels,
    as_mask,
    as_points,
    beside,
    named,
    with_nuclei,
)
from lacss_tools.api.segmenter import Segmenter
from lacss_tools.arrays import Image
from lacss_tools.cells import cells_from_labels
from lacss_tools.errors import ArgumentError, InterruptedRunError
from lacss_tools.io.names import AUTO_NUCLEI, NO_NUCLEI
from lacss_tools.settings import Values
from lacss_tools.train.settings import AS_INIT, TrainSettings

if TYPE_CHECKING:
    from lacss_tools.train.annotated import AnnotatedImage
    from lacss_tools.train.labelled import LabelledImage
    from lacss_tools.train.steps import Prepared

Say = Callable[[str], None]


def train(
    images: Arrays,
    *,
    nuclei: Entries = None,
    lois: Entries = None,
    masks: Entries = None,
    labels: Entries = None,
    unsure: Entries = None,
    validation: tuple[Arrays, Arrays] | tuple[Arrays, Arrays, Entries] | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    settings: TrainSettings | None = None,
    init: str | Path | None = None,
    run: str | Path | None = None,
    device: str = "auto",
    progress: bool | Say = False,
    channel_axis: int | None = None,
) -> Segmenter:
    """Train a network, as `lacss train` does: on points and masks alone, on outlined cells, or on both.

    An image with `labels` is outlined; any other needs `lois` and a mask. So `lois` and `masks` alone are weak
    supervision, `labels` alone full supervision, and lists in which some entries are None are mixed supervision.

    Parameters
    ----------
    images : list of arrays (y, x) or (channel, y, x)
        Images of the cells, of any sizes, all with the same channels. One array is one image.
    nuclei : list of arrays (y, x), optional
        Images of the nuclei, which the network then sees beside the cells. They are blanked in some crops, so that the
        model works without them too.
    lois : list of float arrays (n, 2), optional
        One point per cell, (y, x) in pixels, such as those of `find_lois`. Points off the mask are not used.
    masks : list of bool arrays (y, x), optional
        Where there are cells, such as those of `pick_candidate`.
    labels : list of label images (y, x), optional
        Outlined cells: 0 is background, 1, 2, ... the cells.
    unsure : list of bool arrays (y, x), optional
        Where each mask is unsure, such as `candidates[k - 1] & ~candidates[k + 1]` of the picked candidate k. These
        pixels weigh `TrainSettings.unsure`, which must be below 1 to make a difference.
    validation : (images, labels) or (images, labels, nuclei), optional
        Outlined images to validate on, never trained on: the weights with the best mAP on them are kept. Without it
        the last weights are.
    steps, minutes : int or float, optional
        How long to train, by one of them; 2000 steps by default. A step takes about a quarter of a second on a laptop's
        CPU, and 600 are enough to see a result.
    seed : int, optional
        Seed of everything random, 0 by default. The same seed gives the same weights on a CPU.
    settings : TrainSettings, optional
        Every number of the training (`lacss_tools.train.settings`), such as preset, learning rate and augmentation; the
        arguments above win over it.
    init : str or Path, optional
        Run folder or .safetensors file of the weights to start from, or 'cells': the starter model. The network has
        their sizes.
    run : str or Path, optional
        Folder for weights, settings, curves and pictures, as `lacss train` writes it. By default nothing is kept but
        the result.
    device : str
        'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'.
    progress : bool or function
        True prints a line now and then; a function is called with each line.
    channel_axis : int, optional
        The axis of the channels, -1 for (y, x, channel).

    Returns
    -------
    Segmenter
        The trained network.

    Raises
    ------
    ArgumentError
        When images and annotation do not belong together, and for settings that make no sense.
    InputError
        When `device` or `init` is not there, or `run` holds a run already.

    References
    ----------
    Shrestha, Kuang, Yu, *Communications Biology* 6:232 (2023). By default the network learns from pseudo-labels,
    cells that grow around the points inside the mask; `TrainSettings(weak_loss=0.3)` adds the paper's weak loss and
    auxnet.

    Examples
    --------
    Two steps on one small image, which teach it little:

    >>> from lacss_tools import cut_candidates, find_lois, pick_candidate, sample_data, train
    >>> image, dapi = sample_data().images[0][:128, :128], sample_data().dapi[0][:128, :128]
    >>> points = find_lois(dapi)
    >>> mask = pick_candidate(cut_candidates(image)[0], points, image)
    >>> from lacss_tools.train.settings import TrainSettings
    >>> model = train(image, lois=points, masks=mask, steps=2, settings=TrainSettings(batch=1, crop=64), device="cpu")
    >>> model.segment(image).shape
    (128, 128)
    """
    from lacss_tools.train.steps import fit

    chosen = _settings(settings or TrainSettings(), steps, minutes, seed)
    say: Say = progress if callable(progress) else print if progress else _silent
    if unsure is not None and chosen.unsure == 1:
        raise ArgumentError("unsure has no effect at full weight. Set TrainSettings(unsure=0.3), or leave it out.")
    weights = None if init is None else _weights(Path(init))
    chosen = chosen if weights is None else replace(chosen, preset=AS_INIT)
    sees_nuclei = _sees_nuclei(nuclei is not None, weights)
    chosen = replace(chosen, nuclei=AUTO_NUCLEI if sees_nuclei else NO_NUCLEI, nuclei_channel=None)
    see = _Seeing(channel_axis, chosen.channel, sees_nuclei)
    annotation: Values = {"nuclei": nuclei, "lois": lois, "masks": masks, "labels": labels, "unsure": unsure}
    found = _annotated(images, annotation, see)
    chosen = replace(chosen, supervision=_supervision(found, lois is not None or masks is not None))
    channels = len(next(iter(found.values())).image)
    watched = [] if validation is None else _labelled(validation, see, channels)
    ready = _prepare(found, watched, chosen, weights, device, sees_nuclei)
    for note in ready.data.notes:
        say(note)
    with _run_folder(run, chosen) as folder:
        fit(ready, folder, chosen, init=weights, say=say)
        return Segmenter.load(folder, device=device)


def _silent(line: str) -> None:
    """Tell nobody."""


def _settings(settings: TrainSettings, steps: int | None, minutes: float | None, seed: int | None) -> TrainSettings:
    if steps is not None and minutes is not None:
        raise ArgumentError("steps and minutes each say how long to train. Give one of them.")
    given: Values = {} if seed is None else {"seed": seed}
    if steps is not None or minutes is not None:
        given |= {"epochs": None, "minutes": minutes}
    if steps is not None:
        given["steps"] = steps
    with as_arguments():
        return replace(settings, **given)


def _weights(init: Path) -> Path:
    from lacss_tools.network.shipped import model_path

    return model_path(Path(), init)


def _sees_nuclei(given: bool, init: Path | None) -> bool:
    """Return whether the network sees nuclei: as the weights to start from, or else where there are some."""
    if init is None:
        return given
    from lacss_tools.network.weights import read_header

    knows = read_header(init).model.nuclei is not None
    if given and not knows:
        raise ArgumentError("The weights of init know no nuclei. Leave nuclei out, or train without init.")
    return knows


@dataclass(frozen=True)
class _Seeing:
    """How arrays become images."""

    channel_axis: int | None
    channel: str | None
    nuclei: bool

    def read(self, name: str, value: Any, nuclei: tuple[str, Any]) -> Image:
        image = as_image(name, value, self.channel_axis, self.channel)
        return with_nuclei(image, name, *nuclei) if self.nuclei else image


def _annotated(images: Any, annotation: Values, see: _Seeing) -> "dict[str, AnnotatedImage]":
    """Return images with their annotation by name, outlined ones first, as `lacss train` takes them."""
    from lacss_tools.train.annotated import outlined, weakly_annotated

    full, weak = {}, {}
    parts = [beside(value, name, images, "images").items() for name, value in annotation.items()]
    for (name, value), light, *entries in zip(named(images, "images").items(), *parts, strict=True):
        image = see.read(name, value, light)
        shape = (image.shape[1], image.shape[2])
        (lois_name, points), (mask_name, area), (labels_name, outlines), (unsure_name, doubt) = entries
        if outlines is not None:
            own = None if points is None else as_points(lois_name, points, name, shape)
            full[name] = outlined(image, as_labels(labels_name, outlines, name, shape), own)
        elif points is None or area is None:
            raise ArgumentError(f"{name} has neither labels nor both lois and masks. Give them, or leave it out.")
        else:
            mask = as_mask(mask_name, area, name, shape)
            source = weakly_annotated(image, mask, as_points(lois_name, points, name, shape))
            weak[name] = source if doubt is None else replace(source, unsure=as_mask(unsure_name, doubt, name, shape))
    return full | weak


def _supervision(found: "dict[str, AnnotatedImage]", weak_given: bool) -> str:
    kinds = {source.outlined for source in found.values()}
    if kinds == {True} and weak_given:
        raise ArgumentError("labels has every image, so lois and masks would not be used. Leave them out.")
    if not any(len(source.lois) for source in found.values()):
        where = "labels" if kinds == {True} else "lois"
        raise ArgumentError(f"{where} holds no cell to learn from. Look at it, and at masks, beside the images.")
    return "mixed" if len(kinds) == 2 else "full" if True in kinds else "weak"


def _labelled(validation: tuple[Any, ...], see: _Seeing, channels: int) -> "list[LabelledImage]":
    """Return outlined images to validate on, of as many `channels` as those to train on."""
    from lacss_tools.train.labelled import LabelledImage

    out: list[LabelledImage] = []
    images, labels, *nuclei = validation
    if nuclei and not see.nuclei:
        raise ArgumentError("validation has nuclei, which the network does not see. Give nuclei to train on, too.")
    outlines, light = (
        beside(value, f"validation {name}", images, "validation images").items()
        for name, value in (("labels", labels), ("nuclei", nuclei[0] if nuclei else None))
    )
    for (name, value), (of, own), lit in zip(named(images, "validation images").items(), outlines, light, strict=True):
        image = see.read(name, value, lit)
        if len(image) != channels:
            raise ArgumentError(f"{name} has {len(image)} channels, images have {channels}. Give the same.")
        truth = cells_from_labels(as_labels(of, own, name, (image.shape[1], image.shape[2])))
        out.append(LabelledImage(f"validation_{len(out)}", image, truth))
    return out


def _prepare(
    found: "dict[str, AnnotatedImage]",
    validation: "list[LabelledImage]",
    settings: TrainSettings,
    init: Path | None,
    device: str,
    nuclei: bool,
) -> "Prepared":
    from lacss_tools.network.device import choose_device, tune
    from lacss_tools.network.weights import read_header
    from lacss_tools.train.folders import gather
    from lacss_tools.train.initial import fit_sizes, wanted_sizes
    from lacss_tools.train.steps import Prepared

    chosen = choose_device(device)
    tune(chosen)
    sizes = wanted_sizes(settings, init)
    with as_arguments():
        names = [Path(name) for name in found]
        data = gather(
            list(found.values()), names, sizes.cell_diameter, settings.diameter, settings.borders, nuclei,
            known=read_header(init).scale if init else None,
            held_back=settings.held_back if init and not validation else 0.0,
        )  # fmt: skip
    return Prepared(data, validation or list(data.held), fit_sizes(sizes, settings, data.channels, nuclei), chosen)


@contextmanager
def _run_folder(run: str | Path | None, settings: TrainSettings) -> Iterator[Path]:
    """Yield the folder of the run: training keeps its best weights there. One that nobody asked for is removed."""
    from lacss_tools.io.lock import owned
    from lacss_tools.train.steps import check_run

    if run is not None:
        with owned(Path(run), "lacss_tools.train", "name another `run`"):
            check_run(Path(run), settings, resume=False)
            yield Path(run)
        return
    with TemporaryDirectory() as folder:
        try:
            yield Path(folder)
        except InterruptedRunError:
            raise KeyboardInterrupt from None  # there is nothing to continue
