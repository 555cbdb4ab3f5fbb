"""A site's generations of images: the codes adapt to what the site answered.

By separable covariance matrix adaptation (Ros and Hansen 2008): each generation is drawn around the mean of the better
half of the one before, weighted by rank, with a variance a component.

Nothing of a search is stored. It is gone through again from its seed with all generations that were shown, as bytes on
disk have them: so it is the same after a kill, and on any day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAST_TOLD = 0.5
"""Part of a generation that must have responses: the better half is what the next one is drawn around."""


@dataclass(frozen=True)
class Generation:
    """Images that were shown, with what a site answered.

    Attributes
    ----------
    codes
        (n_images, n_components).
    responses
        (n_images,), in whatever unit: their order alone counts. NaN where an image has no usable response.
    """

    codes: Floats
    responses: Floats


@dataclass(frozen=True)
class Evolved:
    """Where a search stands.

    Attributes
    ----------
    mean
        Mean of the distribution that the next generation is drawn from, (n_components,).
    codes
        The next generation, (n_images, n_components).
    n_told
        Generations that it learned from.
    step_size
        SD of the distribution over all, in SD of natural images.
    """

    mean: Floats
    codes: Floats
    n_told: int
    step_size: float


def start_of(codes: Floats, responses: Floats, *, n_parents: int) -> Floats:
    """Return the mean of the codes that were answered most, weighted by rank as the search weights a generation.

    Parameters
    ----------
    codes
        Of natural images, (n_images, n_components).
    responses
        Of the site to them, (n_images,); those without one are NaN.
    n_parents
        How many it begins from.

    Raises
    ------
    ValueError
        No image has a response.
    """
    known = np.flatnonzero(np.isfinite(responses))
    if not len(known):
        raise ValueError("expected natural images with responses to begin from, found none")
    best = known[np.argsort(-responses[known], kind="stable")][:n_parents]
    weights = np.log(len(best) + 0.5) - np.log(np.arange(1, len(best) + 1))
    return np.asarray(weights / weights.sum() @ codes[best])


def evolve(
    start: Floats,
    shown: Sequence[Generation],
    *,
    n_images: int,
    step_size: float,
    seed: int,
    spread: float = 1.0,
) -> Evolved:
    """Return the next generation of a site's images.

    A response that is missing counts as its generation's median, neither good nor bad; a generation of which more than
    half is missing teaches nothing.

    Parameters
    ----------
    start
        Code that the first generation is drawn around, (n_components,).
    shown
        All generations so far, in order.
    n_images
        Of a generation, at least 4.
    step_size
        SD of the first generation, in SD of natural images.
    seed
        Of the site's search: the same one gives the same images.
    spread
        Of the next generation around the mean, of that which the search draws.
    """
    import cma  # noqa: PLC0415 - it loads for two seconds, and only evolution asks for it

    random = np.random.default_rng(seed)
    search = cma.CMAEvolutionStrategy(
        start,
        step_size,
        {
            "popsize": n_images,
            "randn": lambda *shape: random.standard_normal(shape),
            "seed": np.nan,  # numpy's own state is nobody's
            "verbose": -9,
            "CMA_diagonal": True,  # a variance a component: thirty generations teach no thousands of covariances
        },
    )
    n_told = 0
    for one in shown:
        search.ask()  # draws what was shown, so that what is drawn later is the same as if it had never stopped
        known = np.isfinite(one.responses)
        if known.mean() < _LEAST_TOLD:
            continue
        responses = np.where(known, one.responses, np.median(one.responses[known]))
        search.tell(list(one.codes), (-responses).tolist())
        n_told += 1
    codes, mean = np.array(search.ask(), dtype=np.float64), np.array(search.mean, dtype=np.float64)
    if spread < 1:
        codes = mean + spread * (codes - mean)
    return Evolved(mean, codes, n_told, float(search.sigma))
