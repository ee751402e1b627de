"""Training and validation data: which files belong together under which supervision, read into memory."""

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lacss_tools.annotate.pseudo.borders import choose, describe, pool
from lacss_tools.annotate.pseudo.names import AUTO
from lacss_tools.arrays import Image
from lacss_tools.errors import InputError
from lacss_tools.io.lois import check_inside, read_lois
from lacss_tools.io.native import read_labels, read_mask
from lacss_tools.io.nuclei import Wanted
from lacss_tools.io.project import Pairing, list_images, list_tables, pair, unsure_file
from lacss_tools.io.scenes import has_own_file, paths_of
from lacss_tools.io.stems import stem_of
from lacss_tools.io.zarr_labels import files_of
from lacss_tools.network.preprocess import typical_diameter, working_scale
from lacss_tools.points import values_at
from lacss_tools.train.annotated import AnnotatedImage, hold_back, outlined, weakly_annotated
from lacss_tools.train.crops import TrainingImage, border_evidence, full_image, guess, unguessed_image
from lacss_tools.train.inputs import ALL_CHANNELS, training_inputs
from lacss_tools.train.labelled import LabelledImage, check_size
from lacss_tools.train.settings import TrainSettings

SAME_SCALE = 1.25
"""weights that go on with images whose cells seem larger or smaller by less than this factor keep their scale"""


@dataclass(frozen=True)
class TrainingFolders:
    """Where the data is: LOIs and masks (weak) or labels (full), and optionally labelled images to validate on."""

    images: Path
    lois: Path
    masks: Path
    labels: Path
    val_images: Path | None = None
    val_labels: Path | None = None
    project: Path = Path()
    """where a folder of nuclei is looked for"""


@dataclass(frozen=True)
class TrainingData:
    """All images in memory, the working scale, and a fingerprint of the files."""

    images: list[TrainingImage]
    scale: float
    channels: int
    notes: list[str]
    fingerprint: str = "arrays"
    paths: frozenset[Path] = frozenset()
    """of the images, none where they came as arrays"""
    names: tuple[str, ...] = ()
    """of the images in order, as people are told of them"""
    borders: str | None = None
    """what pseudo-labels were made for: bright or dark borders or distance; None where all images are outlined"""
    nuclei: bool = False
    """whether the last channel is that of the nuclei, or blank in their place"""
    held: tuple[LabelledImage, ...] = ()
    """parts of outlined images that are not trained on"""


@dataclass(frozen=True)
class Selection:
    """The files of each image, image first, and how to read them."""

    files: list[tuple[Path, ...]]
    readers: list[Callable[..., AnnotatedImage]]
    note: str


def select(folders: TrainingFolders, supervision: str, wanted: Wanted = ALL_CHANNELS) -> Selection:
    """Pair files by stem: images with masks and LOIs (weak), with labels (full), or with labels first (mixed)."""
    images = wanted.images(folders.images)
    if supervision == "mixed":
        return _select_mixed(folders, images)
    weak = supervision == "weak"
    pairing = _pair_weak(folders, images) if weak else _pair_full(folders, images)
    files = list(pairing.paired.values())
    return Selection(files, [_read_weak if weak else _read_full] * len(files), pairing.summary())


def _select_mixed(folders: TrainingFolders, images: dict[str, Path]) -> Selection:
    outlined = _pair_full(folders, images)
    rest = {stem: path for stem, path in images.items() if stem not in outlined.paired}
    if not rest:
        raise InputError(f"{folders.labels} has labels for every image. Set `supervision` to full.")
    weak = _pair_weak(folders, rest)
    unused = sorted(set(rest) - set(weak.paired))
    note = f"{len(outlined.paired)} outlined (labels), {len(weak.paired)} with LOIs and mask"
    if unused:
        note += f"; {len(unused)} images with neither are not used ({', '.join(unused[:3])})"
    files = [*outlined.paired.values(), *weak.paired.values()]
    return Selection(files, [_read_full] * len(outlined.paired) + [_read_weak] * len(weak.paired), note)


def _with_lois(chosen: Selection, folders: TrainingFolders) -> Selection:
    """Return the selection with the LOI table of each outlined image that has one."""
    if not folders.lois.is_dir() or _read_full not in chosen.readers:
        return chosen
    tables = list_tables(folders.lois)
    beside = [
        (tables[stem_of(files[1])],) if read is _read_full and stem_of(files[1]) in tables else ()
        for files, read in zip(chosen.files, chosen.readers, strict=True)
    ]
    note = f"{chosen.note}; {sum(map(len, beside))} of {chosen.readers.count(_read_full)} outlined ones have LOIs too"
    return replace(chosen, files=[(*own, *more) for own, more in zip(chosen.files, beside, strict=True)], note=note)


def _with_unsure(chosen: Selection) -> Selection:
    """Return the selection with the file beside each mask that says where it is unsure."""
    weak = [read is _read_weak for read in chosen.readers]
    beside = [(unsure_file(files[1]),) if asked else () for files, asked in zip(chosen.files, weak, strict=True)]
    there = [tuple(path for path in paths if path.is_file()) for paths in beside]
    note = f"{chosen.note}; {sum(map(len, there))} of {sum(weak)} masks say where they are unsure"
    return replace(chosen, files=[(*own, *more) for own, more in zip(chosen.files, there, strict=True)], note=note)


def _pair_weak(folders: TrainingFolders, images: dict[str, Path]) -> Pairing:
    masks, lois = (folders.masks, list_images(folders.masks)), (folders.lois, list_tables(folders.lois))
    return pair((folders.images, images), masks, lois)


def _pair_full(folders: TrainingFolders, images: dict[str, Path]) -> Pairing:
    return pair((folders.images, images), (folders.labels, list_images(folders.labels)))


def load_training_data(
    folders: TrainingFolders,
    supervision: str,
    cell_diameter: float,
    *,
    wanted: Wanted = ALL_CHANNELS,
    knows_nuclei: bool | None = None,
    diameter: float | None = None,
    borders: str = AUTO,
    unsure: bool = False,
    scale: float | None = None,
    held_back: float = 0.0,
) -> TrainingData:
    """Read and pair the training files; raises InputError for sizes or channels that do not fit.

    `wanted` are the channels to use, `knows_nuclei` is as in `training_inputs`. Images are resized so that a typical
    cell is `cell_diameter` pixels across; `diameter` is what it is in the files, None to estimate that from LOIs and
    masks. `borders` are those between cells, of which pseudo-labels are made (`annotate.pseudo`). `unsure` asks for
    what masks say of being unsure. `scale` is that of the weights to start from.
    `held_back` is the fraction of each outlined image that is not trained on.
    """
    chosen = _with_lois(select(folders, supervision, wanted), folders)
    if unsure:
        chosen = _with_unsure(chosen)
    paths = [files[0] for files in chosen.files]
    images = {stem_of(files[1]): files[0] for files in chosen.files}
    inputs, seen = training_inputs(images, folders.images, wanted, knows_nuclei)
    sources = [read(*files, see=inputs.read) for read, files in zip(chosen.readers, chosen.files, strict=True)]
    lois = sum(len(source.lois) for source in sources)
    if not lois:
        where = folders.labels if supervision == "full" else folders.lois
        raise InputError(f"{where} holds no cell to learn from. Look at it and at the masks in an image viewer.")
    data = gather(sources, paths, cell_diameter, diameter, borders, inputs.blank, scale, held_back)
    return replace(
        data,
        fingerprint=fingerprint([*(path for files in chosen.files for path in files), *inputs.files(paths)]),
        notes=[f"training images: {chosen.note}; {lois} LOIs", seen, *data.notes],
        paths=frozenset(path.resolve() for path in paths),
    )


def gather(
    sources: list[AnnotatedImage],
    names: list[Path],
    cell_diameter: float,
    diameter: float | None = None,
    borders: str = AUTO,
    nuclei: bool = False,
    known: float | None = None,
    held_back: float = 0.0,
) -> TrainingData:
    """Bring annotated images, with one LOI at least, to the working scale; `names` are theirs in errors.

    `nuclei` says whether their last channel is that of the nuclei. InputError when channels differ. `known` is the
    working scale of weights to start from, which stays where it is about right. The other arguments are those of
    `load_training_data`.
    """
    _same_channels(names, sources)
    called = list(map(_name, names))
    sources, held, notes = hold_back(sources, called, held_back)
    lois = sum(len(source.lois) for source in sources)
    estimated = diameter is None
    if diameter is None:
        # a mask without LOIs says nothing about the size of a cell
        area = sum(float(np.count_nonzero(source.area)) for source in sources if len(source.lois))
        diameter = typical_diameter(area, lois)
    scale = working_scale(diameter, cell_diameter)
    if known and estimated and max(known / scale, scale / known) < SAME_SCALE:
        scale = known
    if dropped := sum(source.dropped for source in sources):
        notes.append(f"{dropped} LOIs outside their mask are not used")
    notes.append(f"typical cell {diameter:.1f} px across, so images are resized by {scale:.3f}")
    working = [replace(_image(source, scale), nuclei=nuclei) for source in sources]
    images, settled, remarks = guess_all(_alike(working), borders)
    return TrainingData(
        images=images,
        scale=scale,
        channels=len(sources[0].image),
        notes=notes + remarks,
        borders=settled,
        nuclei=nuclei,
        held=tuple(held),
        names=tuple(called),
    )


def _name(path: Path) -> str:
    """Return what pictures of an image are called; a scene of a file and an array have no file of their own."""
    return stem_of(path) if has_own_file(path) else path.name


def _alike(images: list[TrainingImage]) -> list[TrainingImage]:
    """Return the images with no doubt in those that do not say, if any of them says, so that crops are alike."""
    if all(image.doubt is None for image in images):
        return images
    return [
        replace(image, doubt=torch.zeros_like(image.mask) if image.doubt is None else image.doubt) for image in images
    ]


def guess_all(images: list[TrainingImage], borders: str) -> tuple[list[TrainingImage], str | None, list[str]]:
    """Give pseudo-labels to all images that nobody outlined; return the images, what settled them and notes.

    AUTO is settled by the evidence of all these images together.
    """
    if all(image.outlined for image in images):
        return images, None, []
    evidence = pool(border_evidence(image) for image in images if not image.outlined)
    settled = choose(evidence) if borders == AUTO else borders
    guessed = [image if image.outlined else guess(image, settled) for image in images]
    return guessed, settled, [describe(evidence, borders)]


def _same_channels(names: list[Path], sources: list[AnnotatedImage]) -> None:
    expected = len(sources[0].image)
    for name, source in zip(names, sources, strict=True):
        if len(source.image) != expected:
            raise InputError(
                f"{name} has {len(source.image)} channels, {names[0]} has {expected}. "
                "Train on images of one kind, or on one `channel` of theirs."
            )


def _read_weak(
    image_path: Path, mask_path: Path, loi_path: Path, *unsure_path: Path, see: Callable[[Path], Image]
) -> AnnotatedImage:
    image, mask, (lois, _) = see(image_path), read_mask(mask_path), read_lois(loi_path)
    unsure = [read_mask(path) for path in unsure_path]
    for path, plane in zip((mask_path, *unsure_path), (mask, *unsure), strict=True):
        check_size(image_path, image, path, plane)
    check_inside(lois, loi_path, image_path, mask.shape)
    return replace(weakly_annotated(image, mask, lois), unsure=unsure[0] if unsure else None)


def _read_full(image_path: Path, label_path: Path, *loi_path: Path, see: Callable[[Path], Image]) -> AnnotatedImage:
    image, labels = see(image_path), np.abs(read_labels(label_path, signed=True))  # ambiguous cells are cells here
    check_size(image_path, image, label_path, labels)
    lois = [read_lois(path)[0] for path in loi_path]
    for path, points in zip(loi_path, lois, strict=True):
        check_inside(points, path, image_path, labels.shape)
    return outlined(image, labels, *lois)


def _image(source: AnnotatedImage, scale: float) -> TrainingImage:
    if not source.outlined:
        return unguessed_image(source.image, source.area, source.lois, scale, source.unsure)
    return full_image(source.image, source.area, source.lois, values_at(source.area, source.lois), scale)


def fingerprint(paths: list[Path]) -> str:
    """Return a hash of the names and contents of these files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(os.fsencode(path.name))
        for file in (file for part in paths_of(path) for file in files_of(part)):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def epoch_steps(images: list[TrainingImage], settings: TrainSettings, processes: int) -> int:
    """Return the steps in `settings.epochs`: an epoch is as many crops as cover the area of all images."""
    area = sum(image.image.shape[1] * image.image.shape[2] for image in images)
    crops = (settings.epochs or 0.0) * area / settings.crop**2
    return max(1, math.ceil(crops / (settings.batch * processes)))
