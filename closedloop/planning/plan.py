"""A day's plan: what it costs, what it is expected to show, and what to change to fit some hours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.protocol.rounds import protocol_of_session, rounds_of_day
from closedloop.artifacts.records.sequence import Block
from closedloop.planning.alternatives import NewValues, alternatives
from closedloop.planning.arms import ExpectedAllocation, ExpectedArms, expect_allocation, expect_arms
from closedloop.planning.assumed import RELIABILITY, AssumedReliability
from closedloop.planning.basis import DayBasis
from closedloop.planning.decided import ToldDecisions
from closedloop.planning.design import DayDesign, Ladder
from closedloop.planning.expectation import (
    DesignOfDays,
    ExpectedEpsilon,
    ExpectedPlanes,
    expect,
    expect_planes,
)
from closedloop.planning.pace import SessionPace
from closedloop.planning.past import MeasuredMean, Past

_DIGITS = 2  # of hours that are left of a day


@dataclass(frozen=True)
class PlannedHours:
    """What the presentations cost; see `pace.Pace`."""

    expected: float
    best: float
    worst: float
    allowed: float
    broken_fraction: float
    expected_broken_fraction: float
    sessions: tuple[int, ...]


@dataclass(frozen=True)
class PlannedRound:
    """One of the sessions that a day is cut into.

    Attributes
    ----------
    block
        Which, from 1.
    n_presentations, hours
        What it costs.
    wait_s
        How long the animal waits after it for the next one; None after the last, and where nobody knows.
    """

    block: int
    n_presentations: int
    hours: float
    wait_s: float | None = None


@dataclass(frozen=True)
class PlannedAlternative:
    """A change of the protocol with its cost.

    Attributes
    ----------
    standard_errors
        By epsilon, over all pairs.
    smallest_growth
        By epsilon: the growth that is told from none in four of five experiments, sigma.
    """

    says: str
    change: NewValues
    fits: bool
    n_presentations: int
    hours: float
    standard_errors: dict[float, float]
    smallest_growth: dict[float, float]
    costs: str


@dataclass(frozen=True)
class Plan:
    """A day before it is shown.

    Attributes
    ----------
    block
        Which of the day's sessions; a day's first has no number where the plan is JSON.
    days
        Days whose recordings the expectations rest on; empty where all is assumed.
    assumptions
        What was not observed.
    presentations
        By what is shown.
    growth_since
        The day from which growth is measured: the first fitted one; None before there is one.
    wanted_hours
        That were asked for.
    room
        Presentations that would fit besides; 0 where it does not fit.
    measured
        Where the day is over: what it measured.
    decisions
        What people decided of it.
    n_shown
        Presentations that its session has shown already, where it began and is not over.
    rounds
        The sessions that the day is cut into; empty where it is not.
    waits_by
        What the waits between them are reckoned by.
    planes
        What the day's planes of images are expected to tell; None where it shows none.
    ladders
        Its images at levels.
    arms
        What the day tells of the difference of two arms, epsilon by epsilon; empty where it has no two.
    allocation
        What adaptive shares of arms do over the study; None where shares are fixed.
    """

    protocol: str
    subject: str
    simulated: bool
    day: int
    block: int
    days: tuple[int, ...]
    assumptions: tuple[str, ...]
    presentations: dict[str, int]
    n_presentations: int
    hours: PlannedHours
    used: float
    sigma_error: float
    growth_since: int | None
    epsilons: tuple[ExpectedEpsilon, ...]
    wanted_hours: float | None
    room: int
    alternatives: tuple[PlannedAlternative, ...]
    measured: tuple[MeasuredMean, ...]
    decisions: ToldDecisions
    n_shown: int
    rounds: tuple[PlannedRound, ...] = ()
    waits_by: str = ""
    planes: ExpectedPlanes | None = None
    ladders: tuple[Ladder, ...] = ()
    arms: tuple[ExpectedArms, ...] = ()
    allocation: ExpectedAllocation | None = None

    @property
    def session(self) -> Block:
        """Which session it is of."""
        return Block(self.day, self.block)

    @property
    def most_hours(self) -> float:
        """The hours it is held against: those that were asked for, else the protocol's."""
        return self.wanted_hours or self.hours.allowed

    @property
    def fits(self) -> bool:
        """Whether it is expected to take no longer."""
        return self.hours.expected <= self.most_hours

    def as_json(self) -> dict[str, Any]:
        """Return its numbers, null where one is not known."""
        values = asdict(self)
        missed = self.decisions.not_shown_before
        values["decisions"]["not_shown_before"] = missed.model_dump(mode="json") if missed else None
        if self.block == 1:
            del values["block"]
        if not self.rounds:
            del values["rounds"], values["waits_by"]
        if self.planes is None:
            del values["planes"]
        for name in ("ladders", "arms"):
            if not values[name]:
                del values[name]
        if self.allocation is None:
            del values["allocation"]
        told: dict[str, Any] = _without_nan(values)
        return told


@dataclass(frozen=True)
class PlannedFor:
    """Who is planned for; of nobody in particular where there is no study."""

    name: str = ""
    simulated: bool = False


def plan_of_protocol(protocol: Protocol, *, day: int, hours: float | None, reliability: float | None = None) -> Plan:
    """Plan a day from a protocol alone: all is assumed.

    Parameters
    ----------
    protocol
        The experiment.
    day
        Which.
    hours
        That it is to fit into; None: the protocol's.
    reliability
        Assumed of the sites.
    """
    pace = SessionPace((), protocol.trial.expected_broken_fraction)
    last = rounds_of_day(protocol.rounds, day)  # by which the day is measured
    past = Past((), pace, tuple(range(protocol.sites.n_sites)), protocol, block=last)
    return make_plan(protocol, past, PlannedFor(), day=day, hours=hours, reliability=reliability)


def make_plan(
    protocol: Protocol,
    past: Past,
    subject: PlannedFor,
    *,
    day: int,
    hours: float | None,
    reliability: float | None = None,
) -> Plan:
    """Plan a day from what is known before it.

    Parameters
    ----------
    protocol
        By which it is planned.
    past
        What is known.
    subject
        Whose day it is.
    day
        Which.
    hours
        That it is to fit into; None: the protocol's.
    reliability
        Assumed of the sites where nothing was recorded.
    """
    assumed = AssumedReliability(reliability or RELIABILITY, protocol.images.clean_repetitions)
    design, basis = past.design(protocol, day=day), past.basis(protocol, day=day, reliability=assumed)
    expected = _expected(protocol, design, basis, past, day=day)
    n, pace = design.n_presentations, past.pace
    best, worst = pace.range_of_hours(protocol, n)
    rounds = _rounds(protocol, past, day=day)
    allowed = protocol.trial.hours_per_day
    if rounds:
        allowed = round(allowed - sum(one.hours for one in _other_rounds(rounds, past.block)), _DIGITS)
    most = hours or max(allowed, 0.0)
    told = PlannedHours(
        expected=pace.hours(protocol, n),
        best=best,
        worst=worst,
        allowed=max(allowed, 0.0),
        broken_fraction=pace.broken_fraction,
        expected_broken_fraction=pace.expected_broken_fraction,
        sessions=tuple(one.day for one in pace.sessions),
    )
    others = _alternatives(protocol, past, day=day, hours=most, reliability=assumed) if told.expected > most else ()
    own = protocol_of_session(protocol, day=day, number=past.block)
    n_sites_of_arms = len(own.arms.sites_of(past.sites))
    return Plan(
        protocol=protocol.name,
        subject=subject.name,
        simulated=subject.simulated,
        day=day,
        block=past.block,
        days=basis.days,
        assumptions=basis.assumptions,
        presentations=design.presentations,
        n_presentations=n,
        hours=told,
        used=basis.used,
        sigma_error=float(_mean_known(basis.sigma_error.tolist())),
        growth_since=basis.first.day if basis.first else None,
        epsilons=expected,
        wanted_hours=hours,
        room=max(pace.most_presentations(protocol, most) - n, 0),
        alternatives=others,
        measured=past.measured,
        decisions=past.decisions,
        n_shown=past.n_shown,
        rounds=rounds,
        planes=expect_planes(basis, own, day=day),
        ladders=design.ladders,
        arms=expect_arms(basis, own.arms, day=day, n_anchors=own.images.anchors, n_sites=n_sites_of_arms),
        allocation=expect_allocation(basis, own, day=day, n_days=protocol.days, n_sites=n_sites_of_arms),
    )


def _rounds(protocol: Protocol, past: Past, *, day: int) -> tuple[PlannedRound, ...]:
    """Return what each of a day's rounds costs; nothing of a day that is not cut."""
    if rounds_of_day(protocol.rounds, day) == 1:
        return ()
    numbers = past.sessions(day, rounds=protocol.rounds)
    sizes = [replace(past, block=number).design(protocol, day=day).n_presentations for number in numbers]
    return tuple(
        PlannedRound(number, n, past.pace.hours(protocol, n)) for number, n in zip(numbers, sizes, strict=True)
    )


def _other_rounds(rounds: Sequence[PlannedRound], block: int) -> list[PlannedRound]:
    """Return a day's sessions beside the planned one: they share its hours."""
    return [one for one in rounds if one.block != block]


def _expected(
    protocol: Protocol, design: DayDesign, basis: DayBasis, past: Past, *, day: int
) -> tuple[ExpectedEpsilon, ...]:
    if not design.rows.attacks:  # a round without fresh images to attack
        return ()
    first = past.first_design(day=day) if basis.first else design
    reliability: dict[str, float] = {}
    for one in (*past.quiet, *past.days):  # of each site what was seen last
        told = zip(one.site_names, one.reliability.tolist(), strict=True)
        reliability |= {name: value for name, value in told if math.isfinite(value)}
    return expect(basis, DesignOfDays(design, first), day=day, n_days=protocol.days, reliability=reliability)


def _alternatives(
    protocol: Protocol, past: Past, *, day: int, hours: float, reliability: AssumedReliability
) -> tuple[PlannedAlternative, ...]:
    """Return what to change so that the day fits, each with the standard errors that it leaves."""

    def n_presentations(changed: Protocol) -> int:
        return past.design(changed, day=day).n_presentations

    def fits(changed: Protocol) -> bool:
        return past.pace.hours(changed, n_presentations(changed)) <= hours

    found = []
    for one in alternatives(protocol, fits, has_anchors=past.has_anchors):
        design = past.design(one.protocol, day=day)
        basis = past.basis(one.protocol, day=day, reliability=reliability)
        expected = _expected(one.protocol, design, basis, past, day=day)
        found.append(
            PlannedAlternative(
                says=one.says,
                change=one.change,
                fits=one.fits,
                n_presentations=design.n_presentations,
                hours=past.pace.hours(one.protocol, design.n_presentations),
                standard_errors={each.epsilon: each.means[0].standard_error for each in expected},
                smallest_growth={each.epsilon: each.growth.smallest for each in expected if each.growth},
                costs=one.costs,
            )
        )
    n_epsilons = len(protocol.attack.epsilons)
    return tuple(
        sorted(
            found,
            key=lambda one: (
                not one.fits,
                len(one.standard_errors) < n_epsilons,  # the others' mean error says nothing of the one left out
                _mean_known(list(one.standard_errors.values())),
            ),
        )
    )


def _mean_known(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else float("nan")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
