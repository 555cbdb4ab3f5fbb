"""What a day's attacks will show: standard errors, and what can be told apart, epsilon by epsilon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.expected.error import PlannedPairs, expected_standard_error, variance_of_sigmas
from closedloop.analysis.expected.plane import expected_bend, reached_places
from closedloop.analysis.expected.power import power_of_mean, smallest_effect
from closedloop.analysis.expected.variance_parts import PairVariance
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.planning import assumed
from closedloop.planning.basis import DayBasis
from closedloop.planning.design import ALL, ANCHORS, FRESH, DayDesign
from closedloop.planning.law import ChangeLaw

SETS = (ALL, ANCHORS, FRESH)
GROWTHS = (0.1, 0.25, 0.5, 1.0)
"""Growth of a size, in parts of it, whose power is told."""


@dataclass(frozen=True)
class ExpectedMean:
    """The paper's estimate over some pairs: how sure it will be."""

    image_set: str
    n_pairs: int
    n_images: int
    standard_error: float


@dataclass(frozen=True)
class ExpectedSite:
    """One site's estimate over all its pairs."""

    site: str
    n_images: int
    size: float
    standard_error: float
    reliability: float | None


@dataclass(frozen=True)
class Contrast:
    """A difference of two means that the report tests: its 95 % interval, Student's t, holds zero or does not.

    Attributes
    ----------
    standard_error
        Expected, sigma.
    n_pairs, n_images
        What it is computed from.
    smallest
        The difference that is told from zero in four of five such experiments, sigma.
    power
        Of some true differences, in parts of the size expected: by that part.
    more_variance
        Of the difference, which its standard error does not see: that of both days' sigmas.
    n_tested
        Images that decide the quantile of Student's t.
    """

    standard_error: float
    n_pairs: int
    n_images: int
    smallest: float
    power: dict[float, float]
    more_variance: float
    n_tested: int

    def power_of(self, difference: float) -> float:
        """Return the power to tell a true difference from zero."""
        return power_of_mean(difference, self.standard_error, n_images=self.n_tested, more_variance=self.more_variance)


@dataclass(frozen=True)
class ExpectedEpsilon:
    """What is expected at one epsilon.

    Attributes
    ----------
    size
        Mean signed change, sigma.
    means
        Over all pairs, anchors and fresh images.
    seen
        Power to tell the size from zero.
    smallest_seen
        The size that is told from zero in four of five experiments.
    growth
        Between the first fitted day and this one, or from this day to a later one of the same plan; on anchors both
        days have, pair by pair.
    conditions
        Two conditions with half of the pairs each, of other images.
    by_day
        Power to see the growth since the first fitted day, should it grow as in the paper, by day.
    """

    epsilon: float
    size: float
    means: tuple[ExpectedMean, ...]
    sites: tuple[ExpectedSite, ...]
    seen: float
    smallest_seen: float
    growth: Contrast | None
    conditions: Contrast | None
    by_day: dict[int, float]

    def mean(self, image_set: str) -> ExpectedMean | None:
        """Return the estimate over a set of images; None where the day has none."""
        return next((one for one in self.means if one.image_set == image_set), None)


@dataclass(frozen=True)
class ExpectedPlanes:
    """What planes of images are expected to tell of one site each.

    Attributes
    ----------
    n_planes, n_images, repetitions, extent
        As planned.
    edge_error
        Standard error of the bend at the middle of a side, sigma.
    smallest
        Bend there that is told from zero in four of five planes, sigma.
    power
        Of some true bends there, by their size in sigma.
    curvature_error
        Standard error of the curvature of a flat surface, per unit of epsilon, at the expected slope; NaN without one.
    slope
        That is expected: the size of the smallest epsilon's changes over it, sigma for a unit of epsilon.
    reach_along, reach_across
        How far a typical image reaches that is wanted at `extent`, pressed to whole grey levels, black and white.
    beside
        How far it then lies beside the plane, the furthest of the images.
    """

    n_planes: int
    n_images: int
    repetitions: int
    extent: float
    edge_error: float
    smallest: float
    power: dict[float, float]
    curvature_error: float
    slope: float
    reach_along: float
    reach_across: float
    beside: float


BENDS = (0.1, 0.2, 0.5, 1.0)
"""Bends at the edge, sigma, whose power is told: of simulated sites at extent 30 the middle half has .5 to 1.4."""


def expect_planes(basis: DayBasis, protocol: Protocol, *, day: int) -> ExpectedPlanes | None:
    """Return what a day's planes are expected to show; None where it has none.

    The noise is that of the sites whose planes they are; a bent surface's curvature is less sure than a flat one's by
    the error of the slope.

    Parameters
    ----------
    basis
        What it rests on.
    protocol
        Its sections plane and attack.
    day
        Which.
    """
    section = protocol.plane
    if not section.planes_of(day):
        return None
    wanted = np.array([(0.0, 0.0), *section.places]).T
    places = reached_places(*wanted)
    noise = float(np.median(basis.law.site_clean[: section.n_sites]))
    found = expected_bend(
        places.along,
        places.across,
        extent=section.extent,
        noise=noise,
        repetitions=section.repetitions * basis.used,
    )
    least = protocol.attack.epsilons[0]
    slope = basis.law.size_at(least) / least
    return ExpectedPlanes(
        section.n_sites,
        wanted.shape[1],
        section.repetitions,
        section.extent,
        found.edge_error,
        found.smallest,
        {bend: found.power_of(bend) for bend in BENDS},
        found.bend_error / slope if slope > 0 else math.nan,
        slope,
        *places.reach(*wanted),
        float(places.beside.max()),
    )


@dataclass(frozen=True)
class DesignOfDays:
    """The planned day's design, and that of the day from which growth is measured."""

    planned: DayDesign
    first: DayDesign


def expect(
    basis: DayBasis, designs: DesignOfDays, *, day: int, n_days: int, reliability: Mapping[str, float] | None = None
) -> tuple[ExpectedEpsilon, ...]:
    """Return what a day is expected to show.

    Parameters
    ----------
    basis
        What it rests on.
    designs
        What is shown.
    day
        Which day it is.
    n_days
        Days of the experiment.
    reliability
        Observed of sites, by name.
    """
    pairs = {name: designs.planned.pairs(name, used=basis.used) for name in SETS}
    return tuple(
        _expect_epsilon(
            basis.law,
            epsilon,
            {name: one for name, one in pairs.items() if one.n_pairs},
            sites=_sites(pairs[ALL], basis, epsilon, reliability or {}),
            growth=_growth(basis, designs, epsilon, day=day, n_days=n_days),
        )
        for epsilon in designs.planned.epsilons
    )


def _expect_epsilon(
    law: ChangeLaw,
    epsilon: float,
    pairs: Mapping[str, PlannedPairs],
    *,
    sites: tuple[ExpectedSite, ...],
    growth: tuple[Contrast | None, dict[int, float]],
) -> ExpectedEpsilon:
    size, variance = law.size_at(epsilon), law.variance_at(epsilon)
    means = tuple(
        ExpectedMean(name, one.n_pairs, one.n_images, expected_standard_error(one, variance))
        for name, one in pairs.items()
    )
    error, n_images = means[0].standard_error, means[0].n_images
    return ExpectedEpsilon(
        epsilon=epsilon,
        size=size,
        means=means,
        sites=sites,
        seen=power_of_mean(size, error, n_images=n_images),
        smallest_seen=smallest_effect(error, n_images=n_images),
        growth=growth[0],
        conditions=_conditions(pairs[ALL], law, epsilon),
        by_day=growth[1],
    )


def _sites(
    pairs: PlannedPairs, basis: DayBasis, epsilon: float, reliability: Mapping[str, float]
) -> tuple[ExpectedSite, ...]:
    found, sizes = [], basis.law.site_sizes_at(epsilon)
    for site in np.unique(pairs.site_index).tolist():
        own = select_pairs(pairs, np.flatnonzero(pairs.site_index == site))
        name = basis.site_names[site]
        error = expected_standard_error(own, basis.law.site_variance_at(epsilon, site))
        found.append(ExpectedSite(name, own.n_images, float(sizes[site]), error, reliability.get(name)))
    return tuple(found)


def _growth(
    basis: DayBasis, designs: DesignOfDays, epsilon: float, *, day: int, n_days: int
) -> tuple[Contrast | None, dict[int, float]]:
    """Return what can be told of growth on the anchors that both days have, and the power day by day."""
    before, after = _common_anchors(designs, used=basis.used)
    if before.n_images < 2:
        return None, {}
    first_day, first = (basis.first.day, basis.first.law) if basis.first else (max(day, 1), basis.law)
    both = 1 - basis.correlation
    error = math.hypot(
        expected_standard_error(before, _of_difference(first.variance_at(epsilon), both)),
        expected_standard_error(after, _of_difference(basis.law.variance_at(epsilon), both)),
    )
    more = sum(
        variance_of_sigmas(pairs, law.site_sizes_at(epsilon), basis.sigma_error)
        for pairs, law in ((before, first), (after, basis.law))
    )
    size = first.size_at(epsilon)
    contrast = _contrast(error, after, size=size, n_tested=after.n_images, more_variance=more)
    later = range(first_day + 1, max(n_days, day + 1))
    return contrast, {one: contrast.power_of(size * (assumed.grown(one - first_day) - 1)) for one in later}


def _contrast(error: float, pairs: PlannedPairs, *, size: float, n_tested: int, more_variance: float = 0.0) -> Contrast:
    power = {
        part: power_of_mean(part * size, error, n_images=n_tested, more_variance=more_variance) for part in GROWTHS
    }
    smallest = smallest_effect(error, n_images=n_tested, more_variance=more_variance)
    return Contrast(error, pairs.n_pairs, pairs.n_images, smallest, power, more_variance, n_tested)


def _common_anchors(designs: DesignOfDays, *, used: float) -> tuple[PlannedPairs, PlannedPairs]:
    """Return the anchor pairs that both designs have, with the repetitions of either."""
    found = []
    for design in (designs.first, designs.planned):
        rows = design.attacks(ANCHORS)
        names = {(str(row["image_id"]), int(row["site_index"])): place for place, row in enumerate(rows)}
        found.append((names, design.pairs(ANCHORS, used=used)))
    common = sorted(found[0][0].keys() & found[1][0].keys())
    before, after = (
        select_pairs(pairs, np.array([names[pair] for pair in common], dtype=np.int64)) for names, pairs in found
    )
    return before, after


def _of_difference(variance: PairVariance, both: float) -> PairVariance:
    """Return what one day adds to the variance of a difference: of its spread the part that days do not share."""
    return replace(variance, spread=variance.spread * both, shared=variance.shared * both)


def _conditions(pairs: PlannedPairs, law: ChangeLaw, epsilon: float) -> Contrast | None:
    """Return what can be told of two conditions that share the pairs out, image by image."""
    halves = [select_pairs(pairs, np.flatnonzero(pairs.image_index % 2 == half)) for half in (0, 1)]
    n_tested = min(one.n_images for one in halves)
    if n_tested < 2:
        return None
    error = math.hypot(*(expected_standard_error(half, law.variance_at(epsilon)) for half in halves))
    return _contrast(error, pairs, size=law.size_at(epsilon), n_tested=n_tested)


def select_pairs(pairs: PlannedPairs, rows: NDArray[np.int64]) -> PlannedPairs:
    """Keep some of the pairs, by their rows."""
    return PlannedPairs(
        image_index=pairs.image_index[rows],
        site_index=pairs.site_index[rows],
        clean_repetitions=pairs.clean_repetitions[rows],
        repetitions=pairs.repetitions[rows],
        used=pairs.used,
    )
