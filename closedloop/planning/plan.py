"""A day's plan: what it costs, what it is expected to show, and what to change to fit some hours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import not_attacked
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.gates.context import GateContext
from closedloop.planning.alternatives import NewValues, alternatives
from closedloop.planning.basis import DayBasis, basis_of
from closedloop.planning.design import ALL, ANCHORS, DayDesign, design_day
from closedloop.planning.expectation import DesignOfDays, ExpectedEpsilon, expect
from closedloop.planning.observed import ObservedDay, read_observed_days
from closedloop.planning.pace import SessionPace, read_pace
from closedloop.stages.plan import attacked_sites


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
class MeasuredMean:
    """What a day that is over measured at an epsilon."""

    epsilon: float
    image_set: str
    mean: float
    standard_error: float


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
    """

    protocol: str
    subject: str
    simulated: bool
    day: int
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
        told: dict[str, Any] = _without_nan(asdict(self))
        return told


@dataclass(frozen=True)
class PlannedFor:
    """Who is planned for; of nobody in particular where there is no study."""

    name: str = ""
    simulated: bool = False


@dataclass(frozen=True)
class Past:
    """What is known before the day: observed days, the pace, and the sites that are attacked."""

    days: tuple[ObservedDay, ...]
    pace: SessionPace
    sites: tuple[int, ...]
    first_protocol: Protocol
    measured: tuple[MeasuredMean, ...] = ()


def plan_of_study(
    paths: StudyPaths, study: StudyDocument, own: Protocol, *, protocol: Protocol, day: int, hours: float | None
) -> Plan:
    """Plan a day of a study.

    Parameters
    ----------
    paths, study, own
        The study.
    protocol
        By which the day is to be planned.
    day
        Which.
    hours
        That it is to fit into; None: the protocol's.

    Raises
    ------
    DocumentError
        A published file is missing or damaged.
    """
    table = GateContext(paths, study, own, 0)
    known = table.read(catalog.SITES) if day > 0 and table.has(catalog.SITES) else None
    out = not_attacked(table.amendments, session=paths.block(day))
    past = Past(
        days=read_observed_days(paths, study, own, before=day),
        pace=SessionPace(read_pace(paths, study, own, before=day).sessions, protocol.trial.expected_broken_fraction),
        sites=attacked_sites(known, protocol.sites.n_sites, not_attacked=out),
        first_protocol=own,
        measured=_measured(GateContext(paths, study, own, day)),
    )
    return make_plan(protocol, past, PlannedFor(study.subject, study.simulated), day=day, hours=hours)


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
    past = Past((), pace, tuple(range(protocol.sites.n_sites)), protocol)
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
    design = design_day(protocol, sites=past.sites, day=day)
    basis = basis_of(past.days, protocol, day=day, n_sites=max(past.sites) + 1, reliability=reliability)
    expected = _expected(protocol, design, basis, past, day=day)
    n, pace = design.n_presentations, past.pace
    best, worst = pace.range_of_hours(protocol, n)
    most = hours or protocol.trial.hours_per_day
    told = PlannedHours(
        expected=pace.hours(protocol, n),
        best=best,
        worst=worst,
        allowed=protocol.trial.hours_per_day,
        broken_fraction=pace.broken_fraction,
        expected_broken_fraction=pace.expected_broken_fraction,
        sessions=tuple(one.day for one in pace.sessions),
    )
    others = _alternatives(protocol, past, day=day, hours=most, reliability=reliability) if told.expected > most else ()
    return Plan(
        protocol=protocol.name,
        subject=subject.name,
        simulated=subject.simulated,
        day=day,
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
    )


def _expected(
    protocol: Protocol, design: DayDesign, basis: DayBasis, past: Past, *, day: int
) -> tuple[ExpectedEpsilon, ...]:
    first = design_day(past.first_protocol, sites=past.sites, day=day) if basis.first else design
    reliability = {}
    if past.days:
        last = past.days[-1]
        told = zip(last.site_names, last.reliability.tolist(), strict=True)
        reliability = {name: value for name, value in told if math.isfinite(value)}
    return expect(basis, DesignOfDays(design, first), day=day, n_days=protocol.days, reliability=reliability)


def _alternatives(
    protocol: Protocol, past: Past, *, day: int, hours: float, reliability: float | None
) -> tuple[PlannedAlternative, ...]:
    """Return what to change so that the day fits, each with the standard errors that it leaves."""

    def n_presentations(changed: Protocol) -> int:
        return design_day(changed, sites=past.sites, day=day).n_presentations

    def fits(changed: Protocol) -> bool:
        return past.pace.hours(changed, n_presentations(changed)) <= hours

    found = []
    for one in alternatives(protocol, fits):
        design = design_day(one.protocol, sites=past.sites, day=day)
        basis = basis_of(past.days, one.protocol, day=day, n_sites=max(past.sites) + 1, reliability=reliability)
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
    return tuple(sorted(found, key=lambda one: (not one.fits, _mean_known(list(one.standard_errors.values())))))


def _measured(context: GateContext) -> tuple[MeasuredMean, ...]:
    if not context.has(catalog.SENSITIVITY):
        return ()
    columns = context.read(catalog.SENSITIVITY)
    rows = zip(
        *(columns[name].tolist() for name in ("estimate", "site", "image_set", "epsilon", "mean", "standard_error")),
        strict=True,
    )
    return tuple(
        MeasuredMean(epsilon, image_set, mean, error)
        for estimate, site, image_set, epsilon, mean, error in rows
        if estimate == "paper" and site == "" and image_set in (ALL, ANCHORS)
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
