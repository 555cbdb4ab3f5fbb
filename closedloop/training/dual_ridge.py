"""Full readouts in closed form: ridge regression solved between images, folded to a weight for each channel and place.

With fewer images than features the weights are a sum of the images' features, so that a system of as many equations as
images is solved, and no components of the features are computed or kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_COLUMNS = 8192  # features at once: the sums are in double precision, the features stay single


@dataclass(frozen=True)
class FullWeights:
    """Readout ``sum_chw weight_schw features_chw + offset_s`` of each site.

    Parameters
    ----------
    weight
        (n_sites, n_channels, height, width).
    offset
        (n_sites,).
    """

    weight: NDArray[np.float32]
    offset: NDArray[np.float32]


def fit_full_readout(
    features: NDArray[np.float32], responses: NDArray[np.float32], *, ridge: float = 0.1
) -> FullWeights:
    """Fit a full readout of each site from clean images.

    Minimises ``|y - F w - b|^2 + penalty |w|^2``; the offset b is not penalised.

    Parameters
    ----------
    features
        (n, n_channels, height, width).
    responses
        z-scored, (n, n_sites); NaN where unusable.
    ridge
        Penalty over the squared length of an image's features, less their mean, on average; without unit.

    Raises
    ------
    ValueError
        Shapes do not agree, or a site has fewer than 2 usable images.
    """
    if len(features) != len(responses):
        raise ValueError(f"features and responses: expected as many images, found {len(features)} and {len(responses)}")
    rows = features.reshape(len(features), -1)
    gram = _gram(rows)
    fits = [_fit_site(gram, y, ridge=ridge) for y in responses.T]
    of_images = np.stack([weights for weights, _ in fits])
    weight = _times(of_images, rows)
    offset = np.array([mean for _, mean in fits]) - _offsets(weight, rows, responses)
    shape = (responses.shape[1], *features.shape[1:])
    return FullWeights(weight.reshape(shape).astype(np.float32), offset.astype(np.float32))


def _fit_site(
    gram: NDArray[np.float64], response: NDArray[np.float32], *, ridge: float
) -> tuple[NDArray[np.float64], float]:
    """Return the weight of every image's features, (n,), which sum to 0, and the mean response."""
    usable = np.isfinite(response)
    n = int(usable.sum())
    if n < 2:
        raise ValueError("responses: expected at least 2 usable images at every site")
    y = response[usable].astype(np.float64)
    own = gram[np.ix_(usable, usable)]
    centred = own - own.mean(axis=0) - own.mean(axis=1)[:, None] + own.mean()
    penalty = ridge * float(np.trace(centred)) / n
    weights = np.zeros(len(response))
    weights[usable] = np.linalg.solve(centred + penalty * np.eye(n), y - y.mean())
    weights[usable] -= weights[usable].mean()
    return weights, float(y.mean())


def _gram(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Products of all images' features with each other, (n, n)."""
    total = np.zeros((len(rows), len(rows)))
    for start in range(0, rows.shape[1], _COLUMNS):
        part = rows[:, start : start + _COLUMNS].astype(np.float64)
        total += part @ part.T
    return total


def _times(of_images: NDArray[np.float64], rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Fold weights of images, (n_sites, n), to weights of features, (n_sites, n_features)."""
    starts = range(0, rows.shape[1], _COLUMNS)
    return np.concatenate(
        [of_images @ rows[:, start : start + _COLUMNS].astype(np.float64) for start in starts], axis=1
    )


def _offsets(
    weight: NDArray[np.float64], rows: NDArray[np.float32], responses: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return what each site's weights give on average over its usable images, (n_sites,)."""
    usable = np.isfinite(responses).T.astype(np.float64)
    means = _times(usable / usable.sum(axis=1, keepdims=True), rows)
    return np.asarray((weight * means).sum(axis=1))
