"""Whether a journal is the record of one session, and of the session that was planned: whoever reads one asks here.

What is wrong is named by the number of its line. A journal agrees with itself where its launches, trials and ordinals
count up without a hole, its times never go back within a launch, and every accepted image and the grey before it were
up for the planned frames. It agrees with the plan where every row shows what the session's one order has at its place,
under the planned digital code, for the planned frames, and where its end counts what is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from closedloop.artifacts.day.journal import Journal, SessionSummary
from closedloop.artifacts.day.presented.faults import JournalSoFar, PlannedSession
from closedloop.artifacts.day.presented.launch_times import time_from_first_to_last_s
from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.day.session_summary import summarize, summarize_cut
from closedloop.errors import SessionError

_REMEDY = "Bring the journal as the rig wrote it, and of this session."
_ROUNDING = 1e-9  # of sums, which Python versions add up in other ways; relative


def planned_session(document: SessionDocument, columns: Mapping[str, NDArray[Any]]) -> PlannedSession:
    """Gather what a session was to show.

    Parameters
    ----------
    document
        session.json.
    columns
        Of presentations.parquet, in the order to be shown.
    """
    return PlannedSession(
        document, columns["image_index"].tolist(), columns["stimulus_id"].tolist(), columns["repetition"].tolist()
    )


def check_journal(journal: Journal, place: Path, *, plan: PlannedSession | None = None, remedy: str = _REMEDY) -> None:
    """Refuse a journal that does not agree with itself or with what was planned.

    Parameters
    ----------
    journal
        Whole, or of a session that still goes on.
    place
        Its file, for the message.
    plan
        What was to be shown; None where the session folder is not at hand.
    remedy
        What to do about a wrong line, as a sentence.

    Raises
    ------
    SessionError
        It does not; the first line that is wrong is named.
    """
    if not journal.rows:
        raise SessionError(f"{place}, line 1: expected the launch of a session, found an empty journal. {remedy}")
    so_far = JournalSoFar(plan)
    for number, row in journal.numbered:
        fault = next(so_far.faults(row), None)
        if fault is not None:
            raise SessionError(f"{place}, line {number}: {fault}. {remedy}")
        so_far.count(row)


_REMEDY_OF_NO_END = (
    "Bring the whole journal; where the rig was killed, end the session by `rig present --resume`, or take what it "
    "has by `closedloop close-day --killed`."
)


def check_ended(journal: Journal, place: Path, *, remedy: str = _REMEDY_OF_NO_END) -> None:
    """Refuse a journal that stops before the session's end.

    Parameters
    ----------
    journal
        Of a session.
    place
        Its file, for the message.
    remedy
        What to do, as a sentence.

    Raises
    ------
    SessionError
        Its last line is not the end of a session.
    """
    if journal.ended is None:
        last = journal.lines[-1] if journal.lines else 0
        torn = ", which is cut" if journal.n_torn else ""
        raise SessionError(
            f"{place}, line {last + 1}: expected the session's lines to its end (session_ended), found none after line "
            f"{last}{torn}. {remedy}"
        )


def check_summary(summary: SessionSummary, place: Path, *, session: SessionDocument, journal: Journal) -> None:
    """Refuse a summary that counts another session than its journal.

    Parameters
    ----------
    summary, place
        summary.json, and where it lies.
    session
        session.json.
    journal
        Of a session that ended, or of one whose rig was killed.

    Raises
    ------
    SessionError
        A number differs from what the journal's lines give.
    """
    counted = summarize(session, journal) if journal.ended is not None else summarize_cut(session, journal)
    for name in SessionSummary.model_fields:
        expected, found = getattr(counted, name), getattr(summary, name)
        if (
            name == "duration_s"
            and _is_near(found, time_from_first_to_last_s(journal.rows))
            and _names_no_boot(journal)
        ):
            continue
        if found != expected and not (isinstance(expected, float) and _is_near(found, expected)):
            raise SessionError(
                f"{place}, {name}: expected {expected!r} as the journal's lines count, found {found!r}. "
                "Bring journal.jsonl and summary.json as the rig left them, of one session."
            )


def _is_near(found: float, expected: float) -> bool:
    return abs(found - expected) <= _ROUNDING * abs(expected)


def _names_no_boot(journal: Journal) -> bool:
    """Return whether a rig of version 0.1 wrote it, which counted the time between its launches too."""
    return all(launch.boot_id is None for launch in journal.launches)


__all__ = ["PlannedSession", "check_ended", "check_journal", "check_summary", "planned_session"]
