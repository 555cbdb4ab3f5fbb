"""Panel: the session as its journal grows. What was shown and counts, what did not and why, and what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from closedloop.artifacts.catalog import GAZE, SESSION
from closedloop.artifacts.day.journal_rows import Continued, LaunchOpened, Paused, RecordingNoted
from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.rig.calibrations import ValveVolume
from closedloop.artifacts.rig.description import read_rig
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.plain_text.printed import capitalized
from closedloop.service.charts import Chart, ChartLine
from closedloop.service.reading.session.counts import SessionCounts
from closedloop.service.reading.session.gaze import RecentGaze, recent_gaze
from closedloop.service.reading.session.journal import JournalLook
from closedloop.service.reading.session.pictures import picture_key, session_picture
from closedloop.service.reading.session.places import current_session, journal_of, look_at_journal, sessions_of
from closedloop.service.unchanged import while_unchanged
from closedloop.study.completeness.names import is_copying

NAME = "session"
TITLE = "Session"

_RIG_FILE = "rig.yaml"
_WORDS = {  # of a rejection
    "fixation_broken": "fixation broken",
    "frames_dropped": "frames late or lost",
    "grey_frames_wrong": "grey of another length",
    "window_lost": "the window was covered",
    "device_error": "a device failed",
    "session_stopped": "the session was stopped",
}
_SEEN_BY = {
    "packets_and_file": "its packets and its file were seen",
    "packets": "its packets were seen",
    "file": "its file was seen",
    "operator": "by the operator's word",
    "nobody": "nobody saw it",
}


@dataclass(frozen=True)
class RejectedFor:
    """How many presentations were rejected for a reason, in words."""

    words: str
    n: int


@dataclass(frozen=True)
class SessionPicture:
    """One of the last images: where its bytes are, which row of images.npy it is, and why it does not count."""

    key: str
    image: int
    reason: str


@dataclass(frozen=True)
class SessionEvent:
    """A launch, a pause, or what was said of the recorder.

    Attributes
    ----------
    minute
        Of the launch that it happened in; None where that is too long ago to be told.
    is_good
        Whether nobody need look at it.
    """

    what: str
    minute: float | None
    words: str
    is_good: bool = True


@dataclass(frozen=True)
class EarlierSession:
    """A session that was shown before, in a line."""

    day: int
    doing: str
    n_accepted: int
    n_rejected: int
    block: int = 1

    @property
    def said(self) -> str:
        """What it is called."""
        return Block(self.day, self.block).said


@dataclass(frozen=True)
class SessionPanel:
    """The session of the latest day that has one.

    Attributes
    ----------
    day
        Which; None before there is a session.
    doing
        What the rig does, by the journal: nothing, showing, paused, complete, stopped.
    counts
        All of the journal's numbers.
    n_planned, n_left
        Presentations that are to be accepted, and that are left; None where the session's plan cannot be read.
    left_s, pace_per_min
        How long they take at the pace of the last minutes, and that pace.
    reward_ml
        What the valve gave; None without a calibration of that rig in the study's folder.
    trials_held
        Part of the trials in which the animal held fixation to the end; None before the first.
    gaze
        Gaze while the last images were up; None where no samples are kept.
    written
        When the journal was written last, ISO 8601, UTC.
    place
        The journal, as the study names it.
    events
        Launches, pauses and what was said of the recorder, the latest first.
    before
        The session of the day before, where this one was not begun.
    damaged, notes
        What cannot be read, or is of another session; and what a reader should know.
    block
        Which of the day's sessions.
    """

    day: int | None = None
    doing: str = "nothing"
    session_id: str = ""
    is_virtual: bool = False
    counts: SessionCounts = field(default_factory=SessionCounts)
    n_planned: int | None = None
    n_left: int | None = None
    left_s: float | None = None
    pace_per_min: float | None = None
    reward_ml: float | None = None
    trials_held: float | None = None
    n_wrong_frames: int = 0
    rejected: tuple[RejectedFor, ...] = ()
    gaze: RecentGaze | None = None
    pictures: tuple[SessionPicture, ...] = ()
    events: tuple[SessionEvent, ...] = ()
    written: str | None = None
    place: str = ""
    before: EarlierSession | None = None
    damaged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    block: int = 1

    @property
    def said(self) -> str:
        """What the session is called."""
        return Block(self.day or 0, self.block).said


def read(paths: StudyPaths) -> SessionPanel:
    """Return the session as its journal says now; only what is new of the journal is read."""
    place = current_session(paths)
    if place is None:
        return SessionPanel()
    damaged: list[str] = []
    paths = paths.at(place.session)
    plan = _plan(SESSION.published(paths, place.day), damaged)
    if place.journal is None:
        return SessionPanel(
            day=place.day,
            block=place.session.number,
            session_id=plan.session_id if plan else "",
            n_planned=plan.n_presentations if plan else None,
            n_left=plan.n_presentations if plan else None,
            before=_before(paths, place.session),
            damaged=tuple(damaged),
        )
    look = look_at_journal(place.journal)
    return _panel(paths, place.day, place.journal, look, plan=plan, damaged=damaged)


def _before(paths: StudyPaths, session: Block) -> EarlierSession | None:
    for earlier in sessions_of(paths):
        journal = journal_of(paths.at(earlier), earlier.day) if earlier < session else None
        if journal is not None:
            counts = look_at_journal(journal).counts
            return EarlierSession(earlier.day, counts.doing, counts.n_accepted, counts.n_rejected, earlier.number)
    return None


def picture(paths: StudyPaths, key: str) -> bytes | None:
    """Return an image of a session as PNG, by day and row of its images."""
    return session_picture(paths, key)


def _panel(
    paths: StudyPaths, day: int, journal: Path, look: JournalLook, *, plan: SessionDocument | None, damaged: list[str]
) -> SessionPanel:
    counts, launches = look.counts, look.rows.launches
    n_planned = plan.n_presentations if plan else None
    n_left = max(n_planned - counts.n_accepted, 0) if n_planned is not None else None
    n_looked_at = counts.n_completed + counts.n_broken + counts.n_ignored
    damaged += [line for line in (look.fault, *_of_another_session(look, plan, journal)) if line]
    return SessionPanel(
        day=day,
        block=paths.block(day).number,
        doing=counts.doing,
        session_id=launches[-1].session_id if launches else plan.session_id if plan else "",
        is_virtual=bool(launches) and launches[-1].clock == "virtual",
        counts=counts,
        n_planned=n_planned,
        n_left=n_left,
        left_s=None if n_left is None or counts.doing in ("complete", "nothing") else counts.left_s(n_left),
        pace_per_min=counts.pace_per_min,
        reward_ml=_reward_ml(paths, launches, counts),
        trials_held=counts.n_completed / n_looked_at if n_looked_at else None,
        n_wrong_frames=sum(counts.rejected.get(reason, 0) for reason in ("frames_dropped", "grey_frames_wrong")),
        rejected=tuple(RejectedFor(_WORDS.get(name, name.replace("_", " ")), n) for name, n in counts.rejected.items()),
        gaze=_gaze(journal, look, plan),
        pictures=tuple(
            SessionPicture(
                picture_key(paths.block(day), shown.image), shown.image, _WORDS.get(shown.reason, shown.reason)
            )
            for shown in reversed(counts.last_images)
        ),
        events=tuple(_events(look)),
        written=_utc(look.modified_ns),
        place=paths.relative(journal),
        damaged=tuple(damaged),
        notes=tuple(_notes(look, journal)),
        charts=_charts(counts),
    )


@while_unchanged()
def _read_plan(path: Path) -> SessionDocument:
    return SessionDocument.read(path)


def _plan(path: Path, damaged: list[str]) -> SessionDocument | None:
    try:
        return _read_plan(path)
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return None


def _gaze(journal: Path, look: JournalLook, plan: SessionDocument | None) -> RecentGaze | None:
    if plan is None:
        return None
    place = journal.with_name(GAZE.name)
    return recent_gaze(place, look.rows.last_spans_s, window_deg=plan.trial.fixation_window_deg)


def _of_another_session(look: JournalLook, plan: SessionDocument | None, journal: Path) -> Iterator[str]:
    if plan is None:
        return
    if look.counts.n_accepted > plan.n_presentations:
        yield (
            f"{journal}: expected at most the {plan.n_presentations:,} presentations that were planned, found "
            f"{look.counts.n_accepted:,} accepted. Synchronise the rig's output of this day."
        )
    for launch in look.rows.launches:
        if launch.session_id != plan.session_id:
            yield (
                f"{journal}: expected the journal of session {plan.session_id}, found one of {launch.session_id}. "
                "Synchronise the rig's output of this day."
            )
            return
        if launch.is_rehearsal or launch.is_training:
            kind = "a rehearsal" if launch.is_rehearsal else "a training"
            yield f"{journal}: expected a session with the animal, found {kind}, which is never data."
            return


def _notes(look: JournalLook, journal: Path) -> Iterator[str]:
    if look.n_torn_bytes:
        yield "The journal's last line is not whole yet; what is counted ends before it."
    try:
        copying = sorted(path.name for path in journal.parent.iterdir() if is_copying(path.name))
    except OSError:
        copying = []
    if copying:
        yield f"A copy is under way ({copying[0]}); what is shown is the file before it."
    drift = look.rows.drift
    if drift is not None and drift.is_large:
        yield f"{capitalized(drift.words)}: more than it should."
    if look.counts.n_rewards_failed:
        yield f"{look.counts.n_rewards_failed} rewards failed."


def _events(look: JournalLook) -> Iterator[SessionEvent]:
    """Yield launches, pauses and the recorder's rows, the latest first; minutes are of the launch that they are in."""
    found: list[SessionEvent] = []
    start_s: float | None = None
    told = look.rows.told
    for place, row in enumerate(told):
        if isinstance(row, LaunchOpened):
            start_s = row.time_s
            found.append(SessionEvent(f"launch {row.segment}", 0.0, _launch_words(row), not row.overrides))
            continue
        minute = None if start_s is None else (row.time_s - start_s) / 60
        if isinstance(row, Paused):
            end = next((later for later in told[place + 1 :] if isinstance(later, Continued | LaunchOpened)), None)
            why = row.why.removeprefix(f"{row.by}: ")
            words = f"by the {row.by}: {why}{_lasted(row, end)}"
            found.append(SessionEvent("pause", minute, words, row.by == "operator"))
        elif isinstance(row, RecordingNoted):
            is_good = row.state != "lost" and row.seen_by != "nobody"
            found.append(SessionEvent("recorder", minute, _recorder_words(row), is_good))
    yield from reversed(found)


def _lasted(pause: Paused, end: Continued | LaunchOpened | None) -> str:
    if end is None:
        return "; it lasts"
    if isinstance(end, LaunchOpened):
        return "; the rig was launched anew"
    lasted_s = end.time_s - pause.time_s
    return f"; {lasted_s:.0f} s" if lasted_s < 120 else f"; {lasted_s / 60:.0f} min"


def _launch_words(launch: LaunchOpened) -> str:
    rig = f"{launch.rig}, " if launch.rig else ""
    clock = "a virtual clock" if launch.clock == "virtual" else f"{launch.refresh_hz:.1f} Hz"
    ports = {"gaze": launch.gaze, "codes": launch.codes, "reward": launch.reward, "recorder": launch.recorder}
    said = [f"{name} {device.replace('_', ' ')}" for name, device in ports.items() if device]
    overrides = f"; overridden: {', '.join(launch.overrides)}" if launch.overrides else ""
    return f"{rig}{launch.display}, {clock}{', ' if said else ''}{', '.join(said)}{overrides}"


def _recorder_words(row: RecordingNoted) -> str:
    return f"{row.state}: {row.file} ({_SEEN_BY[row.seen_by]})"


def _utc(modified_ns: int) -> str | None:
    return f"{datetime.fromtimestamp(modified_ns / 1e9, UTC):%Y-%m-%dT%H:%M:%SZ}" if modified_ns else None


@while_unchanged()
def _valve(path: Path) -> tuple[ValveVolume | None, str]:
    try:
        rig, sha256 = read_rig(path)
    except (ClosedLoopError, OSError):  # a copy of it is a convenience: the rig's computer has the one that counts
        return None, ""
    return rig.calibrations.valve, sha256


def _reward_ml(paths: StudyPaths, launches: Sequence[LaunchOpened], counts: SessionCounts) -> float | None:
    """Add up what the confirmed openings gave, where the study's folder has the very rig.yaml of all launches."""
    place = paths.root / _RIG_FILE
    if not launches or not counts.reward_lengths or not place.is_file():
        return None
    valve, sha256 = _valve(place)
    if valve is None or any(launch.rig_sha256 != sha256 for launch in launches):
        return None
    given = [(valve.ml(length_ms), n) for length_ms, n in counts.reward_lengths.items()]
    known = [ml * n for ml, n in given if ml is not None]
    return sum(known) if len(known) == len(given) else None


def _charts(counts: SessionCounts) -> tuple[Chart, ...]:
    """Draw whole minutes: one that is not over looks as if the animal had stopped."""
    is_over = counts.doing in ("complete", "stopped")
    minutes = counts.minutes if is_over else counts.minutes[:-1]
    if len(minutes) < 2:
        return ()
    return (
        Chart(
            name="minutes",
            title="Presentations by minute of the session",
            x_label="minute",
            y_label="presentations a minute",
            x=tuple(one.minute for one in minutes),
            lines=(
                ChartLine("accepted", tuple(one.accepted for one in minutes)),
                ChartLine("rejected", tuple(one.rejected for one in minutes)),
            ),
            caption="" if is_over else f"Minute {counts.minutes[-1].minute} is drawn when it is over.",
        ),
    )
