"""A mean over (image, site) pairs and how sure it is.

The standard error is cluster-robust by image, the sites held fixed. Two reasons. The estimand is an expectation over
images (section 2, eq. 2), so images are what is sampled. And pairs of one clean image share what happened at its
presentations: the animal's gain then moves all sites together, which a standard error over pairs would count as
independent evidence. Pairs of different images share nothing; where every pair has an image of its own (the paper's
last day: 882 images for 21 sites) the two standard errors are the same number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.intervals import half_width_95

Floats = NDArray[np.float64]
Indices = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Estimate:
    """A mean over pairs.

    Attributes
    ----------
    mean
        The estimate, in the unit of the changes (sigma, usually); NaN where no pair could be used.
    standard_error
        Cluster-robust by image; NaN with fewer than two images, where it cannot be known.
    n_images, n_sites, n_pairs
        Different images and sites among the pairs used, and these pairs.
    n_left_out
        Pairs left out because a response is missing (NaN).
    interval
        95 % interval of the mean: Student's t, with one degree of freedom less than images; NaN where the standard
        error is. Of a root, the roots of the interval of the square.

    Examples
    --------
    >>> import numpy as np
    >>> images, sites = np.arange(4), np.zeros(4, int)
    >>> estimate = mean_over_pairs(np.array([1.0, 2.0, 3.0, 2.0]), image_index=images, site_index=sites)
    >>> estimate.mean, round(estimate.standard_error, 3), estimate.n_images
    (2.0, 0.408, 4)
    >>> low, high = estimate.interval
    >>> round(low, 2), round(high, 2)
    (0.7, 3.3)
    """

    mean: float
    standard_error: float
    n_images: int
    n_sites: int
    n_pairs: int
    n_left_out: int
    interval: tuple[float, float]

    @property
    def is_measurable(self) -> bool:
        """Whether the interval lies above zero: below that, the data only bound a size from above."""
        return self.interval[0] > 0


def mean_over_pairs(values: Floats, *, image_index: Indices, site_index: Indices) -> Estimate:
    """Average what the pairs contribute, with a standard error clustered by image.

    Parameters
    ----------
    values
        One number a pair, (n_pairs,); NaN where the pair cannot be used.
    image_index
        Which clean image each pair belongs to, (n_pairs,).
    site_index
        Which site each pair belongs to, (n_pairs,).

    Raises
    ------
    ValueError
        The three do not have one shape (n_pairs,).

    Examples
    --------
    Two sites measured with the same two images. The sites move together, so that there are two independent observations
    and not four:

    >>> import numpy as np
    >>> change = np.array([1.0, 1.0, 3.0, 3.0])
    >>> estimate = mean_over_pairs(change, image_index=np.array([0, 0, 1, 1]), site_index=np.array([0, 1, 0, 1]))
    >>> estimate.mean, estimate.standard_error, estimate.n_images, estimate.n_pairs
    (2.0, 1.0, 2, 4)
    """
    _check_one_shape(values, image_index, site_index)
    usable = np.isfinite(values)
    used, images, sites = values[usable], image_index[usable], site_index[usable]
    mean = float(used.mean()) if used.size else float("nan")
    standard_error, n_images = clustered_standard_error(used, images), int(np.unique(images).size)
    half_width = half_width_95(standard_error, n=n_images)
    return Estimate(
        mean=mean,
        standard_error=standard_error,
        n_images=n_images,
        n_sites=int(np.unique(sites).size),
        n_pairs=int(used.size),
        n_left_out=int(values.size - used.size),
        interval=(mean - half_width, mean + half_width),
    )


def clustered_standard_error(values: Floats, cluster: Indices) -> float:
    """Return the standard error of a mean whose values come in clusters.

    ``sqrt(G / (G - 1) * sum_g(sum of the residuals of cluster g)^2) / n``: with one value a cluster it is
    the textbook's SD / sqrt(n). Clusters may differ in size, and whatever ties the values within one is allowed for.

    Parameters
    ----------
    values
        (n,), finite.
    cluster
        Name of each value's cluster, (n,).

    Returns
    -------
    float
        NaN with fewer than two clusters.
    """
    names, member_of = np.unique(cluster, return_inverse=True)
    n_clusters = names.size
    if n_clusters < 2:
        return float("nan")
    sums = np.bincount(member_of, weights=values - values.mean(), minlength=n_clusters)
    return float(np.sqrt(n_clusters / (n_clusters - 1) * np.sum(sums**2)) / values.size)


def _check_one_shape(values: Floats, *indices: Indices) -> None:
    if values.ndim != 1 or any(index.shape != values.shape for index in indices):
        raise ValueError(f"pairs need one shape (n_pairs,), found {[values.shape, *(i.shape for i in indices)]}")


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
