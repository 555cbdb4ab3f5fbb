"""How far a site really moves: the paper's estimator, a model-free check of it, and the controls' measure.

Everywhere ``change = r(x + delta) - r(x)``, one number a pair of (image, site), the mean over repetitions on each side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from closedloop.analysis.estimate import Estimate, Floats, Indices, mean_over_pairs
from closedloop.analysis.repetitions import cross_fitted_size, noiseless_square

Estimator = Callable[..., Estimate]


def paper_estimate(change: Floats, predicted_sign: Indices, *, image_index: Indices, site_index: Indices) -> Estimate:
    """Estimate mean |change| without counting noise: section 3.1, last equation.

    Mean of ``sign(f(x) - f(x + delta)) (r(x) - r(x + delta))``, f the previous day's model: the sign was fixed before
    the responses were seen, so noise averages out. Never above the mean of |change| in expectation; equal to it where
    all signs are right, and ``(2 p - 1)`` of it where a part p of them is and the size is the same everywhere. A pair
    with predicted sign 0 contributes 0, as the formula says.

    Parameters
    ----------
    change
        Measured change of each pair, (n_pairs,); NaN where a response is missing (left out, counted).
    predicted_sign
        -1, 0 or 1: predicted sign of the same difference, (n_pairs,).
    image_index, site_index
        The clean image and the site of each pair, (n_pairs,).

    Examples
    --------
    Three of four attacks moved the site as predicted:

    >>> import numpy as np
    >>> change, sign = np.array([2.0, -3.0, 1.0, -2.0]), np.array([1, -1, 1, 1])
    >>> estimate = paper_estimate(change, sign, image_index=np.arange(4), site_index=np.zeros(4, int))
    >>> estimate.mean, round(estimate.standard_error, 3)
    (1.0, 1.08)
    """
    return mean_over_pairs(np.sign(predicted_sign) * change, image_index=image_index, site_index=site_index)


def cross_fitted_estimate(
    clean: Floats, changed: Floats, *, image_index: Indices, site_index: Indices, seed: int = 0
) -> Estimate:
    """Estimate mean |change| with no model: the sign from one half of the repetitions, the size from the other.

    Averaged over all ways to halve them (`cross_fitted_size`). It falls short where noise turns the sign (its
    expectation is |change| times 2 p - 1, p the chance that a half has the right sign), but a wrong model, channel map
    or sign convention does not touch it: far above the paper's estimate, it is an alarm.

    Parameters
    ----------
    clean, changed
        Responses to the clean and to the changed image of each pair, (n_pairs, n_repetitions), in any order; NaN where
        there is none. Pairs with fewer than two of either are left out.
    image_index, site_index
        The clean image and the site of each pair, (n_pairs,).
    seed
        Of the ways that are drawn where there are more than 400.

    Examples
    --------
    >>> import numpy as np
    >>> clean, changed = np.zeros((3, 2)), np.array([[2.0, 4.0], [-3.0, -1.0], [1.0, -1.0]])
    >>> cross_fitted_estimate(clean, changed, image_index=np.arange(3), site_index=np.zeros(3, int)).mean
    1.3333333333333333
    """
    _check_repetitions(clean, changed)
    sizes = cross_fitted_size(clean, changed, seed=seed)
    return mean_over_pairs(sizes, image_index=image_index, site_index=site_index)


def noise_corrected_rms(clean: Floats, changed: Floats, *, image_index: Indices, site_index: Indices) -> Estimate:
    """Estimate the root mean square of the change, measurement noise taken out (controls, Figure 5).

    The square of a measured change holds its noise variance, which the repetitions tell (`noiseless_square`: the mean
    over all split halves of the product of the halves' changes). With m the mean of what is left the estimate is the
    signed root ``sign(m) sqrt(|m|)``: below zero where noise exceeded the change, so that a control without effect
    scatters around zero instead of above it. The interval is that of the square, its ends rooted likewise: where its
    lower end is not above zero, the effect is not measurable, and only the upper end says anything. Two standard
    errors reach as far as those of the square do, on the side where the root reaches further: the delta method's
    ``s / (2 sqrt(m))`` where m is well above its error s. Near zero a root reaches far to one side only, and half the
    width of the root of ``[m - s, m + s]`` is too short: two of it held the truth in 3 of 4 simulated experiments.

    Parameters
    ----------
    clean, changed
        Responses to the clean and to the changed image of each pair, (n_pairs, n_repetitions), in any order; NaN where
        there is none. Pairs with fewer than two of either are left out.
    image_index, site_index
        The clean image and the site of each pair, (n_pairs,).

    Examples
    --------
    Every change is 2, and each repetition has noise of SD 1. A plain root mean square would say sqrt(4 + 1) = 2.2.

    >>> import numpy as np
    >>> clean, changed = np.random.default_rng(0).normal(size=(2, 10_000, 2))
    >>> images, sites = np.arange(10_000), np.zeros(10_000, int)
    >>> round(noise_corrected_rms(clean, changed + 2, image_index=images, site_index=sites).mean, 1)
    2.0
    """
    _check_repetitions(clean, changed)
    squares = noiseless_square(clean, changed)
    return root(mean_over_pairs(squares, image_index=image_index, site_index=site_index))


def _check_repetitions(clean: Floats, changed: Floats) -> None:
    if clean.ndim != 2 or changed.ndim != 2 or len(clean) != len(changed):
        raise ValueError(
            f"expected repetitions of both images, (n_pairs, n_repetitions), found {clean.shape} and {changed.shape}"
        )


def noiseless_rms(change: Floats, *, image_index: Indices, site_index: Indices) -> Estimate:
    """Return the root mean square of changes known without noise (the simulation's hidden truth, artificial units).

    Parameters
    ----------
    change
        Change of each pair, (n_pairs,).
    image_index, site_index
        The clean image and the site of each pair, (n_pairs,).
    """
    return root(mean_over_pairs(change**2, image_index=image_index, site_index=site_index))


def noiseless_mean_absolute(change: Floats, *, image_index: Indices, site_index: Indices) -> Estimate:
    """Return mean |change| (eq. 2) of changes known without noise; on measured changes it would count noise.

    Parameters
    ----------
    change
        Change of each pair, (n_pairs,).
    image_index, site_index
        The clean image and the site of each pair, (n_pairs,).

    Examples
    --------
    >>> import numpy as np
    >>> noiseless_mean_absolute(np.array([1.0, -3.0]), image_index=np.arange(2), site_index=np.zeros(2, int)).mean
    2.0
    """
    return mean_over_pairs(np.abs(change), image_index=image_index, site_index=site_index)


def paired_difference(before: Floats, after: Floats, *, image_index: Indices, site_index: Indices) -> Estimate:
    """Compare two days on the same (image, site) pairs: mean of after minus before, with its standard error.

    Fresh images make sensitivity jitter from day to day; on the same images the difference is free of it.

    Parameters
    ----------
    before, after
        What each pair contributed on the two days, for example predicted sign times change, (n_pairs,).
    image_index, site_index
        The clean image and the site of each pair, (n_pairs,).

    Examples
    --------
    >>> import numpy as np
    >>> before, after = np.array([0.5, 1.5, 1.0]), np.array([1.5, 2.0, 2.5])
    >>> paired_difference(before, after, image_index=np.arange(3), site_index=np.zeros(3, int)).mean
    1.0
    """
    return mean_over_pairs(after - before, image_index=image_index, site_index=site_index)


def by_site(
    estimator: Estimator, arrays: Sequence[Floats | Indices], *, image_index: Indices, site_index: Indices
) -> dict[int, Estimate]:
    """Apply an estimator of this module to each site alone (Figure 3A).

    Parameters
    ----------
    estimator
        For example `paper_estimate`.
    arrays
        Its positional arguments, each (n_pairs,).
    image_index, site_index
        The clean image and the site of each pair, (n_pairs,).

    Returns
    -------
    dict
        Estimate by site index, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> change, sign = np.array([1.0, 3.0, -2.0]), np.array([1, 1, -1])
    >>> estimates = by_site(
    ...     paper_estimate, [change, sign], image_index=np.array([0, 1, 0]), site_index=np.array([0, 0, 1])
    ... )
    >>> {site: estimate.mean for site, estimate in estimates.items()}
    {0: 2.0, 1: 2.0}
    """
    estimates = {}
    for site in np.unique(site_index):
        own = site_index == site
        chosen = [array[own] for array in arrays]
        estimates[int(site)] = estimator(*chosen, image_index=image_index[own], site_index=site_index[own])
    return estimates


def root(squared: Estimate) -> Estimate:
    """Return the signed root of a mean square with its interval rooted likewise (`noise_corrected_rms` says how)."""
    reach = [
        abs(signed_root(squared.mean + side * squared.standard_error) - signed_root(squared.mean)) for side in (-2, 2)
    ]
    return Estimate(
        mean=signed_root(squared.mean),
        standard_error=max(reach) / 2,
        n_images=squared.n_images,
        n_sites=squared.n_sites,
        n_pairs=squared.n_pairs,
        n_left_out=squared.n_left_out,
        interval=(signed_root(squared.interval[0]), signed_root(squared.interval[1])),
    )


def signed_root(value: float) -> float:
    """Return sign(value) sqrt(|value|)."""
    return float(np.sign(value) * np.sqrt(np.abs(value)))
