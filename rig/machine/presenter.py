"""Runs trial after trial, with the intervals between them, until every planned presentation was accepted."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version
from typing import Literal

from closedloop.artifacts.day.journal_rows import (
    Commanded,
    Continued,
    LaunchOpened,
    Paused,
    SessionEnded,
    TimeOut,
)
from rig.display.display import BLANK
from rig.machine.state import SessionState
from rig.machine.timeline import trial_frames
from rig.machine.trial import Apparatus, TrialPlan, TrialRunner
from rig.operator.commands import Command, Commands, NoCommands
from rig.session.folder import Session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest

SessionOutcome = Literal["complete", "stopped"]


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
    commands
        What the operator asks; None for nobody.
    is_rehearsal
        Whether the journal is marked as never data.
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
        commands: Commands | None = None,
        is_rehearsal: bool = False,
    ) -> None:
        self._commands: Commands = commands or NoCommands()
        self._is_rehearsal = is_rehearsal
        self._session, self._apparatus, self._journal, self._state = session, apparatus, journal, state
        self._n_launches, self._stop, self._after_trial = n_launches, stop, after_trial
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
        document = self._session.document
        self._journal.write(
            LaunchOpened(
                segment=self._n_launches,
                session_id=document.session_id,
                simulated=document.simulated,
                display=self._display.name,
                clock=self._display.clock_kind,
                refresh_hz=self._display.refresh_hz,
                first_ordinal=self._state.next_ordinal,
                first_trial=self._state.next_trial,
                time_s=self._display.now_s(),
                utc=self._display.utc(),
                pacing=self._display.facts.pacing,
                gaze=self._apparatus.gaze.name,
                codes=self._apparatus.codes.transport,
                is_rehearsal=self._is_rehearsal,
                versions=_versions() | self._display.facts.versions,
            )
        )
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
            self._obey()

    def _obey(self) -> None:
        for command in self._commands.poll():
            self._note(command)
            if command.name == "pause":
                self._stay_paused(command)
            elif command.name == "reward":
                self._reward(command)
            elif command.name == "quit":
                self._stop.ask()
            else:
                command.answer("nothing to do between trials")

    def _note(self, command: Command) -> None:
        self._journal.write(Commanded(command=command.name, origin=command.origin, time_s=self._display.now_s()))

    def _stay_paused(self, first: Command) -> None:
        why = f"asked by {'a key' if first.origin == 'key' else 'a terminal'}"
        self._journal.write(Paused(by="operator", why=why, time_s=self._display.now_s()))
        self._journal.sync()
        first.answer("paused")
        while not self._stop.requested:
            self._display.flip(BLANK)
            for command in self._commands.poll():
                self._note(command)
                if command.name == "continue":
                    self._journal.write(Continued(time_s=self._display.now_s()))
                    command.answer("continued")
                    return
                if command.name == "reward":
                    self._reward(command)
                elif command.name == "quit":
                    self._stop.ask()
                else:
                    command.answer("the session is paused")

    def _reward(self, command: Command) -> None:
        duration_ms = self._settings.reward_ms
        self._apparatus.reward.give(duration_ms)
        command.answer(f"reward of {duration_ms:g} ms given")

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


def _versions() -> dict[str, str]:
    return {"rig": version("closedloop"), "python": platform.python_version()}
