"""Responses of different days on one scale: z-scores by images that are shown every day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.dispersion import sigma
from closedloop.analysis.estimate import Floats
from closedloop.analysis.reliability import mean_response

LEAST_SHARED = 3
"""Images by which two days are put on one scale, at least."""


def z_score(rates: Floats, reference: Floats) -> Floats:
    """Subtract each site's mean over the reference images and divide by its SD over them.

    The DiCarlo laboratory's way to put days on one scale, with 25 normalizer images.

    Parameters
    ----------
    rates
        Mean response of each image, (n_images, n_sites); NaN where unusable.
    reference
        The same for the normalizer images of the same day, (n_normalizers, n_sites).

    Returns
    -------
    ndarray
        (n_images, n_sites); a column of NaN where the reference images do not vary or fewer than two are usable.

    Examples
    --------
    A site whose normalizer images have mean 20 and SD 10:

    >>> import numpy as np
    >>> z_score(np.array([[20.0], [35.0]]), np.array([[10.0], [20.0], [30.0]]))
    array([[0. ],
           [1.5]])
    """
    spread = sigma(reference)
    usable = np.isfinite(reference).any(axis=0)
    mean = np.full(reference.shape[1], np.nan)
    mean[usable] = np.nanmean(reference[:, usable], axis=0)
    scale = np.where(spread > 0, spread, np.nan)
    return np.asarray((rates - mean) / scale)


def on_one_scale(
    rates: Floats, index: NDArray[np.int64], day: NDArray[np.int64], *, first: int | None, n_images: int
) -> tuple[Floats, tuple[int, ...]]:
    """Return the rates on one day's scale, and the days at which a site shares too few images with it.

    The line that maps a day's mean and SD over the shared images to those of the first day.

    Parameters
    ----------
    rates
        (n_presentations, n_sites); NaN where there is none.
    index
        Which image each presentation shows, (n_presentations,).
    day
        When, (n_presentations,).
    first
        Whose scale it is; the earliest day's, if None.
    n_images
        How many there are.

    Examples
    --------
    The second day answers twice as much, from a baseline of 1:

    >>> import numpy as np
    >>> rates = np.array([[1.0], [2.0], [3.0], [3.0], [5.0], [7.0]])
    >>> scaled, unscaled = on_one_scale(
    ...     rates, np.array([0, 1, 2] * 2), np.repeat([0, 1], 3), first=None, n_images=3
    ... )
    >>> scaled[3:, 0].tolist(), unscaled
    ([1.0, 2.0, 3.0], ())
    """
    scaled, days = rates.copy(), sorted(set(day.tolist()), key=lambda one: (one != first, one))
    unscaled = set[int]()
    means = {one: mean_response(rates[day == one], index[day == one], n_images=n_images) for one in days}
    reference = means[days[0]]
    for one in days[1:]:
        for site in range(rates.shape[1]):
            both = np.isfinite(reference[:, site]) & np.isfinite(means[one][:, site])
            if both.sum() < LEAST_SHARED:
                if np.isfinite(means[one][:, site]).any():
                    unscaled.add(one)
                continue
            here, there = means[one][both, site], reference[both, site]
            gain = there.std() / here.std() if here.std() > 0 else 1.0
            scaled[day == one, site] = (rates[day == one, site] - here.mean()) * gain + there.mean()
    return scaled, tuple(sorted(unscaled))
