"""What the repetitions of two images say about the change between them without counting their noise.

A change measured once is the site's change plus noise, and its size counts both. Two measurements from disjoint halves
of the repetitions share the change and not the noise. Which repetitions fall into which half is arbitrary: a drawn
split moves the mean square of 16 control images by half of its standard error. So nothing here depends on a drawn split
where that can be avoided: the square has a closed form, and the sign is averaged over all splits.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats

_MOST_SPLITS = 400  # six repetitions of either image: 20 x 20; of more, so many are drawn
_EQUAL = 1e-9  # of the rates' size: sums of the same counts in another order

Mask = NDArray[np.bool_]


def noiseless_square(clean: Floats, changed: Floats) -> Floats:
    """Estimate the square of each pair's change without bias: D^2 - s_x^2 / n_x - s_y^2 / n_y.

    D is the difference of the two means and s^2 the variance over repetitions, so that the last terms are the variance
    of the noise in D. It is the mean, over all ways to halve both images' repetitions, of the product of the two
    halves' changes: ``E[y_A y_B] = mean(y)^2 - s_y^2 / n_y`` over disjoint halves A and B, and
    ``E[y_A x_B] = mean(y) mean(x)`` since the two images are halved independently. The repetitions' noise must be
    independent; a gain that drifts over a session in which repetitions are spread evenly leaves the square too low, on
    the simulated cortex by .001 sigma^2, a twentieth of its standard error over 16 images and 21 sites.

    Parameters
    ----------
    clean, changed
        Repetitions of either image of a pair at its site, (n_pairs, n_repetitions); NaN where there is none.

    Returns
    -------
    ndarray
        (n_pairs,), below zero where noise exceeded the change; NaN with fewer than two repetitions of an image.

    Examples
    --------
    Two repetitions each. The halves' changes are (2 - 1) and (6 - 1), whichever way they are paired:

    >>> import numpy as np
    >>> noiseless_square(np.array([[1.0, 1.0]]), np.array([[2.0, 6.0]]))
    array([5.])
    """
    (mean_x, noise_x), (mean_y, noise_y) = (_mean_and_noise(rates) for rates in (clean, changed))
    return np.asarray((mean_y - mean_x) ** 2 - noise_x - noise_y)


def cross_fitted_size(clean: Floats, changed: Floats, *, seed: int = 0) -> Floats:
    """Estimate the size of each pair's change: its sign from one half of the repetitions, its size from the other.

    The mean over all ways to halve both images' repetitions, where there are at most 400 (up to six repetitions of
    each); else over 400 drawn ones. Of an odd number either half has one more, in half of the ways.

    Parameters
    ----------
    clean, changed
        Repetitions of either image of a pair at its site, (n_pairs, n_repetitions); NaN where there is none.
    seed
        Of the drawn ways.

    Returns
    -------
    ndarray
        (n_pairs,); NaN with fewer than two repetitions of an image.

    Examples
    --------
    The halves' changes are 1 and 5; the sign of each is that of the other:

    >>> import numpy as np
    >>> cross_fitted_size(np.array([[1.0, 1.0]]), np.array([[2.0, 6.0]]))
    array([3.])
    """
    n_x, n_y = np.isfinite(clean).sum(axis=1), np.isfinite(changed).sum(axis=1)
    sizes = np.full(len(clean), np.nan)
    for of_x, of_y in sorted({(int(a), int(b)) for a, b in zip(n_x, n_y, strict=True) if a > 1 and b > 1}):
        rows = np.flatnonzero((n_x == of_x) & (n_y == of_y))
        in_a_x, in_a_y = _splits(of_x, of_y, seed=seed)
        x, y = _known(clean[rows], of_x), _known(changed[rows], of_y)
        half_a = _part_means(y, in_a_y) - _part_means(x, in_a_x)
        half_b = _part_means(y, ~in_a_y) - _part_means(x, ~in_a_x)
        nothing = _EQUAL * (np.abs(x).max(axis=1) + np.abs(y).max(axis=1))[:, None]
        sizes[rows] = (_sign(half_a, nothing) * half_b + _sign(half_b, nothing) * half_a).mean(axis=1) / 2
    return sizes


def repetitions_of(rates: Floats, image_index: NDArray[Any], *, n_images: int) -> Floats:
    """Arrange presentations by image.

    Parameters
    ----------
    rates
        (n_presentations, n_sites); NaN where unusable.
    image_index
        Which image each presentation showed, (n_presentations,), from 0 to n_images - 1.
    n_images
        Length of the first axis of the result.

    Returns
    -------
    ndarray
        (n_images, n_sites, most repetitions of an image), in the order shown; NaN where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> repetitions_of(np.array([[10.0], [30.0], [20.0]]), np.array([0, 1, 0]), n_images=2)
    array([[[10., 20.]],
    <BLANKLINE>
           [[30., nan]]])
    """
    order = np.argsort(image_index, kind="stable")
    ordered = image_index[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    arranged = np.full((n_images, int(place.max(initial=-1)) + 1, rates.shape[1]), np.nan)
    arranged[ordered, place] = rates[order]
    return arranged.transpose(0, 2, 1)


def mean_of_equally_many(repetitions: Floats) -> Floats:
    """Return each image's mean over the same number of repetitions: as many as at least half of the images have.

    Of means over unequal numbers the highest is mostly one over few, which is noise.

    Parameters
    ----------
    repetitions
        (n_images, n_repetitions); NaN where there is none. Images without any do not count for the number.

    Returns
    -------
    ndarray
        (n_images,), each over its first ones; NaN of an image with fewer.

    Examples
    --------
    >>> import numpy as np
    >>> mean_of_equally_many(np.array([[1.0, 3.0, 8.0], [np.nan, 2.0, 4.0], [9.0, np.nan, np.nan]]))
    array([ 2.,  3., nan])
    """
    known = np.isfinite(repetitions)
    n = known.sum(axis=1)
    if not n.any():
        return np.full(len(n), np.nan)
    number = int(np.sort(n[n > 0])[(n > 0).sum() // 2])
    first = known & (known.cumsum(axis=1) <= number)
    return np.where(n >= number, np.where(first, repetitions, 0.0).sum(axis=1) / number, np.nan)


def _mean_and_noise(rates: Floats) -> tuple[Floats, Floats]:
    """Return the mean over repetitions and the variance of that mean, s^2 / n, (n_pairs,)."""
    known = np.isfinite(rates)
    n = known.sum(axis=1)
    enough = n > 1
    mean = np.divide(np.where(known, rates, 0.0).sum(axis=1), n, out=np.full(len(n), np.nan), where=n > 0)
    squares = np.where(known, (rates - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return mean, np.divide(squares, n * (n - 1), out=np.full(len(n), np.nan), where=enough)


def _splits(n_x: int, n_y: int, *, seed: int) -> tuple[Mask, Mask]:
    """Return which repetitions of either image are in half A, (n_splits, n): all ways, or as many as are drawn."""
    if _n_halves(n_x) * _n_halves(n_y) <= _MOST_SPLITS:
        x, y = _all_halves(n_x), _all_halves(n_y)
        return np.repeat(x, len(y), axis=0), np.tile(y, (len(x), 1))
    random = np.random.default_rng([seed, n_x, n_y])
    x, y = (_drawn_halves(n, random) for n in (n_x, n_y))
    return np.concatenate([x, ~x]), np.concatenate([y, ~y])


def _n_halves(n: int) -> int:
    return comb(n, n // 2) * (1 + n % 2)


def _all_halves(n: int) -> Mask:
    chosen = [half for size in sorted({n // 2, n - n // 2}) for half in combinations(range(n), size)]
    in_a = np.zeros((len(chosen), n), dtype=bool)
    for row, half in enumerate(chosen):
        in_a[row, list(half)] = True
    return in_a


def _drawn_halves(n: int, random: np.random.Generator) -> Mask:
    size = n // 2 + random.integers(0, 1 + n % 2, size=(_MOST_SPLITS // 2, 1))
    rank = np.argsort(random.random((_MOST_SPLITS // 2, n)), axis=1)
    return np.asarray(rank < size)


def _known(rates: Floats, n: int) -> Floats:
    """Return the repetitions that there are, n of each pair, in their order."""
    return np.asarray(rates[np.isfinite(rates)].reshape(len(rates), n))


def _part_means(rates: Floats, chosen: Mask) -> Floats:
    return np.asarray(rates @ chosen.T / chosen.sum(axis=1))


def _sign(change: Floats, nothing: Floats) -> Floats:
    return np.asarray(np.where(np.abs(change) <= nothing, 0.0, np.sign(change)))
