"""How repeatable a site's responses are: split halves over repetitions, Spearman-Brown, the ceiling of a model."""

from __future__ import annotations

import numpy as np

from closedloop.analysis.estimate import Floats, Indices
from closedloop.analysis.predictivity import correlation

N_SPLITS = 20
"""Random splits of the repetitions that a reliability is averaged over."""


def mean_response(responses: Floats, image_index: Indices, *, n_images: int) -> Floats:
    """Average the repetitions of each image.

    Parameters
    ----------
    responses
        (n_presentations, n_sites); NaN where a presentation is unusable.
    image_index
        Which image each presentation showed, (n_presentations,), from 0 to n_images - 1.
    n_images
        Rows of the result.

    Returns
    -------
    ndarray
        (n_images, n_sites); NaN where no presentation can be used.

    Examples
    --------
    >>> import numpy as np
    >>> responses = np.array([[10.0], [20.0], [np.nan], [40.0]])
    >>> mean_response(responses, np.array([0, 0, 1, 1]), n_images=3)
    array([[15.],
           [40.],
           [nan]])
    """
    finite = np.isfinite(responses)
    sums, counts = np.zeros((2, n_images, responses.shape[1]))
    np.add.at(sums, image_index, np.where(finite, responses, 0.0))
    np.add.at(counts, image_index, finite)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def split_half_means(
    responses: Floats, image_index: Indices, *, n_images: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Split the usable repetitions of each image and site in two at random and average each half.

    Of an odd number one half has one more, which half by chance. A presentation lies in one half only, so noise shared
    by the sites of a presentation stays within a half.

    Parameters
    ----------
    responses
        (n_presentations, n_sites); NaN where unusable.
    image_index
        Which image each presentation showed, (n_presentations,).
    n_images
        Rows of the result.
    rng
        Decides the split.

    Returns
    -------
    tuple of ndarray
        Two arrays (n_images, n_sites); NaN where a half has no usable repetition.

    Examples
    --------
    Two repetitions of each of two images fall into one half each:

    >>> import numpy as np
    >>> responses = np.array([[1.0], [3.0], [10.0], [30.0]])
    >>> half_a, half_b = split_half_means(
    ...     responses, np.array([0, 0, 1, 1]), n_images=2, rng=np.random.default_rng(0)
    ... )
    >>> half_a + half_b
    array([[ 4.],
           [40.]])
    """
    usable = np.isfinite(responses).any(axis=1)
    in_a = np.zeros(len(responses), dtype=bool)
    in_a[usable] = _random_half(image_index[usable], n_images=n_images, rng=rng)
    halves = [
        mean_response(responses[own], image_index[own], n_images=n_images) for own in (usable & in_a, usable & ~in_a)
    ]
    return halves[0], halves[1]


def _random_half(
    image_index: Indices, *, n_images: int, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    order = rng.permutation(len(image_index))
    order = order[np.argsort(image_index[order], kind="stable")]
    first_of_image = np.searchsorted(image_index[order], image_index[order])
    rank = np.arange(len(order)) - first_of_image
    larger_half = rng.integers(0, 2, size=n_images)
    in_a = np.empty(len(order), dtype=bool)
    in_a[order] = (rank + larger_half[image_index[order]]) % 2 == 0
    return in_a


def spearman_brown(r_half: Floats) -> Floats:
    """Return the reliability of all repetitions from the correlation of two halves: 2 r / (1 + r); NaN for r = -1.

    Examples
    --------
    >>> import numpy as np
    >>> spearman_brown(np.array([0.5, 1.0])).round(3)
    array([0.667, 1.   ])
    """
    return np.divide(2 * r_half, 1 + r_half, out=np.full_like(r_half, np.nan), where=r_half > -1)


def split_half_reliability(responses: Floats, image_index: Indices, *, seed: int, n_splits: int = N_SPLITS) -> Floats:
    """Return each site's internal consistency over images.

    The halves' correlation is averaged over random splits and then corrected, so that one unlucky split of few images,
    where the correction explodes, does not decide. Near zero or below where a site has no signal.

    Parameters
    ----------
    responses
        (n_presentations, n_sites); NaN where unusable.
    image_index
        Which image each presentation showed, (n_presentations,).
    seed
        Decides the splits.
    n_splits
        Random splits averaged.

    Returns
    -------
    ndarray
        (n_sites,), at most 1; NaN where fewer than three images have two usable repetitions.

    Examples
    --------
    Noise of the variance of the images, four repetitions: the reliability of the mean is 1 / (1 + 1/4).

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> image_index = np.repeat(np.arange(5000), 4)
    >>> responses = rng.normal(size=(5000, 1))[image_index] + rng.normal(size=(20_000, 1))
    >>> split_half_reliability(responses, image_index, seed=0).round(1)
    array([0.8])
    """
    rng = np.random.default_rng(seed)
    _, image = np.unique(image_index, return_inverse=True)
    n_images = int(image.max()) + 1 if image.size else 0
    splits = [split_half_means(responses, image, n_images=n_images, rng=rng) for _ in range(n_splits)]
    return spearman_brown(np.mean([correlation(a, b) for a, b in splits], axis=0))


def explained_fraction(r: Floats, reliability: Floats) -> Floats:
    """Return the part of the explainable variance that a prediction explains: r^2 / rho, sign of r kept.

    Prediction against the mean of all repetitions, rho their Spearman-Brown reliability. (r / rho)^2 would divide by
    the ceiling twice and pass 1: at two repetitions of 3 spikes a true fraction of .60 became 1.48 (measured).

    Returns
    -------
    ndarray
        Of the shape of `r`; NaN where the reliability is not positive.

    Examples
    --------
    A correlation of .6 with responses of reliability .72: half of what can be explained.

    >>> import numpy as np
    >>> explained_fraction(np.array([0.6]), np.array([0.72])).round(3)
    array([0.5])
    """
    return np.divide(np.sign(r) * r**2, reliability, out=np.full_like(r, np.nan), where=reliability > 0)


def noise_ceiling(reliability: Floats) -> Floats:
    """Return the correlation that a perfect model would reach: sqrt(rho); NaN where the reliability is negative.

    Examples
    --------
    >>> import numpy as np
    >>> noise_ceiling(np.array([0.81]))
    array([0.9])
    """
    return np.sqrt(np.where(reliability >= 0, reliability, np.nan))
