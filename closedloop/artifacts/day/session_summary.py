"""The session in numbers, counted from its journal: by the rig when it ends, and by whoever takes the session over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from closedloop.artifacts.day.journal import Journal, SessionSummary
from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    Presentation,
    PresentationBegun,
    RewardNoted,
    TimeOut,
    TrialEnded,
)
from closedloop.artifacts.day.presented.launch_times import time_at_work_s
from closedloop.artifacts.day.session import SessionDocument


def summarize(session: SessionDocument, journal: Journal) -> SessionSummary:
    """Return a session's numbers, counted from its journal.

    Raises
    ------
    ValueError
        The journal has no beginning or no end.
    """
    ended = journal.ended
    if ended is None or not journal.launches:
        raise ValueError("expected a journal from a segment_opened to a session_ended row")
    trials = [row for row in journal.rows if isinstance(row, TrialEnded)]
    outcomes = Counter(row.outcome for row in trials)
    rejected = Counter(row.reason for row in journal.presentations if row.reason is not None)
    return SessionSummary(
        simulated=session.simulated,
        session_id=session.session_id,
        display=journal.launches[-1].display,
        outcome=ended.outcome,
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
