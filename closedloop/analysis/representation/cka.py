"""Similarity of two representations of the same images: linear centred kernel alignment, without its bias.

CKA (Kornblith et al. 2019) is HSIC of two kernels over the root of each one's HSIC with itself. The usual estimate of
HSIC counts each image's product with itself; where features outnumber images these products are nearly all there is,
and unrelated representations come out alike (.025 for shuffled responses, .4 for many features of noise). HSIC_1 (Song
et al. 2012, eq. 5) has only products of different images and is unbiased.

Noise that is independent between presentations is in no product of two images, so that it leaves the covariance of two
systems as it is. It does inflate a recorded system's HSIC with itself, which the repetitions tell (`cka_ceiling`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats

_FEATURES_AT_ONCE = 8192  # a layer of a large network has a million: in double precision all of them would not fit
_LEAST_IMAGES = 4  # an estimate of HSIC is over four different images


def linear_kernel(features: NDArray[np.floating[Any]]) -> Floats:
    """Return the products of all images' features, each feature's mean over the images taken out.

    Parameters
    ----------
    features
        (n_images, n_features).

    Returns
    -------
    ndarray
        (n_images, n_images).

    Examples
    --------
    >>> import numpy as np
    >>> linear_kernel(np.array([[1.0, 2.0], [3.0, 2.0]]))
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    kernel = np.zeros((len(features), len(features)))
    for start in range(0, features.shape[1], _FEATURES_AT_ONCE):
        centred = np.asarray(features[:, start : start + _FEATURES_AT_ONCE], dtype=np.float64)
        centred = centred - centred.mean(axis=0)
        kernel += centred @ centred.T
    return kernel


def hsic(first: Floats, second: Floats) -> float:
    """Estimate the Hilbert-Schmidt independence criterion of two kernels without bias (HSIC_1).

    Parameters
    ----------
    first, second
        Kernels of the same images, (n_images, n_images), n_images at least 4; their diagonals play no part.

    Raises
    ------
    ValueError
        The two are not kernels of the same four or more images.

    Examples
    --------
    >>> import numpy as np
    >>> kernel = linear_kernel(np.arange(5.0)[:, None])
    >>> round(hsic(kernel, kernel), 3)
    2.5
    """
    n = len(first)
    if n < _LEAST_IMAGES or first.shape != (n, n) or second.shape != (n, n):
        raise ValueError(
            f"expected two kernels of the same four or more images, found {first.shape} and {second.shape}"
        )
    first, second = (_without_diagonal(kernel) for kernel in (first, second))
    of_first, of_second = first.sum(axis=0), second.sum(axis=0)
    shared = (first * second).sum() - 2 * of_first @ of_second / (n - 2)
    return float((shared + of_first.sum() * of_second.sum() / ((n - 1) * (n - 2))) / (n * (n - 3)))


def cka(first: Floats, second: Floats) -> float:
    """Return the alignment of two kernels of the same images: 0 where they are unrelated, 1 where they are alike.

    Parameters
    ----------
    first, second
        Kernels, (n_images, n_images), such as `linear_kernel` returns.

    Returns
    -------
    float
        Below 0 by chance where there is no relation; NaN where one kernel has no structure to be found.

    Examples
    --------
    A rotation and a scale change nothing:

    >>> import numpy as np
    >>> features = np.random.default_rng(0).normal(size=(50, 2))
    >>> turned = 3 * features @ np.array([[0.6, 0.8], [-0.8, 0.6]])
    >>> round(cka(linear_kernel(features), linear_kernel(turned)), 6)
    1.0
    """
    own = hsic(first, first) * hsic(second, second)
    return hsic(first, second) / own**0.5 if own > 0 else float("nan")


def cka_ceiling(half_a: Floats, half_b: Floats) -> float:
    """Return the alignment that a noiseless copy of the recorded sites would have with their mean responses.

    Parameters
    ----------
    half_a, half_b
        Mean responses of the two halves of the repetitions, (n_images, n_sites).

    Returns
    -------
    float
        At most about 1; NaN where noise hides what the halves share.

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> true = random.normal(size=(2000, 5))
    >>> half_a, half_b = (true + random.normal(size=true.shape) for _ in range(2))
    >>> round(cka_ceiling(half_a, half_b), 1)
    0.7
    """
    of_a, of_b, of_all = (linear_kernel(half) for half in (half_a, half_b, (half_a + half_b) / 2))
    shared, own = hsic(of_a, of_b), hsic(of_all, of_all)
    return float(np.sqrt(shared / own)) if shared > 0 and own > 0 else float("nan")


def _without_diagonal(kernel: Floats) -> Floats:
    hollow = np.array(kernel, dtype=np.float64)
    np.fill_diagonal(hollow, 0.0)
    return hollow
