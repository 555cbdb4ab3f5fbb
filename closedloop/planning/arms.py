"""Whether a day tells two of its arms apart, said beforehand; where it cannot, that it promises nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from closedloop.analysis.expected.allocation import AllocationDesign, SimulatedAllocation, simulate_allocation
from closedloop.analysis.expected.power import power_of_mean, smallest_effect
from closedloop.artifacts.protocol.arms.adaptive import n_movable
from closedloop.artifacts.protocol.arms.section import Arms
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.planning import assumed
from closedloop.planning.basis import DayBasis
from closedloop.stages.arms.rows import pairs_in_turn

A_FIFTH = 0.2
"""The difference whose power is told, in parts of the size expected."""

PROMISED = 0.8
"""Power from which on a difference is promised to be told."""

_ALIKE = 0.5  # assumed correlation of two arms' true changes of the same pairs
_LEAST_TESTED = 2
_FEW = 5
_LAST_GROWN = 5  # day up to which changes grow in the paper


@dataclass(frozen=True)
class ExpectedArms:
    """What a day tells of the difference of two arms at one epsilon.

    Attributes
    ----------
    epsilon, n_pairs
        As planned: pairs that both attack.
    size
        Mean change that is expected of an arm, sigma.
    standard_error
        Of the difference, sigma.
    smallest
        The difference that is told in four of five such days, sigma.
    power
        To tell a fifth of the size.
    needed
        Pairs at which that has a power of four fifths; NaN where no size is expected.
    n_tested
        Images or sites among the pairs, whichever are fewer: by these the interval is.
    """

    epsilon: float
    n_pairs: int
    size: float
    standard_error: float
    smallest: float
    power: float
    needed: float
    n_tested: int

    @property
    def is_promised(self) -> bool:
        """Whether arms that differ by a fifth will be told apart in four of five such days."""
        return self.power >= PROMISED


def expect_arms(basis: DayBasis, section: Arms, *, day: int, n_anchors: int, n_sites: int) -> tuple[ExpectedArms, ...]:
    """Return what a day's arms are expected to show, an entry an epsilon; nothing where it has fewer than two.

    The clean image is the same for both and cancels. Their true changes of a pair are taken to correlate by a half.
    Arms with an objective are left out: nothing is known of how far sites follow it.

    Parameters
    ----------
    basis
        What it rests on.
    section
        The protocol's.
    day
        Which.
    n_anchors, n_sites
        That are attacked.
    """
    sizes = sorted(section.pairs_of(arm) for arm in section.arms if arm.objective is None)
    if len(sizes) < 2 or not sizes[-2] or not section.n_made(day):
        return ()
    pairs = pairs_in_turn(range(n_anchors), range(n_sites))[: sizes[-2]]  # of the two arms with most pairs
    n_tested = min((len(set(own)) for own in zip(*pairs, strict=True)), default=0)
    return tuple(_at(basis, section, epsilon, n_pairs=len(pairs), n_tested=n_tested) for epsilon in section.epsilons)


def _at(basis: DayBasis, section: Arms, epsilon: float, *, n_pairs: int, n_tested: int) -> ExpectedArms:
    variance, size = basis.law.variance_at(epsilon), basis.law.size_at(epsilon)
    of_pair = 2 * (variance.changed / (section.repetitions * basis.used) + (1 - _ALIKE) * variance.spread)
    error = math.sqrt(of_pair / n_pairs)
    smallest = smallest_effect(error, n_images=n_tested)
    fifth = A_FIFTH * size
    return ExpectedArms(
        epsilon,
        n_pairs,
        size,
        error,
        smallest,
        power_of_mean(fifth, error, n_images=n_tested),
        math.ceil(n_pairs * (smallest / fifth) ** 2) if fifth > 0 and math.isfinite(smallest) else math.nan,
        n_tested,
    )


def arm_lines(arms: tuple[ExpectedArms, ...]) -> list[str]:
    """Say how well two arms will be told apart, and where that is no promise; nothing where there are no two.

    Parameters
    ----------
    arms
        Epsilon by epsilon.
    """
    return [_line(one) for one in arms]


def _line(one: ExpectedArms) -> str:
    start = f"Arms at epsilon {one.epsilon:g}: {one.n_pairs:,} pairs that two of them share"
    if one.n_tested < _LEAST_TESTED:
        return f"{start}, of one image or site: whether they are told apart cannot be said of one. Attack more of both."
    if not math.isfinite(one.power):
        return f"{start}: whether they are told apart cannot be said, as no size is expected."
    found = (
        f"{start}; the difference has a standard error of {one.standard_error:.3f} sigma and is told from "
        f"{one.smallest:.3f} on; a fifth of the {one.size:.3f} expected is told in {100 * one.power:.0f} % of such days"
    )
    if one.n_tested <= _FEW:
        n = one.n_tested - 1
        found += f" (by Student's t with {n} degree{'s' * (n > 1)} of freedom: images or sites are few)"
    if one.is_promised:
        return f"{found}."
    needed = f"; for four fifths it would take some {one.needed:,.0f} pairs" if math.isfinite(one.needed) else ""
    return f"{found}: that is no promise{needed}, over several days, too."


@dataclass(frozen=True)
class ExpectedAllocation:
    """What adaptive shares are expected to do over a study in which one arm is better than the others by a fifth.

    Attributes
    ----------
    epsilon
        Whose attacks decide: the largest.
    days
        Of the study, that have arms.
    simulated
        Of many such studies; None where nothing can be promised, so that no number is told.
    """

    epsilon: float
    days: tuple[int, ...]
    simulated: SimulatedAllocation | None


def expect_allocation(
    basis: DayBasis, protocol: Protocol, *, day: int, n_days: int, n_sites: int
) -> ExpectedAllocation | None:
    """Return what adaptive shares are expected to do over the study; None where shares are fixed.

    Parameters
    ----------
    basis
        What it rests on.
    protocol
        Of the session.
    day
        That is planned: its noise and spread are those of all days, and its size grows as in the paper.
    n_days
        Of the study.
    n_sites
        That arms attack.
    """
    section, images = protocol.arms, protocol.images
    days = tuple(range(section.first_day, n_days))
    if section.adaptive is None or not section.n_made(day) or not any(section.is_adaptive_on(one) for one in days):
        return None
    epsilon, own = max(section.epsilons), np.array([section.pairs_of(arm) for arm in section.arms])
    variance, size = basis.law.variance_at(epsilon), basis.law.size_at(epsilon)
    grown = np.array([assumed.grown(min(one, _LAST_GROWN) - min(day, _LAST_GROWN)) for one in days])
    noise = variance.changed / (section.repetitions * basis.used)
    effects = (size * grown)[:, None] * np.array([1 + A_FIFTH, *[1.0] * (len(own) - 1)])
    if not size > 0 or not own.all():
        return ExpectedAllocation(epsilon, days, None)
    found = simulate_allocation(
        AllocationDesign(
            own_pairs=own,
            movable=np.array(n_movable(section.adaptive, own.tolist())),
            most=images.anchors * n_sites,
            n_fixed=sum(not section.is_adaptive_on(one) for one in days),
            effects=effects,
            own_variance=noise + (1 - _ALIKE) * variance.spread,
            shared_variance=variance.clean / (images.anchor_repetitions * basis.used) + _ALIKE * variance.spread,
            degrees=min(images.anchors, n_sites) - 1,
            n_images=images.anchors,
        )
    )
    return ExpectedAllocation(epsilon, days, found if found.most >= PROMISED else None)


def allocation_lines(expected: ExpectedAllocation | None) -> list[str]:
    """Say what adaptive shares will do, or that they promise nothing; no line where shares are fixed.

    Parameters
    ----------
    expected
        Of the study.
    """
    if expected is None:
        return []
    one = expected.simulated
    if one is None:
        return [
            f"Adaptive arms: no promise. By the noise at epsilon {expected.epsilon:g} this study would too often move "
            "attacks to the worse one of two arms that differ by a fifth. Leave arms.adaptive out, or show more pairs, "
            "more days or a larger epsilon."
        ]
    if not math.isfinite(one.adaptive.power):
        return [
            "Adaptive arms: no promise. Differences are told over images and sites, and over one of them none is told. "
            "Attack more sites."
        ]
    shares = ", ".join(f"{100 * share:.0f}" for share in one.shares)
    adaptive, fixed = one.adaptive, one.fixed
    return [
        f"Adaptive arms, should one be better by a fifth at epsilon {expected.epsilon:g} and changes grow as in the "
        f"paper: on days {expected.days[0]} to {expected.days[-1]} it makes {shares} % of the arms' attacks, and on "
        f"the last one the largest part in {_percent(one.most)} of such studies. Against fixed shares, over all "
        f"days: it is told from another in {_percent(adaptive.power)} in place of {_percent(fixed.power)}; the 95 % "
        f"interval of the difference is {adaptive.width:.3f} sigma wide in place of {fixed.width:.3f}, that of its "
        f"own mean {adaptive.mean_width:.3f} in place of {fixed.mean_width:.3f}."
    ]


def _percent(part: float) -> str:
    """Return a part of simulated studies as text: of some hundreds all are no certainty."""
    return "over 99 %" if part > 0.99 else f"{100 * part:.0f} %"
