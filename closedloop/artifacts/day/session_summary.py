"""The session in numbers, counted from its journal: by the rig when it ends, and by whoever takes the session over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from closedloop.artifacts.day.journal import Journal, SessionSummary, accepted
from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    Presentation,
    PresentationBegun,
    RewardNoted,
    SessionEnded,
    TimeOut,
    TrialEnded,
)
from closedloop.artifacts.day.presented.launch_times import time_at_work_s
from closedloop.artifacts.day.session import SessionDocument

NO_END = "an end of the rig that its journal does not tell of"
"""What stopped a session whose rig was killed, in its summary."""


def summarize(session: SessionDocument, journal: Journal) -> SessionSummary:
    """Return a session's numbers, counted from its journal.

    Raises
    ------
    ValueError
        The journal has no beginning or no end.
    """
    if journal.ended is None:
        raise ValueError("expected a journal from a segment_opened to a session_ended row")
    return _summarize(session, journal, journal.ended)


def summarize_cut(session: SessionDocument, journal: Journal) -> SessionSummary:
    """Return the numbers of a session whose rig was killed, so that its journal has no end, as if it ended there.

    Raises
    ------
    ValueError
        The journal has no beginning, or an end.
    """
    if journal.ended is not None:
        raise ValueError("expected a journal without a session_ended row")
    n_left = session.n_presentations - len(accepted(journal.rows))
    return _summarize(
        session,
        journal,
        SessionEnded(
            outcome="stopped" if n_left else "complete",
            n_remaining=n_left,
            stopped_by=NO_END if n_left else None,
            time_s=0.0,
        ),
    )


def _summarize(session: SessionDocument, journal: Journal, ended: SessionEnded) -> SessionSummary:
    if not journal.launches:
        raise ValueError("expected a journal that begins with a segment_opened row")
    trials = [row for row in journal.rows if isinstance(row, TrialEnded)]
    outcomes = Counter(row.outcome for row in trials)
    rejected = Counter(row.reason for row in journal.presentations if row.reason is not None)
    return SessionSummary(
        simulated=session.simulated,
        session_id=session.session_id,
        display=journal.launches[-1].display,
        outcome=ended.outcome,
        stopped_by=ended.stopped_by,
        n_segments=len(journal.launches),
        n_trials=len(trials),
        n_trials_completed=outcomes["completed"],
        n_trials_broken=outcomes["broken"],
        n_trials_ignored=outcomes["ignored"],
        n_presentations=len(journal.presentations),
        n_accepted=len(journal.presentations) - rejected.total(),
        n_rejected={reason: rejected[reason] for reason in sorted(rejected)},
        n_cut=_n_cut(journal.rows),
        n_twins_too_near=ended.n_twins_too_near,
        n_remaining=ended.n_remaining,
        n_time_outs=sum(1 for row in journal.rows if isinstance(row, TimeOut)),
        duration_s=time_at_work_s(journal.rows),
        reward_ms=confirmed_reward_ms(journal.rows),
    )


def _n_cut(rows: Sequence[JournalRow]) -> int:
    shown = {row.ordinal for row in rows if isinstance(row, Presentation)}
    return sum(1 for row in rows if isinstance(row, PresentationBegun) and row.ordinal not in shown)


def confirmed_reward_ms(rows: Sequence[JournalRow]) -> float:
    """Add up what the valve confirmed: the trials' rewards and the operator's own, however late it came.

    Rigs of version 0.1 wrote no row a reward: there the trials say what was given.
    """
    confirmed = [row.duration_ms for row in rows if isinstance(row, RewardNoted) and row.state == "acknowledged"]
    noted = any(isinstance(row, RewardNoted) for row in rows)
    return sum(confirmed) if noted else sum(row.reward_ms for row in rows if isinstance(row, TrialEnded))
