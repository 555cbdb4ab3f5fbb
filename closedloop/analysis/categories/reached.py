"""The epsilon at which attacks on other images bring a site to its preferred level, and how sure that is.

Rates at epsilon 0 (clean) and at each epsilon are means over the same images. In between the rate is taken to change
evenly; a site that does not get there by the largest epsilon is censored: all that is known is "above that".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from closedloop.analysis.estimate import Floats

_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True)
class Reached:
    """When one site reaches a level.

    Attributes
    ----------
    epsilon
        Infinite where it never does.
    low, high
        95 % interval by resampling images; an end is infinite where never is part of it, NaN with fewer than two
        images.
    share
        Part of the resamples in which it does.
    """

    epsilon: float
    low: float
    high: float
    share: float

    @property
    def is_reached(self) -> bool:
        """Whether it does."""
        return math.isfinite(self.epsilon)


@dataclass(frozen=True)
class ReachedBySites:
    """When several sites do, as the paper says it: mean and SD over those that do.

    Attributes
    ----------
    mean, sd
        Over the sites that reach it; NaN where there is none, or but one.
    median
        Over all sites, those that never do above all others; infinite where they are half of them or more.
    n_reached, n_sites
        How many do, of how many.
    """

    mean: float
    sd: float
    median: float
    n_reached: int
    n_sites: int


def epsilon_reached(epsilons: Floats, rates: Floats, level: float) -> float:
    """Return where a curve first comes to a level, linear in between; infinite where it never does.

    Parameters
    ----------
    epsilons
        Ascending, the first usually 0 (clean), (n_epsilons,).
    rates
        At each, (n_epsilons,).
    level
        To be reached.

    Examples
    --------
    >>> import numpy as np
    >>> epsilon_reached(np.array([0.0, 1.0, 5.0]), np.array([50.0, 60.0, 100.0]), 80.0)
    3.0
    >>> epsilon_reached(np.array([0.0, 1.0]), np.array([50.0, 60.0]), 80.0)
    inf
    """
    return float(_crossings(epsilons, rates[None], np.array([level]))[0])


def site_reached(epsilons: Floats, rates: Floats, *, level: float, level_errors: Floats, seed: int) -> Reached:
    """Return when one site reaches its level, with an interval over the images and over the level's own error.

    Parameters
    ----------
    epsilons
        Ascending, the first 0 (clean), (n_epsilons,).
    rates
        Of each image at each epsilon, finite, (n_images, n_epsilons).
    level
        The preferred level.
    level_errors
        What it is off by in each resample, (n_resamples,); zeros where it is known.
    seed
        Decides the resamples.

    Examples
    --------
    >>> import numpy as np
    >>> rates = 50.0 + np.array([[0.0, 10.0, 90.0]]) + np.random.default_rng(0).normal(0, 2, size=(12, 1))
    >>> found = site_reached(np.array([0.0, 1.0, 9.0]), rates, level=100.0, level_errors=np.zeros(400), seed=0)
    >>> round(found.epsilon, 1), found.low < found.epsilon < found.high, found.share
    (5.0, True, 1.0)
    """
    n_images, n_resamples = len(rates), len(level_errors)
    own = epsilon_reached(epsilons, rates.mean(axis=0), level)
    if n_images < 2 or not n_resamples or not np.isfinite(level_errors).all():
        return Reached(own, math.nan, math.nan, math.nan)
    rng = np.random.default_rng([seed, *b"epsilon reached"])
    of_image = rng.multinomial(n_images, np.full(n_images, 1 / n_images), size=n_resamples)
    found = _crossings(epsilons, of_image @ rates / n_images, level + level_errors)
    low, high = np.quantile(found, _QUANTILES, method="nearest")
    return Reached(own, float(low), float(high), float(np.isfinite(found).mean()))


def reached_by_sites(epsilons: Floats) -> ReachedBySites:
    """Return mean and SD over the sites that reach their level, and how many never do.

    Parameters
    ----------
    epsilons
        At which each site does, infinite where never, (n_sites,).

    Examples
    --------
    >>> import numpy as np
    >>> reached_by_sites(np.array([2.0, 4.0, np.inf]))
    ReachedBySites(mean=3.0, sd=1.4142135623730951, median=4.0, n_reached=2, n_sites=3)
    """
    reached = epsilons[np.isfinite(epsilons)]
    return ReachedBySites(
        mean=float(reached.mean()) if len(reached) else math.nan,
        sd=float(reached.std(ddof=1)) if len(reached) > 1 else math.nan,
        median=float(np.quantile(epsilons, 0.5, method="higher")) if len(epsilons) else math.nan,
        n_reached=len(reached),
        n_sites=len(epsilons),
    )


def _crossings(epsilons: Floats, rates: Floats, level: Floats) -> Floats:
    """Return where each curve first comes to its level, (n_curves,)."""
    above = rates >= level[:, None]
    found = np.full(len(rates), np.inf)
    found[above[:, 0]] = epsilons[0]
    for after in range(1, len(epsilons)):
        first = above[:, after] & ~above[:, :after].any(axis=1)
        before, now = rates[first, after - 1], rates[first, after]
        part = (level[first] - before) / (now - before)
        found[first] = epsilons[after - 1] + part * (epsilons[after] - epsilons[after - 1])
    return found
