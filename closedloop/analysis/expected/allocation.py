"""What adaptive shares of arms will do, simulated beforehand: where attacks go, and how sure estimates will be.

Only what decides is drawn: each day's mean of every arm on the pairs that all attack, and what two arms share besides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.arms.allocating import chance_of_best, deal_out, parts_moved
from closedloop.analysis.estimate import Floats
from closedloop.analysis.intervals import student_95

_N_STUDIES = 1000
_N_DRAWS = 250  # of a chance to be the best one, in each study on each day

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class AllocationDesign:
    """A study of arms of which the first is better than the others.

    Attributes
    ----------
    own_pairs, movable
        What each arm attacks a day by its own share, and what of it may move, (n_arms,).
    most
        Pairs that there are on a day.
    n_fixed
        Days before the first one that earlier days decide.
    effects
        True mean of each arm on each day, (n_days, n_arms), in sigma.
    own_variance, shared_variance
        Of a pair's measured change: what is an arm's own, and what all arms have of it.
    degrees, n_images
        Of freedom of the intervals, and images that are attacked.
    """

    own_pairs: Counts
    movable: Counts
    most: int
    n_fixed: int
    effects: Floats
    own_variance: float
    shared_variance: float
    degrees: int
    n_images: int


@dataclass(frozen=True)
class DifferenceWidths:
    """The better arm against another one.

    Attributes
    ----------
    power
        Part of the studies in which the 95 % interval of the difference does not hold zero; NaN without degrees of
        freedom.
    width
        Of that interval, sigma.
    mean_width
        Of the interval of the better arm's own mean, sigma.
    """

    power: float
    width: float
    mean_width: float


@dataclass(frozen=True)
class SimulatedAllocation:
    """What adaptive shares did in many simulated studies.

    Attributes
    ----------
    shares
        Of the better arm on each day, a mean over studies.
    most
        Part of the studies in which it had more attacks than any other on the last day.
    adaptive, fixed
        How sure the study ends, with these shares and with fixed ones.
    """

    shares: tuple[float, ...]
    most: float
    adaptive: DifferenceWidths
    fixed: DifferenceWidths


def simulate_allocation(design: AllocationDesign, *, seed: int = 0) -> SimulatedAllocation:
    """Simulate many studies.

    Parameters
    ----------
    design
        What is shown, and what is true.
    seed
        Decides all draws.
    """
    random = np.random.default_rng([seed, *b"studies of adaptive arms"])
    n_days, n_arms = design.effects.shape
    normal = random.normal(size=(n_days, _N_STUDIES, n_arms))
    extra = random.normal(size=(n_days, _N_STUDIES, n_arms - 1))
    found = np.sqrt(random.chisquare(max(design.degrees, 1), size=(_N_STUDIES, 1)) / max(design.degrees, 1))
    adaptive = _counts(design, normal)
    fixed = np.broadcast_to(design.own_pairs, adaptive.shape)
    first, others = adaptive[-1, :, 0], adaptive[-1, :, 1:]
    return SimulatedAllocation(
        shares=tuple((adaptive[:, :, 0] / adaptive.sum(axis=2)).mean(axis=1).tolist()),
        most=float((first[:, None] > others).all(axis=1).mean()),
        adaptive=_widths(design, adaptive, (normal, extra), found=found),
        fixed=_widths(design, fixed, (normal, extra), found=found),
    )


def _counts(design: AllocationDesign, normal: Floats) -> Counts:
    """Return what each arm attacks, (n_days, n_studies, n_arms), each day by the days before it."""
    counts = np.empty(normal.shape, dtype=np.int64)
    n_shared, total, variance = (np.zeros((normal.shape[1], 1)) for _ in range(3))
    for day, drawn in enumerate(normal):
        counts[day] = design.own_pairs
        if day >= design.n_fixed:
            covariance = (variance / n_shared**2)[..., None] * np.eye(normal.shape[2])
            best = chance_of_best(total / n_shared, covariance, degrees=design.n_images - 1, n_draws=_N_DRAWS)
            kept = design.own_pairs - design.movable
            moved = deal_out(parts_moved(best, design.movable), int(design.movable.sum()), most=design.most - kept)
            counts[day] = kept + moved
        shared = counts[day].min(axis=1, keepdims=True)
        total = total + shared * design.effects[day] + np.sqrt(shared * design.own_variance) * drawn
        n_shared, variance = n_shared + shared, variance + shared * design.own_variance
    return counts


def _widths(
    design: AllocationDesign, counts: Counts, drawn: tuple[Floats, Floats], *, found: Floats
) -> DifferenceWidths:
    """Return how sure a study ends whose arms attacked so much, each day weighing as much as another.

    The standard error that a study finds is `found` times the true one: of few images or sites it is often too small.
    """
    normal, extra = drawn
    own = design.own_variance
    with_first = np.minimum(counts[:, :, :1], counts[:, :, 1:])
    of_all = counts.min(axis=2, keepdims=True)
    by_all = np.sqrt(of_all) * (normal[:, :, :1] - normal[:, :, 1:])
    noise = (by_all + np.sqrt(2 * (with_first - of_all)) * extra) * math.sqrt(own) / with_first
    true = (design.effects[:, :1] - design.effects[:, 1:])[:, None, :]
    error = np.sqrt((2 * own / with_first).sum(axis=0)) / len(counts)
    limit = student_95(design.degrees)
    of_mean = np.sqrt(((own + design.shared_variance) / counts[:, :, :1]).sum(axis=0)) / len(counts)
    return DifferenceWidths(
        power=float((np.abs((true + noise).mean(axis=0)) > limit * error * found).mean()) if limit > 0 else math.nan,
        width=float(2 * limit * error.mean()),
        mean_width=float(2 * limit * of_mean.mean()),
    )
