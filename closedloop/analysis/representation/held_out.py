"""How well features predict the sites' responses to images that no weight was fitted to: ridge and PLS regression.

Both work on the features' products (`cka.linear_kernel`, or any Gram matrix), so that a layer of a million features
costs what a small one does. What is fitted, centring and penalty included, is fitted to the images of the other folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats, Indices
from closedloop.analysis.predictivity import correlation
from closedloop.analysis.reliability import noise_ceiling, spearman_brown

PENALTIES = tuple(float(penalty) for penalty in 10.0 ** np.arange(-6.0, 1.5, 0.5))
"""Of ridge, as parts of the features' summed variance over the training images."""

PLS_COMPONENTS = 25
"""The field's (Yamins et al. 2014; Schrimpf et al. 2018)."""

_NO_COVARIANCE = 1e-12  # of the first component's; of what is less, rounding decides


def image_folds(n_images: int, *, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Deal images into folds of equal size, by chance.

    Parameters
    ----------
    n_images
        Different images; whatever repetitions there are share their image's fold.
    n_folds
        At least 2.
    seed
        Of the draw.

    Examples
    --------
    >>> sorted(image_folds(6, n_folds=3, seed=0).tolist())
    [0, 0, 1, 1, 2, 2]
    """
    return np.random.default_rng(seed).permutation(np.arange(n_images) % n_folds)


@dataclass(frozen=True)
class RidgePredictions:
    """What ridge regression predicts of images that it was not fitted to.

    Attributes
    ----------
    predicted
        (n_images, n_sites).
    penalty
        Chosen for each fold and site, in the unit of the kernel, (n_folds, n_sites).
    """

    predicted: Floats
    penalty: Floats


def ridge_predictions(
    kernel: Floats, responses: Floats, folds: Indices, *, penalties: tuple[float, ...] = PENALTIES
) -> RidgePredictions:
    """Predict each fold from the others; each site's penalty is the best one in leaving out one training image.

    The errors of leaving one image out have a closed form, that of the hat matrix.

    Parameters
    ----------
    kernel
        Products of the images' features, (n_images, n_images).
    responses
        (n_images, n_sites), no value missing.
    folds
        Which fold each image belongs to, from 0, (n_images,).
    penalties
        To choose from, as parts of the features' summed variance; of equally good ones the largest is taken.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.random.default_rng(0).normal(size=(60, 3))
    >>> folds = image_folds(60, n_folds=5, seed=0)
    >>> found = ridge_predictions(features @ features.T, features[:, :1] * 2, folds)
    >>> bool(np.abs(found.predicted - features[:, :1] * 2).max() < 0.01)
    True
    """
    predicted = np.empty_like(responses)
    chosen = []
    for fold in range(int(folds.max()) + 1):
        own, others = folds == fold, folds != fold
        seen, asked = _centred(kernel, others, own)
        mean = responses[others].mean(axis=0)
        weights, penalty = _ridge_weights(seen, responses[others] - mean, penalties)
        predicted[own] = mean + asked @ weights
        chosen.append(penalty)
    return RidgePredictions(predicted, np.array(chosen))


def pls_predictions(kernel: Floats, responses: Floats, folds: Indices, *, n_components: int = PLS_COMPONENTS) -> Floats:
    """Predict each fold from the others by partial least squares, all sites together.

    NIPALS for several responses, written for products of features (Rosipal and Trejo 2001): a component is the
    direction of features whose covariance with the responses is largest, and is then taken out of both.

    Parameters
    ----------
    kernel
        Products of the images' features, (n_images, n_images).
    responses
        (n_images, n_sites), no value missing.
    folds
        Which fold each image belongs to, from 0, (n_images,).
    n_components
        Fewer are taken where nothing is left to explain.

    Returns
    -------
    ndarray
        (n_images, n_sites).

    Examples
    --------
    >>> import numpy as np
    >>> features = np.random.default_rng(0).normal(size=(60, 3))
    >>> folds = image_folds(60, n_folds=5, seed=0)
    >>> predicted = pls_predictions(features @ features.T, features * 2, folds, n_components=3)
    >>> bool(np.allclose(predicted, features * 2))
    True
    """
    predicted = np.empty_like(responses)
    for fold in range(int(folds.max()) + 1):
        own, others = folds == fold, folds != fold
        seen, asked = _centred(kernel, others, own)
        mean = responses[others].mean(axis=0)
        predicted[own] = mean + asked @ _pls_weights(seen, responses[others] - mean, n_components)
    return predicted


def fold_correlation(predicted: Floats, measured: Floats, folds: Indices) -> Floats:
    """Return each site's correlation over images: in each fold that predictions were made in, then the folds' mean.

    Over all folds together, predictions of nothing correlate below zero: a fold's training mean is low where its own is
    high, and weights fitted to the rest are large where the folds happen to agree.

    Parameters
    ----------
    predicted, measured
        (n_images, n_sites), no value missing.
    folds
        Which fold each image belongs to, (n_images,).

    Returns
    -------
    ndarray
        (n_sites,); a fold in which one side does not vary counts as 0.

    Examples
    --------
    >>> import numpy as np
    >>> predicted = np.array([[1.0], [2.0], [3.0], [11.0], [12.0], [13.0]])
    >>> measured = np.array([[5.0], [6.0], [7.0], [1.0], [2.0], [3.0]])
    >>> fold_correlation(predicted, measured, np.array([0, 0, 0, 1, 1, 1]))
    array([1.])
    """
    r = [correlation(predicted[folds == fold], measured[folds == fold]) for fold in np.unique(folds)]
    return np.asarray(np.nan_to_num(np.array(r), nan=0.0).mean(axis=0))


def predictivity(predicted: Floats, halves: tuple[Floats, Floats], folds: Indices) -> float:
    """Return how well held-out responses are predicted, as a part of what could be: means over sites, over the ceiling.

    Parameters
    ----------
    predicted
        Of images that were not fitted, (n_images, n_sites).
    halves
        Mean responses of the two halves of the repetitions, (n_images, n_sites) each; what is predicted is their mean.
    folds
        Which fold each image belongs to, (n_images,).

    Returns
    -------
    float
        The sites' mean correlation over their mean ceiling, the correlation that a perfect prediction would have; NaN
        where no site repeats itself.
    """
    ceiling = mean_ceiling(halves)
    r = float(fold_correlation(predicted, (halves[0] + halves[1]) / 2, folds).mean())
    return r / ceiling if ceiling > 0 else float("nan")


def mean_ceiling(halves: tuple[Floats, Floats]) -> float:
    """Return the sites' mean noise ceiling; a site whose halves do not correlate has 0.

    Parameters
    ----------
    halves
        Mean responses of the two halves of the repetitions, (n_images, n_sites) each.

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> true = random.normal(size=(5000, 2))
    >>> round(mean_ceiling((true + random.normal(size=true.shape), true + random.normal(size=true.shape))), 1)
    0.8
    """
    reliability = spearman_brown(correlation(*halves))
    return float(np.nan_to_num(noise_ceiling(reliability), nan=0.0).mean())


def _centred(kernel: Floats, seen: NDArray[np.bool_], asked: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return products with the training images' mean features taken out: of these, and of asked ones with these."""
    among, across = kernel[np.ix_(seen, seen)], kernel[np.ix_(asked, seen)]
    mean = among.mean(axis=0)
    return (
        among - mean - mean[:, None] + mean.mean(),
        across - mean - across.mean(axis=1, keepdims=True) + mean.mean(),
    )


def _ridge_weights(kernel: Floats, responses: Floats, penalties: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return a weight for each training image and site, (n_seen, n_sites), and each site's penalty."""
    values, vectors = np.linalg.eigh(kernel)
    values = np.maximum(values, 0.0)
    turned = vectors.T @ responses
    sizes = np.array(sorted(penalties, reverse=True)) * max(values.sum(), np.finfo(float).tiny)
    errors = np.array([_left_out_error(values, vectors, turned, responses, size) for size in sizes])
    penalty = sizes[errors.argmin(axis=0)]
    return vectors @ (turned / (values[:, None] + penalty)), penalty


def _left_out_error(values: Floats, vectors: Floats, turned: Floats, responses: Floats, penalty: float) -> Floats:
    """Return the mean squared error of each site where every image in turn is left out of the fit, (n_sites,)."""
    kept = values / (values + penalty)
    leverage = 1 / len(responses) + vectors**2 @ kept
    residual = responses - vectors @ (kept[:, None] * turned)
    return np.asarray(((residual / (1 - leverage)[:, None]) ** 2).mean(axis=0))


def _pls_weights(kernel: Floats, responses: Floats, n_components: int) -> Floats:
    """Return a weight for each training image and site, (n_seen, n_sites).

    What is left of the features is never written down: it is only ever seen from what is left of the responses, out of
    which the same scores were taken.
    """
    remaining, seen = responses, kernel @ responses
    scores, directions = np.empty((0, len(kernel))), []
    largest = 0.0
    for _ in range(min(n_components, len(kernel) - 1)):
        values, vectors = np.linalg.eigh(remaining.T @ seen)
        largest = max(largest, float(values[-1]))
        if values[-1] <= _NO_COVARIANCE * largest:
            break
        directions.append(remaining @ vectors[:, -1])
        score = seen @ vectors[:, -1]
        for _ in range(2):  # a second time, for what rounding left
            score = score - scores.T @ (scores @ score)
        score /= np.linalg.norm(score)
        along = score @ remaining
        scores = np.vstack([scores, score])
        remaining, seen = remaining - np.outer(score, along), seen - np.outer(kernel @ score, along)
    if not directions:
        return np.zeros_like(responses)
    u = np.array(directions).T
    return np.asarray(u @ np.linalg.solve(scores @ kernel @ u, scores @ responses))
