"""A trained network on images in memory: `lacss predict` as an object."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from lacss_tools.api.arguments import Arrays, Entries, as_image, as_points, beside, is_list, named, with_nuclei
from lacss_tools.arrays import Image, Labels
from lacss_tools.cells import Cells, cells_to_labels
from lacss_tools.errors import ArgumentError

if TYPE_CHECKING:
    from lacss_tools.predict.predictor import Predictor

WEIGHTS = ".safetensors"


class Segmenter:
    """A trained network: images in, cells out. Made by `train` or by `Segmenter.load`.

    Examples
    --------
    One step of training teaches nothing, but all else is as ever:

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from lacss_tools import Segmenter, sample_data, train
    >>> data = sample_data().validation
    >>> image, truth = data.images[0][:160, :160], data.labels[0][:160, :160]
    >>> model = train(image, labels=truth, steps=1, device="cpu")
    >>> labels = model.segment(image)
    >>> labels.shape == image.shape, labels.dtype
    (True, dtype('int32'))
    >>> cells = model.cells(image, lois=np.array([[50, 60], [120, 90]]), diameter=40.0)
    >>> cells.scores.shape == (len(cells),)
    True
    >>> with TemporaryDirectory() as folder:
    ...     path = model.save(folder)
    ...     same = Segmenter.load(path, device="cpu")
    >>> path.name, bool((same.segment(image) == labels).all())
    ('best.safetensors', True)
    """

    def __init__(self, predictor: "Predictor") -> None:
        self._predictor = predictor

    @classmethod
    def load(cls, path: str | Path, *, device: str = "auto") -> "Segmenter":
        """Load a run folder of `lacss train` or `train` (its best weights), a .safetensors file, or the starter model.

        Parameters
        ----------
        path : str or Path
            The run folder or file, or 'cells': the starter model in the package.
        device : str
            'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'.

        Returns
        -------
        Segmenter

        Raises
        ------
        InputError
            When there is no such model or device.
        """
        from lacss_tools.network.shipped import model_path
        from lacss_tools.predict.predictor import load_predictor

        return cls(load_predictor(model_path(Path(), Path(path)), device))

    @property
    def channels(self) -> int:
        """How many channels the images have that it was trained on, not counting their nuclei."""
        return self._predictor.model.settings.channels - self.knows_nuclei

    @property
    def knows_nuclei(self) -> bool:
        """Whether it was trained with nuclei, and takes those of other images."""
        return self._predictor.knows_nuclei

    @property
    def cell_diameter(self) -> float:
        """Typical cell diameter in the training images, in pixels."""
        return self._predictor.cell_diameter

    def __repr__(self) -> str:
        kind = f"{self.channels} channel" + ("s" if self.channels > 1 else "") + " and nuclei" * self.knows_nuclei
        return f"Segmenter({kind}, cells about {self.cell_diameter:.0f} px across, on {self._predictor.device})"

    @overload
    def segment(
        self,
        image: np.ndarray,
        *,
        nuclei: np.ndarray | None = ...,
        lois: np.ndarray | None = ...,
        diameter: float | None = ...,
        min_score: float | None = ...,
        channel_axis: int | None = ...,
    ) -> Labels: ...
    @overload
    def segment(
        self,
        image: Sequence[np.ndarray],
        *,
        nuclei: Sequence[np.ndarray | None] | None = ...,
        lois: Sequence[np.ndarray] | None = ...,
        diameter: float | None = ...,
        min_score: float | None = ...,
        channel_axis: int | None = ...,
    ) -> list[Labels]: ...
    def segment(
        self,
        image: Arrays,
        *,
        nuclei: Entries = None,
        lois: Arrays | None = None,
        diameter: float | None = None,
        min_score: float | None = None,
        channel_axis: int | None = None,
    ) -> Labels | list[Labels]:
        """Segment an image, of any size: the label image that `lacss predict` writes.

        Parameters
        ----------
        image : array (y, x), (channel, y, x), or list of arrays
            With the channels of the training, in their order. Images of a list are segmented one by one.
        nuclei : array (y, x), or a list with that of each image, optional
            Image of the nuclei, for a model that was trained with nuclei; it works without as well.
        lois : float array (n, 2), or a list with that of each image, optional
            Points, (y, x) in pixels, such as those of `find_lois`: segment the cells there, at most one each, in place
            of those that the network finds. `min_score` does not count then.
        diameter : float, optional
            Typical cell diameter in these images, in pixels. Needed where their magnification is not that of the
            training images.
        min_score : float, optional
            Keep cells with this score at least, 0 to 1 (by default 0.4). Lower finds more, with more false ones; the
            score cut that `evaluate` finds best can be given here.
        channel_axis : int, optional
            The axis of the channels, -1 for (y, x, channel).

        Returns
        -------
        labels : int32 array (y, x), or a list with that of each image
            0 is background; cells are numbered from 1, the surest first. A pixel that two cells claim belongs to the
            one more probable there. Every cell is one piece without holes.

        Raises
        ------
        ArgumentError
            For images of other channels than the training's, nuclei that the model does not know, NaN, or points
            outside their image.
        """
        from lacss_tools.predict.flat import settle

        found = self._find(image, nuclei, lois, diameter, min_score, channel_axis)
        labels = [cells_to_labels(settle(cells)) for cells in found]
        return labels if is_list(image) else labels[0]

    @overload
    def cells(
        self,
        image: np.ndarray,
        *,
        nuclei: np.ndarray | None = ...,
        lois: np.ndarray | None = ...,
        diameter: float | None = ...,
        min_score: float | None = ...,
        all_detections: bool = ...,
        channel_axis: int | None = ...,
    ) -> Cells: ...
    @overload
    def cells(
        self,
        image: Sequence[np.ndarray],
        *,
        nuclei: Sequence[np.ndarray | None] | None = ...,
        lois: Sequence[np.ndarray] | None = ...,
        diameter: float | None = ...,
        min_score: float | None = ...,
        all_detections: bool = ...,
        channel_axis: int | None = ...,
    ) -> list[Cells]: ...
    def cells(
        self,
        image: Arrays,
        *,
        nuclei: Entries = None,
        lois: Arrays | None = None,
        diameter: float | None = None,
        min_score: float | None = None,
        all_detections: bool = False,
        channel_axis: int | None = None,
    ) -> Cells | list[Cells]:
        """Find the cells of an image with their scores, where they may overlap.

        Parameters
        ----------
        image, nuclei, lois, diameter, min_score, channel_axis
            As in `segment`.
        all_detections : bool
            Whether to return all that the network finds, unlikely cells and those inside others too. So does
            `lacss eval`, as AP goes through all detections by falling score; give them to `evaluate`.

        Returns
        -------
        Cells, or a list with those of each image
            `scores`, `locations` (y, x), `boxes` (y0, x0, y1, x1) and the mask of each, `mask(k)`, over its box; best
            first. Cell k has the label k + 1 in what `segment` returns.

        Raises
        ------
        ArgumentError
            As `segment`.
        """
        found = self._find(image, nuclei, lois, diameter, min_score, channel_axis, all_detections)
        return found if is_list(image) else found[0]

    def save(self, path: str | Path) -> Path:
        """Save the weights: into a file NAME.safetensors, or into a folder, as a run.

        Parameters
        ----------
        path : str or Path
            File or folder; `Segmenter.load` and the commands take both.

        Returns
        -------
        Path
            Of the file.
        """
        from lacss_tools.network.weights import BEST, save_weights

        target = Path(path) if str(path).endswith(WEIGHTS) else Path(path) / BEST
        own = self._predictor
        save_weights(target, own.model, own.scale, own.channel, own.nuclei_channel)
        return target

    def _find(
        self,
        image: Any,
        nuclei: Any,
        lois: Any,
        diameter: float | None,
        min_score: float | None,
        channel_axis: int | None,
        all_detections: bool = False,
    ) -> list[Cells]:
        if nuclei is not None and not self.knows_nuclei:
            raise ArgumentError("The model was trained without nuclei. Leave nuclei out, or train it with them.")
        predictor = self._adapted(diameter, min_score, all_detections)
        out = []
        points = beside(lois, "lois", image, "image").items()
        light = beside(nuclei, "nuclei", image, "image").items()
        for (name, value), (of, places), own in zip(named(image, "image").items(), points, light, strict=True):
            pixels = self._as_image(name, value, channel_axis)
            pixels = with_nuclei(pixels, name, *own) if self.knows_nuclei else pixels
            given = None if places is None else as_points(of, places, name, pixels.shape[1:])
            out.append(predictor(pixels, given))
        return out

    def _adapted(self, diameter: float | None, min_score: float | None, all_detections: bool) -> "Predictor":
        from lacss_tools.network.preprocess import working_scale

        predictor = self._predictor
        settings = predictor.for_ap().settings if all_detections else predictor.settings
        if min_score is not None:
            if not 0 <= min_score <= 1:
                raise ArgumentError(f"min_score is {min_score:g}. Give a score from 0 to 1.")
            settings = replace(settings, min_score=min_score)
        if diameter is None:
            return replace(predictor, settings=settings)
        if not diameter >= 1:
            raise ArgumentError(f"diameter is {diameter:g}. Give that of a typical cell, 1 pixel or more.")
        scale = working_scale(diameter, predictor.model.settings.cell_diameter)
        return replace(predictor, settings=settings, scale=scale)

    def _as_image(self, name: str, value: Any, channel_axis: int | None) -> Image:
        """Return the image, or of several channels the one that the network was trained on alone."""
        pixels = as_image(name, value, channel_axis)
        if self._predictor.channel is not None and len(pixels) > 1:
            pixels = as_image(name, value, channel_axis, self._predictor.channel)
        if len(pixels) != self.channels:
            raise ArgumentError(
                f"{name} has {len(pixels)} channels, the model was trained on {self.channels}. Give the same."
            )
        return pixels
