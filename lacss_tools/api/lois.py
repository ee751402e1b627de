"""Points from images of nuclei: `lacss annotate-lois` as a function."""

from collections.abc import Sequence
from typing import overload

import numpy as np

from lacss_tools.annotate.lois import find
from lacss_tools.annotate.lois.nuclei import estimate_diameter
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.annotate.lois.steps import spread
from lacss_tools.api.arguments import Arrays, as_arguments, as_plane, is_list, named
from lacss_tools.arrays import Points
from lacss_tools.errors import ArgumentError

LOI = LoiSettings()


@overload
def find_lois(
    dapi: np.ndarray,
    *,
    nucleus_diameter: float | None = ...,
    sigma: tuple[float, float] | None = ...,
    min_response: float = ...,
    min_distance: float = ...,
    channel_axis: int | None = ...,
) -> Points: ...
@overload
def find_lois(
    dapi: Sequence[np.ndarray],
    *,
    nucleus_diameter: float | None = ...,
    sigma: tuple[float, float] | None = ...,
    min_response: float = ...,
    min_distance: float = ...,
    channel_axis: int | None = ...,
) -> list[Points]: ...
def find_lois(
    dapi: Arrays,
    *,
    nucleus_diameter: float | None = None,
    sigma: tuple[float, float] | None = None,
    min_response: float = LOI.min_response,
    min_distance: float = LOI.min_distance,
    channel_axis: int | None = None,
) -> Points | list[Points]:
    """Find one point per nucleus (LOI, location of interest), as `lacss annotate-lois` does.

    By default a nucleus is the roundest piece among the level sets of a blob filter, so that large and small, touching
    and textured nuclei get one point each. Gain and offset of the camera do not matter.

    Parameters
    ----------
    dapi : array (y, x) or list of arrays
        Image of the nuclei, bright on dark, of any integer or floating point type.
    nucleus_diameter : float, optional
        Typical diameter of a nucleus in pixels. Estimated by default: from the image or, of a list, from a dozen of its
        images together.
    sigma : (float, float), optional
        Standard deviations, in pixels, of two Gaussians: the paper's rule in place of the default. Every maximum of
        their difference is a point; the paper has (4.2, 5.0).
    min_response : float
        Smallest response of the filter, where 1 is the contrast of the image.
    min_distance : float
        Of points closer than this, in pixels, the strongest stays.
    channel_axis : int, optional
        The axis of the channel, for arrays with three axes of which one has length 1.

    Returns
    -------
    points : float64 array (n, 2), or a list with that of each image
        (y, x) in pixels, strongest first; (0, 0) is the centre of the top-left pixel.

    Raises
    ------
    ArgumentError
        For an image that is constant, holds NaN or has several channels, and for settings that make no sense.

    References
    ----------
    Shrestha, Kuang, Yu, *Communications Biology* 6:232 (2023), Methods: the rule with `sigma`.

    Examples
    --------
    >>> from lacss_tools import find_lois, sample_data
    >>> points = find_lois(sample_data().dapi[0])
    >>> points.shape, points[0].round(1).tolist()
    ((88, 2), [170.9, 397.0])
    """
    with as_arguments():
        settings = LoiSettings(sigma, nucleus_diameter, min_response, min_distance)
    if sigma is not None and nucleus_diameter is not None:
        raise ArgumentError("sigma and nucleus_diameter say the same thing twice. Give one of them.")
    planes = [as_plane(name, value, channel_axis) for name, value in named(dapi, "dapi").items()]
    diameter = 0.0 if sigma is not None else nucleus_diameter
    if diameter is None:
        diameter = estimate_diameter([planes[k] for k in spread(len(planes))])
    found = [find.find_lois(plane, settings, diameter)[0] for plane in planes]
    return found if is_list(dapi) else found[0]
