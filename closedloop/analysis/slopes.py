"""How steeply a site's change grows with epsilon, per site and per image, with tests that allow for their number.

A pair of an image and a site has a slope: the least-squares line through its signed changes over epsilon. Of a site the
mean over its images is tested, and images vary: Student's t over them. Of an image the mean over its sites is tested,
and sites are few: the noise of its slope is known from the repetitions (Satterthwaite's degrees of freedom). p values
are two-sided and corrected by Holm (1979): over the sites, or over the images, of which each is named by itself, the
chance of a single false one is 5 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats, Indices
from closedloop.analysis.intervals import student_p


@dataclass(frozen=True)
class SlopeTest:
    """The slope of one site or of one image.

    Attributes
    ----------
    index
        The site's or the image's.
    slope
        In sigma for a unit of epsilon.
    standard_error
        Of the slope; NaN where it cannot be known.
    degrees
        Of freedom.
    p
        Two-sided, of no slope; NaN where the standard error is.
    p_corrected
        Holm's, over all sites or images that have a p.

    Examples
    --------
    >>> SlopeTest(index=3, slope=0.06, standard_error=0.01, degrees=11, p=1e-4, p_corrected=2e-3).is_sure
    True
    """

    index: int
    slope: float
    standard_error: float
    degrees: int
    p: float
    p_corrected: float

    @property
    def is_sure(self) -> bool:
        """Whether the corrected p is below .05."""
        return self.p_corrected < 0.05


@dataclass(frozen=True)
class PairSlopes:
    """The slope of each pair of an image and a site.

    Attributes
    ----------
    image_index, site_index
        Which, (n,).
    slope
        In sigma for a unit of epsilon, (n,); NaN with fewer than two epsilons.
    noise
        Variance that the presentations' noise gives it, (n,); NaN where an image was shown once.
    degrees
        Of freedom of that variance, (n,).

    Examples
    --------
    >>> import numpy as np
    >>> slopes = PairSlopes(*[np.zeros(2, int)] * 2, slope=np.array([0.1, 0.3]), noise=np.ones(2), degrees=np.ones(2))
    >>> float(slopes.slope.mean())
    0.2
    """

    image_index: Indices
    site_index: Indices
    slope: Floats
    noise: Floats
    degrees: Floats


def pair_slopes(
    clean: Floats,
    changed: Floats,
    sign: Indices,
    epsilon: Floats,
    *,
    image_index: Indices,
    site_index: Indices,
) -> PairSlopes:
    """Fit a line over epsilon to the signed changes of each image and site.

    Parameters
    ----------
    clean, changed
        Repetitions of either image of a pair in sigma, (n_pairs, n_repetitions); NaN where there is none.
    sign
        Sealed sign of each pair, (n_pairs,).
    epsilon
        Of each pair, (n_pairs,).
    image_index, site_index
        The clean image and the site of each pair, (n_pairs,).

    Returns
    -------
    PairSlopes
        A row for each image and site, by site, then by image.

    Examples
    --------
    >>> import numpy as np
    >>> slopes = pair_slopes(
    ...     np.zeros((2, 2)),
    ...     np.array([[0.1, 0.1], [1.0, 1.0]]),
    ...     np.array([1, 1]),
    ...     np.array([1.0, 10.0]),
    ...     image_index=np.array([5, 5]),
    ...     site_index=np.array([0, 0]),
    ... )
    >>> slopes.slope.round(3), slopes.image_index
    (array([0.1]), array([5]))
    """
    (mean_x, noise_x, free_x), (mean_y, noise_y, free_y) = (_moments(rates) for rates in (clean, changed))
    change = np.sign(sign) * (mean_y - mean_x)
    known = np.isfinite(change)
    names, cell = np.unique(np.stack([site_index, image_index])[:, known], axis=1, return_inverse=True)
    n = names.shape[1]

    def summed(values: Floats) -> Floats:
        return np.bincount(cell, weights=values, minlength=n).astype(np.float64)

    own_epsilon, own_change = epsilon[known], change[known]
    centred = own_epsilon - (summed(own_epsilon) / summed(np.ones(len(cell))))[cell]
    spread = summed(centred**2)
    weight = np.divide(centred, spread[cell], out=np.full(len(cell), np.nan), where=spread[cell] > 0)
    of_changed = weight**2 * noise_y[known]
    of_clean = summed(weight * np.sign(sign[known])) ** 2 * (summed(noise_x[known]) / summed(np.ones(len(cell))))
    noise = summed(of_changed) + of_clean
    squares = summed(of_changed**2 / free_y[known]) + of_clean**2 / (summed(free_x[known]) / summed(np.ones(len(cell))))
    degrees = np.divide(noise**2, squares, out=np.ones(n), where=squares > 0)
    return PairSlopes(names[1], names[0], summed(weight * own_change), noise, degrees)


def slopes_by_site(slopes: PairSlopes) -> tuple[SlopeTest, ...]:
    """Test each site's mean slope over its images.

    Examples
    --------
    Two sites, of which one moves with epsilon:

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> site = np.repeat([0, 1], 12)
    >>> slopes = PairSlopes(np.tile(np.arange(12), 2), site, site + rng.normal(size=24), np.ones(24), np.ones(24))
    >>> [one.is_sure for one in slopes_by_site(slopes)]
    [False, True]
    """
    return _tested([_over_images(slopes, site) for site in np.unique(slopes.site_index).tolist()])


def slopes_by_image(slopes: PairSlopes) -> tuple[SlopeTest, ...]:
    """Test each image's mean slope over its sites, against the noise that its repetitions tell.

    Examples
    --------
    >>> import numpy as np
    >>> slopes = PairSlopes(
    ...     np.array([7, 7]), np.array([0, 1]), np.array([0.5, 0.7]), np.array([0.01, 0.01]), np.array([3.0, 3.0])
    ... )
    >>> (one,) = slopes_by_image(slopes)
    >>> one.index, round(one.slope, 2), round(one.standard_error, 3), one.degrees
    (7, 0.6, 0.071, 6)
    """
    return _tested([_over_sites(slopes, image) for image in np.unique(slopes.image_index).tolist()])


def holm(p: Floats) -> Floats:
    """Correct p values for their number (Holm 1979): the least level of the whole at which each is refused.

    Parameters
    ----------
    p
        (n,); NaN is no test, does not count and stays NaN.

    Examples
    --------
    >>> import numpy as np
    >>> holm(np.array([0.01, 0.04, 0.03, np.nan]))
    array([0.03, 0.06, 0.06,  nan])
    """
    corrected = np.full(len(p), np.nan)
    order = np.argsort(p)[: int(np.isfinite(p).sum())]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return corrected


def _over_images(slopes: PairSlopes, site: int) -> SlopeTest:
    own = slopes.slope[(slopes.site_index == site) & np.isfinite(slopes.slope)]
    if len(own) < 2:
        return _untested(site, own)
    return _test(site, float(own.mean()), float(own.std(ddof=1) / math.sqrt(len(own))), len(own) - 1)


def _over_sites(slopes: PairSlopes, image: int) -> SlopeTest:
    known = (slopes.image_index == image) & np.isfinite(slopes.slope) & np.isfinite(slopes.noise)
    own, noise, degrees = slopes.slope[known], slopes.noise[known], slopes.degrees[known]
    if not noise.sum() > 0:
        return _untested(image, own)
    free = noise.sum() ** 2 / (noise**2 / degrees).sum()
    return _test(image, float(own.mean()), float(np.sqrt(noise.sum()) / len(own)), max(int(free), 1))


def _untested(index: int, own: Floats) -> SlopeTest:
    nan = float("nan")
    return SlopeTest(index, float(own.mean()) if len(own) else nan, nan, 0, nan, nan)


def _test(index: int, slope: float, standard_error: float, degrees: int) -> SlopeTest:
    p = student_p(slope / standard_error, degrees) if standard_error > 0 else float("nan")
    return SlopeTest(index, slope, standard_error, degrees, p, float("nan"))


def _tested(tests: list[SlopeTest]) -> tuple[SlopeTest, ...]:
    corrected = holm(np.array([test.p for test in tests]))
    kept = [field.name for field in fields(SlopeTest) if field.name != "p_corrected"]
    return tuple(
        SlopeTest(**{name: getattr(test, name) for name in kept}, p_corrected=float(p))
        for test, p in zip(tests, corrected, strict=True)
    )


def _moments(rates: Floats) -> tuple[Floats, Floats, NDArray[np.float64]]:
    """Return mean, the mean's noise variance and its degrees of freedom, (n_pairs,); NaN where not known."""
    known = np.isfinite(rates)
    n = known.sum(axis=1).astype(np.float64)
    mean = np.divide(np.where(known, rates, 0.0).sum(axis=1), n, out=np.full(len(n), np.nan), where=n > 0)
    squares = np.where(known, (rates - mean[:, None]) ** 2, 0.0).sum(axis=1)
    noise = np.divide(squares, n * (n - 1), out=np.full(len(n), np.nan), where=n > 1)
    return mean, noise, np.maximum(n - 1, 1.0)
