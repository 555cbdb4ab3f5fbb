"""What is known of a session so far, kept by the same functions while it runs and when a journal is replayed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    LaunchOpened,
    Presentation,
    PresentationBegun,
    RecordingNoted,
    TimeOut,
    TrialBegun,
    TrialEnded,
    TrialOutcome,
    TrialStarted,
)
from closedloop.artifacts.day.presented.order import PresentationOrder
from closedloop.artifacts.day.session import SessionDocument
from closedloop.errors import SessionError
from rig.session.folder import Session

MAX_DROPS_IN_A_ROW = 20  # a display that fails this often will not get better by trying
MAX_DROPS_OF_ONE = 10

_WRONG_FRAMES = ("frames_dropped", "grey_frames_wrong")


class SessionState:
    """The order of what is left, and the counters.

    Parameters
    ----------
    document
        The session's settings.
    image_index
        Image of each planned presentation.

    Attributes
    ----------
    order
        What is still to be shown, and what was begun.
    drops, drops_in_a_row
        How often each was rejected for wrong frames; how many presentations in a row were.
    next_trial
        Count of trials begun.
    misses
        Trials in a row that were ignored or broken.
    time_out_written
        The time-out for too many misses is in the journal already.
    paused_s
        How long this launch was paused in all, seconds; counted when a pause is over.
    """

    def __init__(self, document: SessionDocument, image_index: Sequence[int]) -> None:
        self.order = PresentationOrder(document, image_index)
        self.drops: Counter[int] = Counter()
        self.drops_in_a_row = 0
        self.next_trial = 0
        self.misses = 0
        self.time_out_written = False
        self.paused_s = 0.0

    @property
    def queue(self) -> list[int]:
        """presentation_index of what is to be shown after the trial under way, the next one first."""
        return self.order.queue

    @property
    def n_rejections(self) -> Counter[int]:
        """How often each presentation was rejected."""
        return self.order.n_rejections

    @property
    def n_accepted(self) -> int:
        """Presentations accepted."""
        return self.order.n_accepted

    @property
    def next_ordinal(self) -> int:
        """Presentations begun: no ordinal below is ever used again."""
        return self.order.next_ordinal

    def begin_trial(self, trial: int) -> None:
        """Count a trial whose code may be sent from here on."""
        self.next_trial = trial + 1

    def start_trial(self, trial: int) -> list[int]:
        """Begin a trial, and return what it is to show; a time-out before it is over."""
        self.next_trial = trial + 1
        if self.time_out_written:
            self.misses, self.time_out_written = 0, False
        return self.order.start_trial()

    def show(self, row: Presentation) -> None:
        """Count a presentation that went off."""
        if row.counted_when_shown:
            self.order.accept(row.presentation_index)
            self.order.note_recording(row)
            self.drops_in_a_row = 0
        elif row.reason in _WRONG_FRAMES:
            self.drops[row.presentation_index] += 1
            self.drops_in_a_row += 1

    def end_trial(self, outcome: TrialOutcome) -> None:
        """Requeue what a trial did not get accepted, and count misses: trials ignored or broken until one is not."""
        self.order.end_trial()
        if outcome == "completed":
            self.misses = 0
        elif outcome in ("ignored", "broken"):
            self.misses += 1

    def leave_out_a_trial(self, n_presentations: int) -> None:
        """Leave out the numbers of a trial that may have been begun without a line of it being left."""
        self.order.next_ordinal += n_presentations
        self.next_trial += 1

    def forget_drops(self) -> None:
        """Count wrong frames from here on: the operator has seen to the display."""
        self.drops.clear()
        self.drops_in_a_row = 0

    def refuse_dropping_display(self) -> None:
        """Refuse a display that shows images for other times than planned, again and again.

        Raises
        ------
        SessionError
            Too many presentations in a row, or one of them too often, had wrong frames.
        """
        worst = max(self.drops.values(), default=0)
        if self.drops_in_a_row < MAX_DROPS_IN_A_ROW and worst < MAX_DROPS_OF_ONE:
            return
        raise SessionError(
            f"display: expected the planned number of frames, found another for {self.drops_in_a_row} presentations "
            f"in a row, {worst} times for one. Close other programs, run `rig check`, then present with --resume."
        )


def fresh_state(session: Session) -> SessionState:
    """Return the state before the first trial."""
    return SessionState(session.document, [planned.image_index for planned in session.planned])


def replay(session: Session, rows: Iterable[JournalRow]) -> SessionState:
    """Return the state after the rows of a journal.

    A trial without an end is settled with what it showed, as if it had been stopped; an image that was begun in it and
    of which no row tells more is rejected.

    Raises
    ------
    SessionError
        The journal was written for another session folder.
    """
    state = fresh_state(session)
    order = state.order
    begun: set[int] = set()
    for row in rows:
        match row:
            case TrialBegun():
                state.begin_trial(row.trial)
                order.note_recording(row)
            case RecordingNoted():
                order.note_recording(row)
            case TrialStarted():
                state.start_trial(row.trial)
            case PresentationBegun():
                order.begin(row.ordinal, row.presentation_index)
                begun.add(row.ordinal)
            case Presentation():
                if row.ordinal not in begun:  # a rig of version 0.1 wrote no row before
                    _refuse_other_session(session, row, order.taken[order.n_begun : order.n_begun + 1])
                    order.begin(row.ordinal, row.presentation_index)
                _refuse_other_session(session, row, [row.presentation_index])
                state.show(row)
            case TrialEnded():
                state.end_trial(row.outcome)
            case TimeOut():
                state.time_out_written = True
            case LaunchOpened(clock="real"):
                order.open_launch(row)
                state.next_trial = row.first_trial
                state.forget_drops()
    order.end_trial()
    return state


def finished_rows(rows: Sequence[JournalRow]) -> list[JournalRow]:
    """Return the rows up to the last finished trial and what follows from it: what counts on a virtual clock."""
    last = max(
        (i for i, row in enumerate(rows) if isinstance(row, TrialEnded) and row.outcome != "stopped"), default=-1
    )
    following = [row for row in rows[last + 1 :] if isinstance(row, TimeOut)]
    return [*rows[: last + 1], *following]


def last_end_s(rows: Iterable[JournalRow]) -> float:
    """Return when the last trial ended, in seconds; zero before the first."""
    ends = [row.time_s for row in rows if isinstance(row, TrialEnded)]
    return ends[-1] if ends else 0.0


def _refuse_other_session(session: Session, row: Presentation, expected: Sequence[int]) -> None:
    planned = session.planned[expected[0]] if expected and expected[0] < len(session.planned) else None
    found = (row.presentation_index, row.image_index, row.stimulus_id)
    if planned is None or found != (planned.presentation_index, planned.image_index, planned.stimulus_id):
        raise SessionError(
            f"journal, presentation {row.ordinal}: expected presentation {expected[0] if expected else 'none'} of "
            f"{session.folder}, found {row.presentation_index} ({row.stimulus_id}). "
            "The journal was begun with another session folder; choose another --out."
        )
