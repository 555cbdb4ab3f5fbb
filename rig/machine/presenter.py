"""Runs trial after trial, with the intervals between them, until every planned presentation was accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from closedloop.artifacts.day.journal_rows import SessionEnded, TimeOut
from rig.display.display import BLANK
from rig.machine.launch_row import LaunchNotes, launch_row
from rig.machine.state import SessionState
from rig.machine.timeline import trial_frames
from rig.machine.trial import Apparatus, TrialPlan, TrialRunner
from rig.session.folder import Session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest

SessionOutcome = Literal["complete", "stopped"]


_NO_NOTES = LaunchNotes()


class Presenter:
    """Shows a session.

    Parameters
    ----------
    session
        What to show.
    apparatus
        With what.
    journal
        Where every event goes.
    state
        Where to begin: `rig.machine.state.fresh_state`, or `rig.machine.state.replay` of an older journal.
    n_launches
        How often the session was launched before.
    stop
        Where a stop is asked for.
    after_trial
        Called with the state and the time between trials, for a progress display.
    notes
        What the journal's launch row says beside.
    """

    def __init__(
        self,
        *,
        session: Session,
        apparatus: Apparatus,
        journal: JournalWriter,
        state: SessionState,
        n_launches: int,
        stop: StopRequest,
        after_trial: Callable[[SessionState, float], None],
        notes: LaunchNotes = _NO_NOTES,
    ) -> None:
        self._session, self._apparatus, self._journal, self._state = session, apparatus, journal, state
        self._n_launches, self._stop, self._after_trial, self._notes = n_launches, stop, after_trial, notes
        self._display, self._settings = apparatus.display, session.document.trial
        self._frames = trial_frames(self._settings, session.document.screen.refresh_hz)

    def run(self) -> SessionOutcome:
        """Show everything that is left, or until a stop.

        Raises
        ------
        SessionError
            The display drops frames again and again.
        StorageError
            The disk is full.
        """
        self._open_launch()
        if self._state.next_trial > 0:
            self._pause()
        while self._state.queue and not self._stop.requested:
            self._run_trial()
            self._after_trial(self._state, self._display.now_s())
            self._pause()
        return self._end()

    def _open_launch(self) -> None:
        notes = replace(self._notes, segment=self._n_launches)
        self._journal.write(launch_row(self._session, self._apparatus, self._state, notes))
        self._journal.sync()

    def _run_trial(self) -> None:
        taken = self._state.take(self._settings.presentations_per_trial)
        plan = TrialPlan(
            number=self._state.next_trial,
            first_ordinal=self._state.next_ordinal,
            planned=[self._session.planned[index] for index in taken],
        )
        trial = TrialRunner(
            session=self._session, apparatus=self._apparatus, journal=self._journal, stop=self._stop, plan=plan
        )
        self._state.start_trial(plan.number)
        outcome, shown = trial.run()
        self._state.settle(taken, shown)
        self._state.end_trial(outcome)
        self._journal.sync()
        self._state.refuse_dropping_display()

    def _pause(self) -> None:
        n_frames = self._frames.interval
        if self._state.misses >= self._settings.misses_before_time_out:
            self._write_time_out()
            n_frames += self._frames.time_out
        for _ in range(n_frames):
            if self._stop.requested:
                return
            self._display.flip(BLANK)

    def _write_time_out(self) -> None:
        if self._state.time_out_written:
            return
        duration_s = self._settings.time_out_ms / 1000.0
        self._journal.write(TimeOut(misses=self._state.misses, duration_s=duration_s, time_s=self._display.now_s()))
        self._state.time_out_written = True

    def _end(self) -> SessionOutcome:
        outcome: SessionOutcome = "stopped" if self._state.queue else "complete"
        self._journal.write(
            SessionEnded(outcome=outcome, n_remaining=len(self._state.queue), time_s=self._display.now_s())
        )
        self._journal.sync()
        return outcome
