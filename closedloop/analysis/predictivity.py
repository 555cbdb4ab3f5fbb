"""How well a model predicts the sites: Pearson correlation over images, a site at a time."""

from __future__ import annotations

import numpy as np

from closedloop.analysis.estimate import Floats

_LEAST_IMAGES = 3  # two points always correlate perfectly


def correlation(predicted: Floats, measured: Floats) -> Floats:
    """Return the Pearson correlation of each site over the images that both arrays have.

    Parameters
    ----------
    predicted, measured
        (n_images, n_sites); NaN where there is no value.

    Returns
    -------
    ndarray
        (n_sites,); NaN with fewer than three images, or where one side does not vary.

    Raises
    ------
    ValueError
        The shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> predicted = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]])
    >>> measured = np.array([[10.0, 4.0], [20.0, 3.0], [30.0, np.nan], [40.0, 1.0]])
    >>> correlation(predicted, measured)
    array([ 1., -1.])
    """
    if predicted.shape != measured.shape:
        raise ValueError(f"correlation needs two arrays of one shape, found {predicted.shape} and {measured.shape}")
    both = np.isfinite(predicted) & np.isfinite(measured)
    x, y = _centred(predicted, both), _centred(measured, both)
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    enough = (both.sum(axis=0) >= _LEAST_IMAGES) & (scale > 0)
    r: Floats = np.divide((x * y).sum(axis=0), scale, out=np.full(x.shape[1:], np.nan), where=enough)
    return r


def _centred(values: Floats, both: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
    """Subtract the mean over the entries both have; zero elsewhere, so that sums skip them."""
    kept = np.where(both, values, 0.0)
    return np.where(both, values - kept.sum(axis=0) / np.maximum(both.sum(axis=0), 1), 0.0)
