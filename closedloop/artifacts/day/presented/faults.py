"""What is wrong with a journal's row after those before it, with a plan or without."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from closedloop.artifacts.day.journal_rows import (
    Continued,
    JournalRow,
    LaunchOpened,
    Paused,
    Presentation,
    PresentationBegun,
    RecordingNoted,
    SessionEnded,
    TrialBegun,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.presented.launch_times import goes_on, last_s
from closedloop.artifacts.day.presented.order import PresentationOrder
from closedloop.artifacts.day.session import SessionDocument

_RATE_TOLERANCE = 0.05  # 59.94 Hz is 60 Hz; 75 Hz is another display
MOST_OF_A_TRIAL = 10_000  # presentations, see `protocol.numbers.PresentationsOfTrial`


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


@dataclass
class JournalSoFar:
    """What the lines before say; with them it is known what is wrong with the next one.

    Attributes
    ----------
    order
        What is still to be shown; None without a plan.
    launch
        The last one.
    n_trials, n_presentations
        Begun in all.
    trial
        The one under way; None between trials.
    trial_begun, begun
        The trial, and the presentation, that were begun and have not come on.
    n_shown
        Presentations of the trial under way.
    time_s, screen_s
        Time of the last row, and when the screen changed last.
    """

    plan: PlannedSession | None
    order: PresentationOrder | None = field(init=False)
    launch: LaunchOpened | None = None
    n_launches: int = 0
    n_trials: int = 0
    n_presentations: int = 0
    trial: int | None = None
    trial_begun: TrialBegun | None = None
    begun: list[PresentationBegun] = field(default_factory=list)
    n_shown: int = 0
    is_paused: bool = False
    time_s: float = -math.inf
    screen_s: float = -math.inf
    has_ended: bool = False

    def __post_init__(self) -> None:
        self.order = PresentationOrder(self.plan.document, self.plan.image_index) if self.plan is not None else None

    def faults(self, row: JournalRow) -> Iterator[str]:
        """Yield what is wrong with a row after those before."""
        return _faults(self, row)

    def count(self, row: JournalRow) -> None:
        """Add a row that agrees with those before."""
        _count(self, row)

    @property
    def counts_frames(self) -> bool:
        """Whether the rig counted frames by itself, so that the software's times need not agree with them."""
        return self.launch is not None and self.launch.frame_counter not in (None, "virtual")


def _faults(so_far: JournalSoFar, row: JournalRow) -> Iterator[str]:
    """Yield what is wrong with a row after those before."""
    if so_far.has_ended:
        yield f"expected nothing after the session's end, found {row.event}"
    if isinstance(row, LaunchOpened):
        yield from _launch_faults(so_far, row)
        return
    if so_far.launch is None:
        yield f"expected the launch of a session, found {row.event}"
    match row:
        case TrialBegun() | TrialStarted():
            yield from _start_faults(so_far, row)
            if isinstance(row, TrialBegun):
                yield from _recorded_faults(row.recorded_until_s, row.time_s)
        case RecordingNoted():
            yield from _recorded_faults(row.unrecorded_from_s, row.time_s)
            if row.state == "started" and row.unrecorded_from_s is not None:
                yield "expected unrecorded_from_s of a recording that ended, found it of one that started"
        case PresentationBegun():
            yield from _begin_faults(so_far, row)
        case Presentation():
            yield from _presentation_faults(so_far, row)
            yield from _frame_faults(so_far, row)
            yield from _plan_faults(so_far, row)
        case TrialEnded():
            yield from _end_faults(so_far, row)
        case Paused() | Continued():
            yield from _pause_faults(so_far, row)
        case SessionEnded():
            yield from _session_faults(so_far, row)
    yield from _time_faults(so_far, row)


def _time_faults(so_far: JournalSoFar, row: JournalRow) -> Iterator[str]:
    """Yield where a time goes back: an image came on after the one before went off, its row after all rows before."""
    if isinstance(row, Presentation) and row.onset_s < so_far.screen_s:
        yield f"expected a time from {so_far.screen_s:.6f} s on, found {row.onset_s:.6f} s"
    time_s = row.offset_s if isinstance(row, Presentation) else row.time_s
    if time_s < so_far.time_s:
        yield f"expected a time from {so_far.time_s:.6f} s on, found {time_s:.6f} s"


def _launch_faults(so_far: JournalSoFar, row: LaunchOpened) -> Iterator[str]:
    yield from _difference("launch", so_far.n_launches, row.segment)
    if not _leaves_out(so_far, row):
        yield from _difference("first ordinal", so_far.n_presentations, row.first_ordinal)
        yield from _difference("first trial", so_far.n_trials, row.first_trial)
    if so_far.launch is not None:
        yield from _difference("session", so_far.launch.session_id, row.session_id)
        if None not in (so_far.launch.plan_sha256, row.plan_sha256) and row.clock == "real":
            yield from _difference("plan", so_far.launch.plan_sha256, row.plan_sha256)
        if goes_on(so_far.launch, row) and row.time_s < so_far.time_s:
            yield f"expected a time from {so_far.time_s:.6f} s on, by the same clock, found {row.time_s:.6f} s"
    if so_far.plan is None:
        return
    session, planned_hz = so_far.plan.document, so_far.plan.document.screen.refresh_hz
    yield from _difference("session", session.session_id, row.session_id)
    if row.simulated != session.simulated:
        kinds = {True: "a simulated session", False: "a session with an animal"}
        yield f"expected {kinds[session.simulated]}, found {kinds[row.simulated]}"
    if abs(row.refresh_hz - planned_hz) > _RATE_TOLERANCE * planned_hz:
        yield f"expected {planned_hz:g} frames per second, found {row.refresh_hz:g}"


def _leaves_out(so_far: JournalSoFar, row: LaunchOpened) -> bool:
    """Return whether a launch leaves out the numbers of a trial whose lines a power cut may have taken."""
    earlier = so_far.launch
    if earlier is None or row.clock != "real" or None in (earlier.boot_id, row.boot_id):
        return False
    n_ordinals, n_trials = row.first_ordinal - so_far.n_presentations, row.first_trial - so_far.n_trials
    return row.boot_id != earlier.boot_id and n_trials == 1 and 0 < n_ordinals <= MOST_OF_A_TRIAL


def _start_faults(so_far: JournalSoFar, row: TrialBegun | TrialStarted) -> Iterator[str]:
    if so_far.trial is not None:
        yield f"expected the end of trial {so_far.trial}, found the start of trial {row.trial}"
    if so_far.is_paused:
        yield f"expected the end of the pause, found the start of trial {row.trial}"
    begun = so_far.trial_begun
    if isinstance(row, TrialStarted) and begun is not None:
        yield from _difference("trial", begun.trial, row.trial)
        yield from _difference("code", begun.code, row.code)
    else:
        yield from _difference("trial", so_far.n_trials, row.trial)
    if so_far.plan is not None and so_far.order is not None:
        yield from _difference("code", so_far.plan.document.codes.trial(row.trial), row.code)
        if not so_far.order.queue:
            yield f"expected the session's end, everything being shown, found the start of trial {row.trial}"


def _recorded_faults(known_s: float | None, time_s: float) -> Iterator[str]:
    """Yield where a recorder is said to be known to have recorded what is yet to come."""
    if known_s is not None and not known_s <= time_s:
        yield f"expected the recorder to be known to have recorded up to {time_s:.6f} s at most, found {known_s:.6f} s"


def _begin_faults(so_far: JournalSoFar, row: PresentationBegun) -> Iterator[str]:
    yield from _difference("ordinal", so_far.n_presentations, row.ordinal)
    if so_far.trial is None:
        yield "expected an image within a trial, found one between trials"
    yield from _difference("trial", so_far.trial, row.trial)
    yield from _difference("place in its trial", so_far.n_shown + len(so_far.begun), row.position)
    if so_far.plan is None or so_far.order is None:
        return
    if so_far.order.n_begun >= len(so_far.order.taken):
        yield f"expected the end of trial {row.trial} after {len(so_far.order.taken)} images, found another"
        return
    index = so_far.order.taken[so_far.order.n_begun]
    yield from _difference("presentation_index (the session's order at this place)", index, row.presentation_index)
    yield from _difference("code", so_far.plan.document.codes.presentation(row.ordinal), row.code)


def _presentation_faults(so_far: JournalSoFar, row: Presentation) -> Iterator[str]:
    begun = so_far.begun[0] if so_far.begun else None
    if begun is not None:
        for name in ("ordinal", "presentation_index", "code"):
            yield from _difference(name, getattr(begun, name), getattr(row, name))
    else:
        yield from _difference("ordinal", so_far.n_presentations, row.ordinal)
    if so_far.trial is None:
        yield "expected an image within a trial, found one between trials"
    yield from _difference("trial", so_far.trial, row.trial)
    yield from _difference("place in its trial", so_far.n_shown, row.position)
    if row.offset_s < row.onset_s:
        yield f"expected an offset after the onset at {row.onset_s:.6f} s, found {row.offset_s:.6f} s"
    if (row.outcome == "accepted") != (row.reason is None):
        yield f"expected a reason exactly for a rejected image, found {row.outcome} with reason {row.reason}"


def _frame_faults(so_far: JournalSoFar, row: Presentation) -> Iterator[str]:
    if so_far.launch is not None and not so_far.counts_frames:
        frames = (row.offset_s - row.onset_s) * so_far.launch.refresh_hz
        if math.isfinite(frames):
            yield from _difference("frames between onset and offset", row.on_frames, round(frames))
        else:
            yield f"expected {row.on_frames} frames between onset and offset, found more than can be counted"
    counts_grey = so_far.launch is not None and so_far.launch.frame_counter is not None
    if counts_grey and (row.grey_frames is None) == (row.position > 0):
        yield f"expected grey_frames for every image of a trial but its first, found {row.grey_frames}"
    if row.counted_when_shown:
        yield from _difference("frames of an accepted image", row.planned_on_frames, row.on_frames)
        if row.grey_frames is not None:
            yield from _difference("frames of grey before an accepted image", row.planned_off_frames, row.grey_frames)


def _plan_faults(so_far: JournalSoFar, row: Presentation) -> Iterator[str]:
    plan, order = so_far.plan, so_far.order
    if plan is None or order is None:
        return
    if so_far.n_shown >= len(order.taken):
        yield f"expected the end of trial {row.trial} after {len(order.taken)} images, found another"
        return
    index = order.taken[so_far.n_shown]
    yield from _difference("presentation_index (the session's order at this place)", index, row.presentation_index)
    expected, found = plan.describe(index), (row.image_index, row.stimulus_id, row.repetition)
    if found != expected:
        names = "image {}, stimulus {}, repetition {}"
        yield f"expected {names.format(*expected)} as presentation {index} of the plan, found {names.format(*found)}"
    yield from _difference("code", plan.document.codes.presentation(row.ordinal), row.code)
    trial = plan.document.trial
    yield from _difference("planned frames on", trial.on_frames, row.planned_on_frames)
    yield from _difference("planned frames off", trial.off_frames, row.planned_off_frames)


def _end_faults(so_far: JournalSoFar, row: TrialEnded) -> Iterator[str]:
    if so_far.trial is None:
        yield f"expected a trial to have started, found the end of trial {row.trial}"
    yield from _difference("end of trial", so_far.trial, row.trial)
    if so_far.begun:
        yield f"expected what became of presentation {so_far.begun[0].ordinal}, found the end of trial {row.trial}"
    if so_far.order is not None and row.outcome == "completed":
        yield from _difference("images in a completed trial", len(so_far.order.taken), so_far.n_shown)


def _pause_faults(so_far: JournalSoFar, row: Paused | Continued) -> Iterator[str]:
    if so_far.trial is not None:
        yield f"expected the end of trial {so_far.trial}, found {row.event}"
    if so_far.is_paused == isinstance(row, Paused):
        yield f"expected {'the end of a pause' if so_far.is_paused else 'a pause'} before, found {row.event}"


def _session_faults(so_far: JournalSoFar, row: SessionEnded) -> Iterator[str]:
    if so_far.trial is not None:
        yield f"expected the end of trial {so_far.trial}, found the session's"
    if (row.outcome == "complete") != (row.n_remaining == 0):
        yield f"expected a complete session exactly where nothing is left, found {row.outcome} with {row.n_remaining}"
    if so_far.plan is not None and so_far.order is not None:
        n_left = len(so_far.plan.image_index) - so_far.order.n_accepted
        yield from _difference("presentations left", n_left, row.n_remaining)
        if row.n_twins_too_near is not None:
            yield from _difference("presentations near a twin", so_far.order.n_twins_too_near, row.n_twins_too_near)


def _difference(what: str, expected: object, found: object) -> Iterator[str]:
    if found != expected:
        yield f"expected {what} {expected}, found {found}"


def _count(so_far: JournalSoFar, row: JournalRow) -> None:
    """Add a row that agrees with those before."""
    match row:
        case LaunchOpened():
            _settle(so_far)
            if so_far.order is not None and row.clock == "real":
                so_far.order.open_launch(row)
            so_far.launch, so_far.n_launches = row, so_far.n_launches + 1
            so_far.n_trials, so_far.n_presentations = row.first_trial, row.first_ordinal
            so_far.is_paused, so_far.screen_s = False, -math.inf
        case TrialBegun():
            so_far.trial_begun, so_far.n_trials = row, row.trial + 1
            _follow_recording(so_far, row)
        case RecordingNoted():
            _follow_recording(so_far, row)
        case TrialStarted():
            _settle(so_far)
            so_far.trial, so_far.n_trials, so_far.screen_s = row.trial, row.trial + 1, row.time_s
            if so_far.order is not None:
                so_far.order.start_trial()
        case PresentationBegun():
            _begin(so_far, row.ordinal, row.presentation_index)
            so_far.begun.append(row)
        case Presentation():
            _show(so_far, row)
        case TrialEnded():
            _settle(so_far)
        case Paused() | Continued():
            so_far.is_paused = isinstance(row, Paused)
        case SessionEnded():
            so_far.has_ended = True
    so_far.time_s = last_s(row)


def _follow_recording(so_far: JournalSoFar, row: TrialBegun | RecordingNoted) -> None:
    if so_far.order is not None:
        so_far.order.note_recording(row)


def _begin(so_far: JournalSoFar, ordinal: int, presentation_index: int) -> None:
    so_far.n_presentations = ordinal + 1
    if so_far.order is not None:
        so_far.order.begin(ordinal, presentation_index)


def _show(so_far: JournalSoFar, row: Presentation) -> None:
    if so_far.begun:
        so_far.begun.pop(0)
    else:  # a rig of version 0.1 wrote no row before
        _begin(so_far, row.ordinal, row.presentation_index)
    so_far.n_shown += 1
    so_far.screen_s = row.offset_s
    if row.counted_when_shown and so_far.order is not None:
        so_far.order.accept(row.presentation_index)
        so_far.order.note_recording(row)


def _settle(so_far: JournalSoFar) -> None:
    """Close the trial under way, as the rig does: a killed one at its next launch."""
    if so_far.order is not None:
        so_far.order.end_trial()
    so_far.trial, so_far.trial_begun, so_far.begun, so_far.n_shown = None, None, [], 0
