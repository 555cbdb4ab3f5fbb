"""How long a day's presentations take: at the pace of the sessions before, with the trials that really broke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import SessionSummary
from closedloop.artifacts.protocol.protocol import Protocol, session_hours
from closedloop.gates.context import GateContext

_S_PER_HOUR = 3600


@dataclass(frozen=True)
class PastSession:
    """What a session took.

    Attributes
    ----------
    broken_fraction
        Part of the trials of the animal that it broke or ignored.
    seconds_per_presentation
        The rig's time at work for a presentation that was accepted, time-outs and all.
    """

    day: int
    n_accepted: int
    broken_fraction: float
    seconds_per_presentation: float


@dataclass(frozen=True)
class SessionPace:
    """The sessions before, and what the protocol expects."""

    sessions: tuple[PastSession, ...]
    expected_broken_fraction: float

    @property
    def broken_fraction(self) -> float:
        """Of all trials of the sessions before; what the protocol expects before there is one."""
        if not self.sessions:
            return self.expected_broken_fraction
        weights = [one.n_accepted for one in self.sessions]
        return sum(w * one.broken_fraction for w, one in zip(weights, self.sessions, strict=True)) / sum(weights)

    def hours(self, protocol: Protocol, n_presentations: int) -> float:
        """Return how long a session of a protocol takes, as the gate `hours` reckons it: at the median pace."""
        if not self.sessions:
            return session_hours(protocol, n_presentations=n_presentations)
        return n_presentations * median(one.seconds_per_presentation for one in self.sessions) / _S_PER_HOUR

    def range_of_hours(self, protocol: Protocol, n_presentations: int) -> tuple[float, float]:
        """Return the hours at the best and at the worst pace of the sessions before."""
        if not self.sessions:
            hours = self.hours(protocol, n_presentations)
            return hours, hours
        paces = [one.seconds_per_presentation for one in self.sessions]
        return tuple(n_presentations * pace / _S_PER_HOUR for pace in (min(paces), max(paces)))  # type: ignore[return-value]

    def most_presentations(self, protocol: Protocol, hours: float) -> int:
        """Return how many presentations fit into some hours."""
        return int(hours / self.hours(protocol, 1_000_000) * 1_000_000)


def read_pace(context: GateContext) -> SessionPace:
    """Read the sessions before one, with the expectation of its own protocol.

    What people left out of the fit or the evaluation took its time as well.

    Parameters
    ----------
    context
        Of the session that is planned.

    Raises
    ------
    DocumentError
        A published summary is damaged.
    """
    read = [(one.day, one.read(catalog.SUMMARY)) for one in context.earlier if one.has(catalog.SUMMARY)]
    return SessionPace(past_sessions(read), context.protocol.trial.expected_broken_fraction)


def past_sessions(summaries: Sequence[tuple[int, SessionSummary]]) -> tuple[PastSession, ...]:
    """Return what sessions took; one that accepted nothing says nothing.

    Parameters
    ----------
    summaries
        Day and summary of each.
    """
    sessions = []
    for day, summary in summaries:
        missed = summary.n_trials_broken + summary.n_trials_ignored
        n_trials = summary.n_trials_completed + missed
        if summary.n_accepted and n_trials and summary.duration_s > 0:
            pace_s = summary.duration_s / summary.n_accepted
            sessions.append(PastSession(day, summary.n_accepted, missed / n_trials, pace_s))
    return tuple(sessions)
