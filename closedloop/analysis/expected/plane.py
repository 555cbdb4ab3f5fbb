"""How sure the bend of a response over a plane of images will be, before any is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from closedloop.analysis.expected.power import power_of_mean, smallest_effect
from closedloop.analysis.geometry.plane_fit import Floats, bend_weights, slope_weights


@dataclass(frozen=True)
class ExpectedBend:
    """What one plane's images will tell.

    Attributes
    ----------
    edge_error
        Standard error of the bend's effect at the edge, ``c extent^2 / 2``, in the responses' unit.
    bend_error, slope_error
        Of the bend c and the slope g themselves.
    smallest
        Effect at the edge that is told from zero in four of five such planes.
    degrees
        Of freedom, nearly.
    """

    edge_error: float
    bend_error: float
    slope_error: float
    smallest: float
    degrees: int

    def power_of(self, effect: float) -> float:
        """Return the power to tell a true effect at the edge from zero."""
        return power_of_mean(effect, self.edge_error, n_images=self.degrees + 1)


@dataclass(frozen=True)
class ReachedPlaces:
    """Where the images of a plane will really lie, nearly.

    Attributes
    ----------
    along, across
        On the two axes, in epsilon, (n_images,).
    beside
        How far each lies beside the plane, likewise.
    """

    along: Floats
    across: Floats
    beside: Floats

    def reach(self, along: Floats, across: Floats) -> tuple[float, float]:
        """Return how far the images reach that are wanted at the middles of the sides, along and across.

        Parameters
        ----------
        along, across
            Where they are wanted, (n_images,).
        """
        extent = np.abs(along).max()
        ahead, aside = (np.abs(one) == extent for one in (along, across))
        return (
            float(np.abs(self.along[ahead & (across == 0)]).mean()),
            float(np.abs(self.across[aside & (along == 0)]).mean()),
        )


def reached_places(along: Floats, across: Floats) -> ReachedPlaces:
    """Return where a typical plane's images lie as bytes: whole grey levels, no further than black and white.

    The image has all grey levels alike, and the two directions have tails as heavy as those of 40 planes of a simulated
    cortex (excess kurtosis 7 and 12 at the median). Of an extent of 10, 30 and 100 its images reach .96, .91 and .70
    along and .95, .86 and .60 across; those 40 planes .97, .89, .68 and .98, .86, .61 (docs/benchmarks.md). A change of
    some epsilon is one per value at any image size.

    Parameters
    ----------
    along, across
        Where the images are wanted, in epsilon, (n_images,).

    Examples
    --------
    >>> import numpy as np
    >>> found = reached_places(np.array([30.0, 0.0]), np.array([0.0, 30.0]))
    >>> (found.along.round().tolist(), found.across.round().tolist())
    ([27.0, 0.0], [0.0, 25.0])
    """
    random = np.random.default_rng(0)
    clean = random.integers(0, _LEVELS + 1, _N_VALUES).astype(np.float64)
    first, second = (np.sign(one) * np.abs(one) ** tail for one, tail in zip(_drawn(random), _TAILS, strict=True))
    first /= np.linalg.norm(first)
    second -= first * (first @ second)
    second /= np.linalg.norm(second)
    per_epsilon = _LEVELS * math.sqrt(_N_VALUES / _PAPER_VALUES)
    wanted = clean + per_epsilon * (np.outer(along, first) + np.outer(across, second))
    moved = (np.clip(np.rint(wanted), 0, _LEVELS) - clean) / per_epsilon
    reached = moved @ first, moved @ second
    beside = np.linalg.norm(moved - np.outer(reached[0], first) - np.outer(reached[1], second), axis=1)
    return ReachedPlaces(*reached, beside)


def _drawn(random: np.random.Generator) -> tuple[Floats, Floats]:
    return random.standard_normal(_N_VALUES), random.standard_normal(_N_VALUES)


def expected_bend(along: Floats, across: Floats, *, extent: float, noise: float, repetitions: float) -> ExpectedBend:
    """Return how sure a plane's bend will be.

    Parameters
    ----------
    along, across
        Where its images lie on the two axes, (n_images,): of bytes nearer than they were wanted, see `reached_places`.
    extent
        From the middle to the edge.
    noise
        Variance of one presentation's noise.
    repetitions
        Of each image that will count; a mean, where some will not.

    Examples
    --------
    >>> import numpy as np
    >>> u, v = (one.ravel() for one in np.meshgrid(np.linspace(-30, 30, 9), np.linspace(-30, 30, 9)))
    >>> expected = expected_bend(u, v, extent=30.0, noise=0.5, repetitions=10)
    >>> round(expected.edge_error, 3), round(expected.power_of(0.215), 2)
    (0.068, 0.88)
    """
    of_image = noise / repetitions
    bend = math.sqrt(of_image * float((bend_weights(along, across) ** 2).sum()))
    slope = math.sqrt(of_image * float((slope_weights(along, across) ** 2).sum()))
    edge = bend * extent**2 / 2
    degrees = max(round(len(np.atleast_1d(along)) * (repetitions - 1)), 1)
    return ExpectedBend(edge, bend, slope, smallest_effect(edge, n_images=degrees + 1), degrees)


_LEVELS, _N_VALUES, _PAPER_VALUES = 255, 3072, 3 * 224**2
_TAILS = (1.8, 2.3)  # powers of normal numbers
