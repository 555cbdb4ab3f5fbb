"""What is known of a session so far, kept by the same functions while it runs and when a journal is replayed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    LaunchOpened,
    Presentation,
    TimeOut,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.presentation_queue import settle_queue
from closedloop.errors import SessionError
from rig.session.folder import Session

MAX_DROPS_IN_A_ROW = 20  # a display that fails this often will not get better by trying
MAX_DROPS_OF_ONE = 10


@dataclass
class SessionState:
    """The queue and the counters.

    Attributes
    ----------
    seed
        Decides where a rejected presentation is requeued.
    queue
        presentation_index of what is still to be shown, the next one first.
    n_rejections
        How often each presentation was rejected.
    drops, drops_in_a_row
        How often each was rejected for dropped frames; how many presentations in a row were.
    next_ordinal, next_trial, n_accepted
        Counters over the whole session.
    misses
        Trials in a row that were ignored or broken.
    time_out_written
        The time-out for too many misses is in the journal already.
    """

    seed: int
    queue: list[int]
    n_rejections: Counter[int] = field(default_factory=Counter)
    drops: Counter[int] = field(default_factory=Counter)
    drops_in_a_row: int = 0
    next_ordinal: int = 0
    next_trial: int = 0
    n_accepted: int = 0
    misses: int = 0
    time_out_written: bool = False

    def take(self, n: int) -> list[int]:
        """Take the presentations of the next trial from the front of the queue."""
        taken, self.queue = self.queue[:n], self.queue[n:]
        return taken

    def start_trial(self, trial: int) -> None:
        """Count a trial; a pause before it is over."""
        self.next_trial = trial + 1
        if self.time_out_written:
            self.misses, self.time_out_written = 0, False

    def settle(self, taken: Sequence[int], shown: Sequence[Presentation]) -> None:
        """Requeue what a trial did not get accepted, see `settle_queue`.

        Parameters
        ----------
        taken
            presentation_index of what the trial was to show, in order.
        shown
            What it showed, in order; may be less.
        """
        self.queue = settle_queue(self.queue, taken, shown, n_rejections=self.n_rejections, seed=self.seed)
        for row in shown:
            self.next_ordinal = row.ordinal + 1
            if row.outcome == "accepted":
                self.n_accepted += 1
                self.drops_in_a_row = 0
            else:
                self._count_drop(row)

    def end_trial(self, outcome: str) -> None:
        """Count misses: trials ignored or broken, until one is completed."""
        if outcome == "completed":
            self.misses = 0
        elif outcome in ("ignored", "broken"):
            self.misses += 1

    def _count_drop(self, row: Presentation) -> None:
        if row.reason == "frames_dropped":
            self.drops[row.presentation_index] += 1
            self.drops_in_a_row += 1

    def refuse_dropping_display(self) -> None:
        """Refuse a display that shows images for other times than planned, again and again.

        Raises
        ------
        SessionError
            Too many presentations in a row, or one of them too often, had dropped frames.
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
    return SessionState(seed=session.document.seed, queue=list(range(len(session.planned))))


def replay(session: Session, rows: Iterable[JournalRow]) -> SessionState:
    """Return the state after the rows of a journal.

    A trial without an end is settled with what it showed, as if it had been stopped.

    Raises
    ------
    SessionError
        The journal was written for another session folder.
    """
    state = fresh_state(session)
    n = session.document.trial.presentations_per_trial
    taken: list[int] = []
    shown: list[Presentation] = []
    for row in rows:
        match row:
            case TrialStarted():
                state.settle(taken, shown)
                state.start_trial(row.trial)
                taken, shown = state.take(n), []
            case Presentation():
                _refuse_other_session(session, row, taken[len(shown) : len(shown) + 1])
                shown.append(row)
            case TrialEnded():
                state.settle(taken, shown)
                state.end_trial(row.outcome)
                taken, shown = [], []
            case TimeOut():
                state.time_out_written = True
            case LaunchOpened(clock="real"):
                state.settle(taken, shown)
                taken, shown = [], []
                # Dropped frames are counted from the launch on: the operator has repaired the display since.
                state.drops.clear()
                state.drops_in_a_row = 0
    state.settle(taken, shown)
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
    planned = session.planned[expected[0]] if expected else None
    found = (row.presentation_index, row.image_index, row.stimulus_id)
    if planned is None or found != (planned.presentation_index, planned.image_index, planned.stimulus_id):
        raise SessionError(
            f"journal, presentation {row.ordinal}: expected presentation {expected[0] if expected else 'none'} of "
            f"{session.folder}, found {row.presentation_index} ({row.stimulus_id}). "
            "The journal was begun with another session folder; choose another --out."
        )
