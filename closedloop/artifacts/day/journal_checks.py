"""Whether a journal is the record of one session, and of the session that was planned: whoever reads one asks here.

What is wrong is named by the number of its line. A journal agrees with itself where its launches, trials and ordinals
count up without a hole, its times never go back within a launch, and every image was up as long as its times say. It
agrees with the plan where every row shows what the session's one order has at its place, under the planned digital
code, for the planned frames, and where its end counts what is left.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from closedloop.artifacts.day.journal import Journal, SessionSummary
from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    LaunchOpened,
    Presentation,
    SessionEnded,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.presentation_queue import settle_queue
from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.day.session_summary import summarize
from closedloop.errors import SessionError

_REMEDY = "Bring the journal as the rig wrote it, and of this session."
_RATE_TOLERANCE = 0.05  # 59.94 Hz is 60 Hz; 75 Hz is another display
_ROUNDING = 1e-9  # of sums, which Python versions add up in other ways; relative


@dataclass(frozen=True)
class PlannedSession:
    """What a session was to show: session.json, and the columns of presentations.parquet as lists."""

    document: SessionDocument
    image_index: list[int]
    stimulus_id: list[str]
    repetition: list[int]

    def describe(self, index: int) -> tuple[int, str, int]:
        """Return a presentation's image, stimulus and repetition."""
        return self.image_index[index], self.stimulus_id[index], self.repetition[index]


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
    so_far = _SoFar(plan=plan, queue=list(range(len(plan.image_index))) if plan else [])
    for number, row in journal.numbered:
        fault = next(_faults(so_far, row), None)
        if fault is not None:
            raise SessionError(f"{place}, line {number}: {fault}. {remedy}")
        _count(so_far, row)


def check_ended(journal: Journal, place: Path) -> None:
    """Refuse a journal that stops before the session's end.

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
            f"{last}{torn}. Bring the whole journal; where the rig was killed, end the session by `rig present "
            "--resume` first."
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
        Of a session that ended.

    Raises
    ------
    SessionError
        A number differs from what the journal's lines give.
    """
    counted = summarize(session, journal)
    for name in SessionSummary.model_fields:
        expected, found = getattr(counted, name), getattr(summary, name)
        if found != expected and not (isinstance(expected, float) and abs(found - expected) <= _ROUNDING * expected):
            raise SessionError(
                f"{place}, {name}: expected {expected!r} as the journal's lines count, found {found!r}. "
                "Bring journal.jsonl and summary.json as the rig left them, of one session."
            )


@dataclass
class _SoFar:
    """What the lines before say.

    Attributes
    ----------
    launch
        The last one.
    trial
        The one under way; None between trials.
    taken, shown
        presentation_index of what the trial under way was to show, and what it has shown.
    queue, n_rejections
        What is to be shown after it, and how often each presentation was rejected; with a plan only.
    """

    plan: PlannedSession | None
    queue: list[int]
    n_rejections: Counter[int] = field(default_factory=Counter)
    launch: LaunchOpened | None = None
    n_launches: int = 0
    n_trials: int = 0
    n_presentations: int = 0
    n_accepted: int = 0
    trial: int | None = None
    taken: list[int] = field(default_factory=list)
    shown: list[Presentation] = field(default_factory=list)
    time_s: float = 0.0
    has_ended: bool = False


def _faults(so_far: _SoFar, row: JournalRow) -> Iterator[str]:
    """Yield what is wrong with a row after those before."""
    if so_far.has_ended:
        yield f"expected nothing after the session's end, found {row.event}"
    if isinstance(row, LaunchOpened):
        yield from _launch_faults(so_far, row)
        return
    if so_far.launch is None:
        yield f"expected the launch of a session, found {row.event}"
    match row:
        case TrialStarted():
            yield from _start_faults(so_far, row)
        case Presentation():
            yield from _presentation_faults(so_far, row)
            yield from _plan_faults(so_far, row)
        case TrialEnded():
            yield from _end_faults(so_far, row)
        case SessionEnded():
            yield from _session_faults(so_far, row)
    start_s = row.onset_s if isinstance(row, Presentation) else row.time_s
    if start_s < so_far.time_s:
        yield f"expected a time from {so_far.time_s:.6f} s on, found {start_s:.6f} s"


def _launch_faults(so_far: _SoFar, row: LaunchOpened) -> Iterator[str]:
    yield from _difference("launch", so_far.n_launches, row.segment)
    yield from _difference("first ordinal", so_far.n_presentations, row.first_ordinal)
    yield from _difference("first trial", so_far.n_trials, row.first_trial)
    if so_far.launch is not None:
        yield from _difference("session", so_far.launch.session_id, row.session_id)
    if so_far.plan is None:
        return
    session, planned_hz = so_far.plan.document, so_far.plan.document.screen.refresh_hz
    yield from _difference("session", session.session_id, row.session_id)
    if row.simulated != session.simulated:
        kinds = {True: "a simulated session", False: "a session with an animal"}
        yield f"expected {kinds[session.simulated]}, found {kinds[row.simulated]}"
    if abs(row.refresh_hz - planned_hz) > _RATE_TOLERANCE * planned_hz:
        yield f"expected {planned_hz:g} frames per second, found {row.refresh_hz:g}"


def _start_faults(so_far: _SoFar, row: TrialStarted) -> Iterator[str]:
    if so_far.trial is not None:
        yield f"expected the end of trial {so_far.trial}, found the start of trial {row.trial}"
    yield from _difference("trial", so_far.n_trials, row.trial)
    if so_far.plan is not None:
        yield from _difference("code", so_far.plan.document.codes.trial(row.trial), row.code)
        if not so_far.queue:
            yield f"expected the session's end, everything being shown, found the start of trial {row.trial}"


def _presentation_faults(so_far: _SoFar, row: Presentation) -> Iterator[str]:
    yield from _difference("ordinal", so_far.n_presentations, row.ordinal)
    if so_far.trial is None:
        yield "expected an image within a trial, found one between trials"
    yield from _difference("trial", so_far.trial, row.trial)
    yield from _difference("place in its trial", len(so_far.shown), row.position)
    if row.offset_s < row.onset_s:
        yield f"expected an offset after the onset at {row.onset_s:.6f} s, found {row.offset_s:.6f} s"
    if so_far.launch is not None:
        frames = (row.offset_s - row.onset_s) * so_far.launch.refresh_hz
        if math.isfinite(frames):
            yield from _difference("frames between onset and offset", row.on_frames, round(frames))
        else:
            yield f"expected {row.on_frames} frames between onset and offset, found more than can be counted"
    if (row.outcome == "accepted") != (row.reason is None):
        yield f"expected a reason exactly for a rejected image, found {row.outcome} with reason {row.reason}"
    if row.outcome == "accepted":
        yield from _difference("frames of an accepted image", row.planned_on_frames, row.on_frames)


def _plan_faults(so_far: _SoFar, row: Presentation) -> Iterator[str]:
    plan = so_far.plan
    if plan is None:
        return
    if len(so_far.shown) >= len(so_far.taken):
        yield f"expected the end of trial {row.trial} after {len(so_far.taken)} images, found another"
        return
    index = so_far.taken[len(so_far.shown)]
    yield from _difference("presentation_index (the session's order at this place)", index, row.presentation_index)
    expected, found = plan.describe(index), (row.image_index, row.stimulus_id, row.repetition)
    if found != expected:
        names = "image {}, stimulus {}, repetition {}"
        yield f"expected {names.format(*expected)} as presentation {index} of the plan, found {names.format(*found)}"
    yield from _difference("code", plan.document.codes.presentation(row.ordinal), row.code)
    trial = plan.document.trial
    yield from _difference("planned frames on", trial.on_frames, row.planned_on_frames)
    yield from _difference("planned frames off", trial.off_frames, row.planned_off_frames)


def _end_faults(so_far: _SoFar, row: TrialEnded) -> Iterator[str]:
    if so_far.trial is None:
        yield f"expected a trial to have started, found the end of trial {row.trial}"
    yield from _difference("end of trial", so_far.trial, row.trial)
    if so_far.plan is not None and row.outcome == "completed":
        yield from _difference("images in a completed trial", len(so_far.taken), len(so_far.shown))


def _session_faults(so_far: _SoFar, row: SessionEnded) -> Iterator[str]:
    if so_far.trial is not None:
        yield f"expected the end of trial {so_far.trial}, found the session's"
    if (row.outcome == "complete") != (row.n_remaining == 0):
        yield f"expected a complete session exactly where nothing is left, found {row.outcome} with {row.n_remaining}"
    if so_far.plan is not None:
        n_left = len(so_far.plan.image_index) - so_far.n_accepted
        yield from _difference("presentations left", n_left, row.n_remaining)


def _difference(what: str, expected: object, found: object) -> Iterator[str]:
    if found != expected:
        yield f"expected {what} {expected}, found {found}"


def _count(so_far: _SoFar, row: JournalRow) -> None:
    """Add a row that agrees with those before."""
    match row:
        case LaunchOpened():
            _settle(so_far)
            so_far.launch, so_far.n_launches = row, so_far.n_launches + 1
        case TrialStarted():
            _settle(so_far)
            so_far.trial, so_far.n_trials = row.trial, row.trial + 1
            if so_far.plan is not None:
                n = so_far.plan.document.trial.presentations_per_trial
                so_far.taken, so_far.queue = so_far.queue[:n], so_far.queue[n:]
        case Presentation():
            so_far.shown.append(row)
            so_far.n_presentations += 1
            so_far.n_accepted += row.outcome == "accepted"
        case TrialEnded():
            _settle(so_far)
        case SessionEnded():
            so_far.has_ended = True
    so_far.time_s = row.offset_s if isinstance(row, Presentation) else row.time_s


def _settle(so_far: _SoFar) -> None:
    """Close the trial under way, as the rig does: a killed one at its next launch."""
    if so_far.plan is not None:
        seed, n_rejections = so_far.plan.document.seed, so_far.n_rejections
        so_far.queue = settle_queue(so_far.queue, so_far.taken, so_far.shown, n_rejections=n_rejections, seed=seed)
    so_far.trial, so_far.taken, so_far.shown = None, [], []
