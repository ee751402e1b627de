"""Points from images of nuclei: `lacss annotate-lois` as a function."""

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np

from lacss_tools.annotate.lois import find
from lacss_tools.annotate.lois.nuclei import estimate_diameter
from lacss_tools.annotate.lois.settings import NETWORK, PIECES, LoiSettings
from lacss_tools.annotate.lois.typical import spread
from lacss_tools.api.arguments import Arrays, as_arguments, as_plane, is_list, named
from lacss_tools.arrays import Labels, Points
from lacss_tools.errors import ArgumentError

LOI = LoiSettings()


@overload
def find_lois(
    dapi: np.ndarray,
    *,
    method: str | None = ...,
    nucleus_diameter: float | None = ...,
    sigma: tuple[float, float] | None = ...,
    min_response: float | None = ...,
    min_distance: float = ...,
    return_labels: Literal[False] = ...,
    channel_axis: int | None = ...,
) -> Points: ...
@overload
def find_lois(
    dapi: Sequence[np.ndarray],
    *,
    method: str | None = ...,
    nucleus_diameter: float | None = ...,
    sigma: tuple[float, float] | None = ...,
    min_response: float | None = ...,
    min_distance: float = ...,
    return_labels: Literal[False] = ...,
    channel_axis: int | None = ...,
) -> list[Points]: ...
@overload
def find_lois(
    dapi: np.ndarray,
    *,
    method: str | None = ...,
    nucleus_diameter: float | None = ...,
    sigma: tuple[float, float] | None = ...,
    min_response: float | None = ...,
    min_distance: float = ...,
    return_labels: Literal[True],
    channel_axis: int | None = ...,
) -> tuple[Points, Labels]: ...
@overload
def find_lois(
    dapi: Sequence[np.ndarray],
    *,
    method: str | None = ...,
    nucleus_diameter: float | None = ...,
    sigma: tuple[float, float] | None = ...,
    min_response: float | None = ...,
    min_distance: float = ...,
    return_labels: Literal[True],
    channel_axis: int | None = ...,
) -> tuple[list[Points], list[Labels]]: ...
def find_lois(
    dapi: Arrays,
    *,
    method: str | None = LOI.method,
    nucleus_diameter: float | None = LOI.nucleus_diameter,
    sigma: tuple[float, float] | None = LOI.sigma,
    min_response: float | None = LOI.min_response,
    min_distance: float = LOI.min_distance,
    return_labels: bool = False,
    channel_axis: int | None = None,
) -> Points | list[Points] | tuple[Points, Labels] | tuple[list[Points], list[Labels]]:
    """Find one point per nucleus (LOI, location of interest), as `lacss annotate-lois` does.

    Gain and offset of the camera do not matter.

    Parameters
    ----------
    dapi : array (y, x) or list of arrays
        Image of the nuclei, bright on dark, of any integer or floating point type.
    method : str, optional
        'network': nuclei of any size by a small network that comes along. 'pieces': the roundest pieces among the level
        sets of a blob filter. 'dog': the paper's rule, every maximum of a difference of Gaussians. By
        default 'network', or 'dog' when `sigma` is given.
    nucleus_diameter : float, optional
        Typical diameter of a nucleus in pixels. By default the network measures it in each image; for 'pieces' it is
        estimated from the image or, of a list, from a dozen of its images together.
    sigma : (float, float), optional
        Standard deviations, in pixels, of the two Gaussians of the paper's rule, which this chooses; the paper has
        (4.2, 5.0).
    min_response : float, optional
        Smallest score of a nucleus (network, 0 to 1), or smallest response of the filter, where 1 is the contrast of
        the image.
    min_distance : float
        Of points closer than this, in pixels, the strongest stays.
    return_labels : bool
        Whether to return the nuclei as well, which the method 'network' alone outlines.
    channel_axis : int, optional
        The axis of the channel, for arrays with three axes of which one has length 1.

    Returns
    -------
    points : float64 array (n, 2), or a list with that of each image
        (y, x) in pixels, strongest first; (0, 0) is the centre of the top-left pixel.
    labels : int32 array (y, x), or a list with that of each image
        0 is background, nucleus k + 1 that of point k. Only with `return_labels`.

    Raises
    ------
    ArgumentError
        For an image that is constant, holds NaN or has several channels, and for settings that make no sense.

    References
    ----------
    Shrestha, Kuang, Yu, *Communications Biology* 6:232 (2023), Methods: the rule 'dog'.

    Examples
    --------
    >>> from lacss_tools import find_lois, sample_data
    >>> points = find_lois(sample_data().dapi[0])
    >>> points.shape, points[0].round(1).tolist()
    ((89, 2), [340.0, 42.0])
    """
    with as_arguments():
        settings = LoiSettings(method, sigma, nucleus_diameter, min_response, min_distance)
    if sigma is not None and nucleus_diameter is not None:
        raise ArgumentError("sigma and nucleus_diameter say the same thing twice. Give one of them.")
    if return_labels and settings.rule != NETWORK:
        raise ArgumentError("return_labels needs the method 'network'. The other methods find points alone.")
    planes = [as_plane(name, value, channel_axis) for name, value in named(dapi, "dapi").items()]
    if return_labels:
        from lacss_tools.annotate.lois.network import find_nuclei

        nuclei = [find_nuclei(plane, settings, nucleus_diameter) for plane in planes]
        points, labels = [one.points for one in nuclei], [one.labels for one in nuclei]
        return (points, labels) if is_list(dapi) else (points[0], labels[0])
    diameter = nucleus_diameter
    if diameter is None and settings.rule == PIECES:
        diameter = estimate_diameter([planes[k] for k in spread(len(planes))])
    found = [find.find_lois(plane, settings, diameter)[0] for plane in planes]
    return found if is_list(dapi) else found[0]
