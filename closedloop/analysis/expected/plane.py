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


def expected_bend(along: Floats, across: Floats, *, extent: float, noise: float, repetitions: float) -> ExpectedBend:
    """Return how sure a plane's bend will be.

    Parameters
    ----------
    along, across
        Where its images lie on the two axes, (n_images,).
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
