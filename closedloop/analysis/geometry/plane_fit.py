"""How a response bends on a plane of images, from its repetitions: a quadratic surface with its error.

The surface is ``r = a + g u + s v + (p u^2 + 2 q u v + c v^2) / 2`` with u along the first axis of the plane (a model's
gradient) and v along the second. Its coefficients are those of least squares, every image counting alike, so that what
is estimated does not depend on the noise: the quadratic surface nearest to the responses over this plane. Over a wide
plane that is not the response's own second derivative at its middle; the width is part of the statement.

Errors are closed forms. Each image's noise is told by its own repetitions, so images of high rates may be noisier. The
curvature ``-c / |g|`` is a ratio, and its interval Fieller's (1954): all values k for which ``c + k |g|`` cannot be
told from zero. Where the slope g itself cannot, no interval holds it, and there is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.intervals import student_95, student_p

Floats = NDArray[np.float64]

_LEVEL, _SLOPE, _TILT, _ALONG, _BOTH, _BEND = range(6)
_N_COEFFICIENTS = 6
_LEAST_REPETITIONS = 2
_ROUNDED = 1e-6  # what rounding may take off a whole number of degrees


@dataclass(frozen=True)
class PlaneFit:
    """A quadratic surface over a plane.

    Attributes
    ----------
    coefficients
        Level a, slope g, tilt s, and the second derivatives p, q, c, (6,).
    covariance
        Of their errors, (6, 6).
    degrees
        Of freedom of the error of c, at most the showings beyond each image's first.
    n_images, n_presentations
        What it is from.
    explained
        Part of the variance over images, without noise, that the surface has; near 1 where the plane is quadratic.
    """

    coefficients: Floats
    covariance: Floats
    degrees: int
    n_images: int
    n_presentations: int
    explained: float

    @property
    def slope(self) -> float:
        """Change of the response along the first axis, for a unit of u."""
        return float(self.coefficients[_SLOPE])

    @property
    def slope_error(self) -> float:
        """Its standard error."""
        return self._error(_SLOPE)

    @property
    def tilt(self) -> float:
        """Change along the second axis: 0 where the site's gradient lies along the first."""
        return float(self.coefficients[_TILT])

    @property
    def tilt_error(self) -> float:
        """Its standard error."""
        return self._error(_TILT)

    @property
    def bend(self) -> float:
        """Second derivative along the second axis, c."""
        return float(self.coefficients[_BEND])

    @property
    def bend_error(self) -> float:
        """Its standard error."""
        return self._error(_BEND)

    @property
    def bend_p(self) -> float:
        """Two-sided p of no bend."""
        return student_p(self.bend / self.bend_error, self.degrees) if self.bend_error > 0 else math.nan

    @property
    def curvature(self) -> float:
        """``-c / |g|``: positive where the surface of equal response bends forwards along the gradient."""
        return -self.bend / abs(self.slope) if self.slope else math.nan

    @property
    def curvature_error(self) -> float:
        """Its standard error to first order."""
        if not self.slope:
            return math.nan
        by_bend, by_slope = -1 / abs(self.slope), self.bend / (self.slope * abs(self.slope))
        variance = self.covariance
        square = (
            by_bend**2 * variance[_BEND, _BEND]
            + 2 * by_bend * by_slope * variance[_BEND, _SLOPE]
            + by_slope**2 * variance[_SLOPE, _SLOPE]
        )
        return math.sqrt(max(float(square), 0.0))

    @property
    def curvature_interval(self) -> tuple[float, float]:
        """95 % interval of the curvature; from minus to plus infinity where the slope cannot be told from zero."""
        side = math.copysign(1.0, self.slope)
        return ratio_interval(
            -self.bend,
            abs(self.slope),
            variances=(float(self.covariance[_BEND, _BEND]), float(self.covariance[_SLOPE, _SLOPE])),
            covariance=-side * float(self.covariance[_BEND, _SLOPE]),
            degrees=self.degrees,
        )

    def _error(self, which: int) -> float:
        return math.sqrt(float(self.covariance[which, which]))


def fit_plane(along: Floats, across: Floats, repetitions: Floats) -> PlaneFit | None:
    """Fit a quadratic surface to the repetitions of a plane's images.

    Parameters
    ----------
    along, across
        Where each image lies on the two axes, (n_images,).
    repetitions
        Of each image's response, (n_images, n_repetitions); NaN where there is none.

    Returns
    -------
    PlaneFit or None
        None of images that lie so that they do not tell the surface's numbers, and without any that was shown twice.

    Examples
    --------
    A response without noise that bends across the first axis:

    >>> import numpy as np
    >>> u, v = (one.ravel() for one in np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]))
    >>> fit = fit_plane(u, v, np.repeat((2 * u - 3 * v**2)[:, None], 2, axis=1))
    >>> round(fit.slope, 6), round(fit.bend, 6), round(fit.curvature, 6)
    (2.0, -6.0, 3.0)
    """
    count = np.isfinite(repetitions).sum(axis=1)
    shown = count > 0
    design = design_of(along[shown], across[shown])
    if np.linalg.matrix_rank(design) < _N_COEFFICIENTS or not (count >= _LEAST_REPETITIONS).any():
        return None
    count, own = count[shown], repetitions[shown]
    mean = np.nanmean(own, axis=1)
    variance = _noise_of(own, count)
    weights = np.linalg.pinv(design)
    coefficients, noise = weights @ mean, variance / count
    covariance = (weights * noise) @ weights.T
    return PlaneFit(
        coefficients=coefficients,
        covariance=covariance,
        degrees=_degrees(weights[_BEND] ** 2, variance, count),
        n_images=len(count),
        n_presentations=int(count.sum()),
        explained=_explained(mean, design @ coefficients, noise, design @ weights),
    )


def design_of(along: Floats, across: Floats) -> Floats:
    """Return what multiplies the coefficients at each place, (n_places, 6)."""
    return np.stack([np.ones_like(along), along, across, along**2 / 2, along * across, across**2 / 2], axis=1)


def bend_weights(along: Floats, across: Floats) -> Floats:
    """Return the weight of each image's response in the bend c, (n_images,)."""
    return np.asarray(np.linalg.pinv(design_of(along, across))[_BEND])


def slope_weights(along: Floats, across: Floats) -> Floats:
    """Return the weight of each image's response in the slope g, (n_images,)."""
    return np.asarray(np.linalg.pinv(design_of(along, across))[_SLOPE])


def ratio_interval(
    above: float, below: float, *, variances: tuple[float, float], covariance: float, degrees: int
) -> tuple[float, float]:
    """Return Fieller's 95 % interval of a ratio of two normal estimates.

    Parameters
    ----------
    above, below
        Numerator and denominator.
    variances
        Of the two.
    covariance
        Of the two.
    degrees
        Of freedom of the variances.

    Returns
    -------
    tuple[float, float]
        From minus to plus infinity where the denominator cannot be told from zero.

    Examples
    --------
    >>> [round(end, 3) for end in ratio_interval(1.0, 2.0, variances=(0.01, 0.0), covariance=0.0, degrees=10**6)]
    [0.402, 0.598]
    """
    limit = student_95(degrees) ** 2
    square = below**2 - limit * variances[1]
    middle = above * below - limit * covariance
    rest = above**2 - limit * variances[0]
    inside = middle**2 - square * rest
    if not (square > 0 and inside >= 0):
        return -math.inf, math.inf
    half = math.sqrt(inside)
    return (middle - half) / square, (middle + half) / square


def _noise_of(repetitions: Floats, count: NDArray[np.int64]) -> Floats:
    """Return the variance of one presentation of each image; of one shown once that of all others together.

    Of equal repetitions it is 0, which the rounding of their mean would hide.
    """
    several = count >= _LEAST_REPETITIONS
    variance, own = np.full(len(count), np.nan), repetitions[several]
    differ = np.nanmax(own, axis=1) > np.nanmin(own, axis=1)
    variance[several] = np.where(differ, np.nanvar(own, axis=1, ddof=1), 0.0)
    variance[~several] = np.average(variance[several], weights=count[several] - 1)
    return variance


def _degrees(weights: Floats, variance: Floats, count: NDArray[np.int64]) -> int:
    """Return the degrees of freedom of ``sum(weights * variance / count)`` (Satterthwaite 1946).

    Images shown once add to what the others' variances weigh: nothing more is known of them. Squares of variances are
    estimated without bias, as with two showings of an image they come out three times too large. There are never more
    degrees than showings beyond each image's first.
    """
    several = count >= _LEAST_REPETITIONS
    own = count[several] - 1
    most = int(own.sum())
    parts = (weights[several] / count[several] + weights[~several].sum() * own / most) * variance[several]
    below = float((parts**2 / (own + 2)).sum())
    return min(max(int(parts.sum() ** 2 / below - 2 + _ROUNDED), 1), most) if below > 0 else most


def _explained(mean: Floats, fitted: Floats, noise: Floats, hat: Floats) -> float:
    """Return the fitted part of the variance over images, the noise's own share taken from either."""
    n = len(mean)
    total = ((mean - mean.mean()) ** 2).sum() - noise.sum() * (1 - 1 / n)
    left = ((mean - fitted) ** 2).sum() - (noise * (1 - np.diag(hat))).sum()
    return float(1 - left / total) if total > 0 else math.nan
