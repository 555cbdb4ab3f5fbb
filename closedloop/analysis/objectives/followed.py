"""How far sites followed a stated objective: estimates over the clean images that it was asked of, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.intervals import student_95

Floats = NDArray[np.float64]
Labels = NDArray[Any]


class Followed(NamedTuple):
    """An estimate over images: their mean, its 95 % interval (NaN of fewer than two images) and how many there are."""

    value: float
    low: float
    high: float
    n_images: int


def mean_over_images(values: Floats, image: Labels) -> Followed:
    """Return the mean over clean images, each the mean over what was made of it; rows of NaN are left out.

    Parameters
    ----------
    values
        One a row, (n_rows,).
    image
        Clean image of each, (n_rows,).

    Examples
    --------
    >>> mean_over_images(np.array([1.0, 3.0, 4.0]), np.array(["a", "a", "b"])).value
    3.0
    """
    return _over_images(image, np.isfinite(values), lambda rows: float(values[rows].mean()))


def slope_over_images(response: Floats, target: Floats, *, image: Labels, site: Labels) -> Followed:
    """Return the slope of responses on targets within pairs of image and site: the mean over images of each one's.

    What an image or a site answers on average plays no part. A slope of 1 follows wholly, 0 not at all.

    Parameters
    ----------
    response, target
        In SD, (n_rows,); rows of NaN are left out.
    image, site
        Of each row, (n_rows,).

    Examples
    --------
    >>> targets, ones = np.array([-1.0, 0.0, 1.0, 2.0]), np.zeros(4)
    >>> slope_over_images(0.5 * targets + 3, targets, image=ones, site=ones).value
    0.5
    """
    return mean_of_images([*slopes_of_images(response, target, image=image, site=site).values()])


def slopes_of_images(response: Floats, target: Floats, *, image: Labels, site: Labels) -> dict[Any, float]:
    """Return the slope of responses on targets of each image, within its sites, by the image; see `slope_over_images`.

    Images whose targets do not vary have none.

    Parameters
    ----------
    response, target
        In SD, (n_rows,); rows of NaN are left out.
    image, site
        Of each row, (n_rows,).

    Examples
    --------
    >>> targets, image = np.array([-1.0, 1.0, -1.0, 1.0]), np.array(["a", "a", "b", "b"])
    >>> slopes_of_images(np.array([0.0, 2.0, 3.0, 3.0]), targets, image=image, site=np.zeros(4))
    {'a': 1.0, 'b': 0.0}
    """
    known = np.isfinite(response) & np.isfinite(target)
    slopes = dict[Any, float]()
    for one in np.unique(image[known]).tolist():
        slope = _slope_within_sites(response, target, site, np.flatnonzero((image == one) & known))
        if math.isfinite(slope):
            slopes[one] = slope
    return slopes


def mean_of_images(values: Sequence[float]) -> Followed:
    """Return the mean of one value an image, with its interval over them.

    Examples
    --------
    >>> mean_of_images([1.0, 2.0]).value
    1.5
    """
    each = np.array(values, dtype=np.float64)
    if not len(each):
        return Followed(math.nan, math.nan, math.nan, 0)
    mean = float(each.mean())
    if len(each) == 1:
        return Followed(mean, math.nan, math.nan, 1)
    half = student_95(len(each) - 1) * float(each.std(ddof=1)) / math.sqrt(len(each))
    return Followed(mean, mean - half, mean + half, len(each))


def _slope_within_sites(response: Floats, target: Floats, site: Labels, rows: NDArray[np.int64]) -> float:
    shared = square = 0.0
    for one in np.unique(site[rows]):
        own = rows[site[rows] == one]
        away = target[own] - target[own].mean()
        shared += float(away @ response[own])
        square += float(away @ away)
    return shared / square if square > 0 else math.nan


def _over_images(image: Labels, known: NDArray[np.bool_], of_image: Callable[[NDArray[np.int64]], float]) -> Followed:
    """Average what each image says; images vary, so that the interval is over them."""
    found = [of_image(np.flatnonzero((image == one) & known)) for one in np.unique(image[known])]
    return mean_of_images([value for value in found if math.isfinite(value)])
