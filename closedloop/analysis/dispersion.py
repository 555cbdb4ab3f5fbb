"""A site's dynamic range over clean images: sigma, by which sensitivity is divided (section 2)."""

from __future__ import annotations

import numpy as np

from closedloop.analysis.estimate import Floats, Indices


def sigma(rates: Floats) -> Floats:
    """Return the SD of each site over clean images, measurement noise included (the paper's sigma).

    Parameters
    ----------
    rates
        Mean response of each clean image, (n_images, n_sites); NaN where an image has none.

    Returns
    -------
    ndarray
        (n_sites,), in the unit of the rates; NaN with fewer than two images.

    Examples
    --------
    Two sites, four images; the second site has no response to the last:

    >>> import numpy as np
    >>> sigma(np.array([[10.0, 1.0], [20.0, 3.0], [10.0, 5.0], [20.0, np.nan]])).round(3)
    array([5.774, 2.   ])
    """
    n, mean = _count_and_mean(rates)
    squares = np.where(np.isfinite(rates), (rates - mean) ** 2, 0.0).sum(axis=0)
    return np.sqrt(_divide(squares, n - 1))


def sigma_corrected(repetitions: Floats) -> Floats:
    """Return the SD of each site over clean images, measurement noise taken out.

    The variance over images of the mean over repetitions holds the variance of that mean, s^2 / n, which the
    repetitions tell. What is left without it is the covariance of two halves of the repetitions, averaged over all ways
    to halve each image's: it depends on no split that is drawn.

    Parameters
    ----------
    repetitions
        Response of each clean image at each of its repetitions, (n_images, n_sites, n_repetitions), in any order; NaN
        where there is none. Images with fewer than two are left out.

    Returns
    -------
    ndarray
        (n_sites,); NaN where what is left is not positive, that is where noise hides the images' variance.

    Examples
    --------
    Images that vary by SD 2, and noise of SD 1 in each of two repetitions:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> repetitions = rng.normal(0, 2, (10_000, 1, 1)) + rng.normal(0, 1, (10_000, 1, 2))
    >>> sigma_corrected(repetitions).round(1)
    array([2.])
    """
    known = np.isfinite(repetitions)
    n = known.sum(axis=2)
    enough = n > 1
    mean = _divide(np.where(known, repetitions, 0.0).sum(axis=2), np.where(enough, n, 0))
    squares = np.where(known & enough[..., None], (repetitions - mean[..., None]) ** 2, 0.0).sum(axis=2)
    noise = np.where(enough, _divide(squares, n * (n - 1)), 0.0).sum(axis=0)
    variance = sigma(mean) ** 2 - _divide(noise, enough.sum(axis=0))
    return np.sqrt(np.where(variance > 0, variance, np.nan))


def normalize(change: Floats, site_sigma: Floats, *, site_index: Indices) -> Floats:
    """Divide each pair's change by the sigma of its site.

    Parameters
    ----------
    change
        (n_pairs,), in the unit of sigma.
    site_sigma
        (n_sites,).
    site_index
        Row of `site_sigma` of each pair, (n_pairs,).

    Returns
    -------
    ndarray
        (n_pairs,), dimensionless; NaN where the site's sigma is NaN or zero: a site that never varies has no scale.

    Examples
    --------
    >>> import numpy as np
    >>> normalize(np.array([6.0, 6.0]), np.array([2.0, 3.0]), site_index=np.array([0, 1]))
    array([3., 2.])
    """
    return _divide(change, site_sigma[site_index])


def random_pair_change(rates: Floats) -> Floats:
    """Return mean |r(x) - r(y)| over all pairs of different clean images, a site (Figure 1A, dashed blue line).

    Gini's mean difference, from the sorted responses: ``2 / (n (n - 1)) * sum_i (2 i - n - 1) r_(i)``.
    Measurement noise is included. For normal responses it is 2 / sqrt(pi) sigma.

    Parameters
    ----------
    rates
        Mean response of each clean image, (n_images, n_sites); NaN where an image has none.

    Returns
    -------
    ndarray
        (n_sites,), in the unit of the rates; NaN with fewer than two images.

    Examples
    --------
    Three images, responses 0, 1 and 5: the mean of 1, 5 and 4.

    >>> import numpy as np
    >>> random_pair_change(np.array([[0.0], [1.0], [5.0]])).round(3)
    array([3.333])
    """
    ordered = np.sort(rates, axis=0)  # NaN last
    n = np.isfinite(rates).sum(axis=0)
    rank = np.arange(1, len(rates) + 1)[:, None]
    weighted = np.where(np.isfinite(ordered), (2 * rank - n - 1) * ordered, 0.0).sum(axis=0)
    return _divide(2 * weighted, n * (n - 1))


def _count_and_mean(rates: Floats) -> tuple[Indices, Floats]:
    finite = np.isfinite(rates)
    n = finite.sum(axis=0)
    return n, _divide(np.where(finite, rates, 0.0).sum(axis=0), n)


def _divide(values: Floats, by: Floats | Indices) -> Floats:
    """Divide where the divisor is positive; NaN elsewhere, without a warning."""
    quotient = np.full(np.broadcast_shapes(values.shape, by.shape), np.nan)
    np.divide(values, by, out=quotient, where=by > 0)
    return quotient
