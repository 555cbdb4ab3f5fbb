"""Decoding of images that the decoder has not seen, at equally many repetitions, and what chance would give.

An image and all that is made of it are of one fold: no decoder sees an image, or a twin of it, and is asked for it.
What is compared has the same number of repetitions, because noise alone costs accuracy: a mean over four presentations
is decoded better than one over two, whatever the images are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedloop.analysis.decoding.linear import LinearDecoder, fit_decoder
from closedloop.analysis.estimate import Floats, Indices


def deal_folds(category: Indices, *, n_folds: int, seed: int) -> Indices:
    """Deal images out to folds, each category's in turn, so that every decoder sees all categories.

    Parameters
    ----------
    category
        Of each image, (n_images,).
    n_folds
        At least two.
    seed
        Of the order within a category.

    Returns
    -------
    ndarray
        Fold of each image, (n_images,), from 0 to n_folds - 1.

    Examples
    --------
    >>> import numpy as np
    >>> folds = deal_folds(np.repeat([0, 1], 4), n_folds=2, seed=0)
    >>> [int((folds[:4] == 0).sum()), int((folds[4:] == 0).sum())]
    [2, 2]
    """
    order = np.random.default_rng(seed).permutation(len(category))
    order = order[np.argsort(category[order], kind="stable")]
    folds = np.empty(len(category), dtype=np.int64)
    folds[order] = np.arange(len(category)) % n_folds
    return folds


def decoders_of_folds(
    responses: Floats, category: Indices, folds: Indices, *, n_categories: int
) -> tuple[LinearDecoder, ...]:
    """Fit a decoder for each fold to the images of all others.

    Parameters
    ----------
    responses
        One vector an image, (n_images, n_sites).
    category, folds
        Of each image, (n_images,); a fold of -1 is seen by all decoders and asked of none.
    n_categories
        That there are.

    Raises
    ------
    ValueError
        A category has images in one fold alone.

    Examples
    --------
    >>> import numpy as np
    >>> responses, category = np.array([[0.0], [9.0], [1.0], [8.0]]), np.array([0, 1, 0, 1])
    >>> folds = np.array([0, 0, 1, 1])
    >>> responses = np.r_[responses, responses + 0.5]
    >>> decoders = decoders_of_folds(responses, np.tile(category, 2), np.tile(folds, 2), n_categories=2)
    >>> len(decoders), held_out_scores(decoders, responses[:4], folds).argmax(axis=1)
    (2, array([0, 1, 0, 1]))
    """
    return tuple(
        fit_decoder(responses[folds != fold], category[folds != fold], n_categories=n_categories)
        for fold in range(int(folds.max()) + 1)
    )


def held_out_scores(decoders: Sequence[LinearDecoder], responses: Floats, folds: Indices) -> Floats:
    """Return scores by the decoder that has not seen the image, (n, n_categories).

    Parameters
    ----------
    decoders
        One a fold (`decoders_of_folds`).
    responses
        (n, n_sites).
    folds
        Of the image beneath each response, (n,).

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.analysis import LinearDecoder
    >>> up, down = (LinearDecoder(sign * np.array([[1.0], [-1.0]]), np.zeros(2), 0.0) for sign in (1, -1))
    >>> held_out_scores([up, down], np.array([[2.0], [2.0]]), np.array([0, 1]))
    array([[ 2., -2.],
           [-2.,  2.]])
    """
    scores = np.empty((len(responses), len(decoders[0].offsets)))
    for fold, decoder in enumerate(decoders):
        own = folds == fold
        scores[own] = decoder.scores(responses[own])
    return scores


def matched_means(responses: Floats, stimulus: Indices, *, n: int) -> tuple[Floats, Indices]:
    """Average n presentations of a stimulus at a time, in the order shown; what is left over is not used.

    Of a stimulus shown four times and n of two there are two means, whose noise is that of a stimulus shown twice.

    Parameters
    ----------
    responses
        (n_presentations, n_sites), without missing values.
    stimulus
        Which each presentation shows, (n_presentations,), any whole numbers.
    n
        Presentations of a mean.

    Returns
    -------
    tuple of ndarray
        Means, (n_means, n_sites), and the stimulus of each, ascending, (n_means,).

    Examples
    --------
    >>> import numpy as np
    >>> means, of = matched_means(np.array([[1.0], [2.0], [3.0], [9.0], [5.0]]), np.array([7, 7, 7, 8, 7]), n=2)
    >>> means.ravel().tolist(), of.tolist()
    ([1.5, 4.0], [7, 7])
    """
    order = np.argsort(stimulus, kind="stable")
    ordered = stimulus[order]
    names, first, counts = np.unique(ordered, return_index=True, return_counts=True)
    within = np.arange(len(order)) - np.repeat(first, counts)
    used = within < np.repeat(counts // n * n, counts)
    kept = responses[order[used]]
    return kept.reshape(-1, n, responses.shape[1]).mean(axis=1), np.repeat(names, counts // n)


def permuted_accuracy(
    responses: Floats, category: Indices, folds: Indices, *, n_categories: int, n_permutations: int, seed: int
) -> Floats:
    """Return the accuracy of decoders fitted to shuffled categories, (n_permutations,): what chance gives here.

    Parameters
    ----------
    responses
        One vector an image, (n_images, n_sites).
    category, folds
        Of each image, (n_images,).
    n_categories, n_permutations
        How many.
    seed
        Of the shuffles, which keep how many images each category has in each fold.

    Examples
    --------
    >>> import numpy as np
    >>> category = np.arange(200) % 2
    >>> responses = category[:, None] + np.random.default_rng(0).normal(size=(200, 3))
    >>> folds = deal_folds(category, n_folds=5, seed=0)
    >>> chance = permuted_accuracy(responses, category, folds, n_categories=2, n_permutations=20, seed=0)
    >>> round(float(chance.mean()), 1)
    0.5
    """
    rng = np.random.default_rng(seed)
    found = np.empty(n_permutations)
    for place in range(n_permutations):
        shuffled = category.copy()
        for fold in np.unique(folds):
            own = np.flatnonzero(folds == fold)
            shuffled[own] = category[rng.permutation(own)]
        decoders = decoders_of_folds(responses, shuffled, folds, n_categories=n_categories)
        asked = folds >= 0
        scores = held_out_scores(decoders, responses[asked], folds[asked])
        found[place] = (scores.argmax(axis=1) == shuffled[asked]).mean()
    return found
