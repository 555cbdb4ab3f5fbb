"""Whether a day tells two of its arms apart, said beforehand; where it cannot, that it promises nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from closedloop.analysis.expected.power import power_of_mean, smallest_effect
from closedloop.artifacts.protocol.arms.section import Arms
from closedloop.planning.basis import DayBasis

A_FIFTH = 0.2
"""The difference whose power is told, in parts of the size expected."""

PROMISED = 0.8
"""Power from which on a difference is promised to be told."""

_ALIKE = 0.5  # assumed correlation of two arms' true changes of the same pairs


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
    """

    epsilon: float
    n_pairs: int
    size: float
    standard_error: float
    smallest: float
    power: float
    needed: float

    @property
    def is_promised(self) -> bool:
        """Whether arms that differ by a fifth will be told apart in four of five such days."""
        return self.power >= PROMISED


def expect_arms(basis: DayBasis, section: Arms, *, day: int, n_sites: int) -> tuple[ExpectedArms, ...]:
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
    n_sites
        That are attacked.
    """
    sizes = sorted(section.pairs_of(arm) for arm in section.arms if arm.objective is None)
    if len(sizes) < 2 or not section.n_made(day):
        return ()
    n_pairs = sizes[-2]  # of the two arms with most pairs
    return tuple(_at(basis, section, epsilon, n_pairs=n_pairs, n_sites=n_sites) for epsilon in section.epsilons)


def _at(basis: DayBasis, section: Arms, epsilon: float, *, n_pairs: int, n_sites: int) -> ExpectedArms:
    variance, size = basis.law.variance_at(epsilon), basis.law.size_at(epsilon)
    of_pair = 2 * (variance.changed / (section.repetitions * basis.used) + (1 - _ALIKE) * variance.spread)
    error = math.sqrt(of_pair / n_pairs)
    n_tested = min(n_pairs, n_sites)
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
    if not math.isfinite(one.power):
        return f"{start}: whether they are told apart cannot be said, as no size is expected."
    found = (
        f"{start}; the difference has a standard error of {one.standard_error:.3f} sigma and is told from "
        f"{one.smallest:.3f} on; a fifth of the {one.size:.3f} expected is told in {100 * one.power:.0f} % of such days"
    )
    if one.is_promised:
        return f"{found}."
    needed = f"; for four fifths it would take some {one.needed:,.0f} pairs" if math.isfinite(one.needed) else ""
    return f"{found}: that is no promise{needed}, over several days, too."
