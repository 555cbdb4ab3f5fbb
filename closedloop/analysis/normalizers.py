"""Responses of different days on one scale: z-scores by images that are shown every day."""

from __future__ import annotations

import numpy as np

from closedloop.analysis.dispersion import sigma
from closedloop.analysis.estimate import Floats


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
