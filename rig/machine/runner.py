"""Runs the machine: flips, looks, follows the table, and carries out the actions that belong to its states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from closedloop.artifacts.day.journal_rows import (
    Continued,
    SessionEnded,
    TimeOut,
    TrialBegun,
    TrialEnded,
    TrialOutcome,
    TrialStarted,
)
from closedloop.artifacts.day.session import TrialSettings
from closedloop.errors import StorageError
from rig.display.display import BLANK, Flip
from rig.machine.answers import answer_command
from rig.machine.apparatus import Apparatus, Devices
from rig.machine.between.drift import GazeDrift
from rig.machine.between.recordings import RecordingPlan
from rig.machine.between.trials import BetweenTrials
from rig.machine.course import Course
from rig.machine.endings import why_broken, why_stopped
from rig.machine.images import TrialImages, picture_in
from rig.machine.notebook import Notebook
from rig.machine.rewards import RewardLedger
from rig.machine.state import SessionState
from rig.machine.table import ACTIONS, Action, Phase, Situation, follow, is_kept, is_over
from rig.machine.timeline import trial_frames
from rig.machine.watcher import Happened, Watcher
from rig.operator.commands import Command
from rig.session.folder import Session
from rig.stop import StopRequest

_IDLE: Final = ("interval", "pause", "recalibrate")  # a stop leaves them at once


class SessionRunner:
    """Shows a session from a state on.

    Parameters
    ----------
    session
        What to show.
    apparatus
        With what.
    notebook
        Where every event goes.
    state
        What is known so far; kept up to date.
    course
        What each trial asks of the animal.
    stop
        Where a stop is asked for.
    after_trial
        Called with the state and the time after each trial.
    recording
        How it is recorded; None where nobody is told.
    """

    def __init__(
        self,
        *,
        session: Session,
        apparatus: Apparatus,
        notebook: Notebook,
        state: SessionState,
        course: Course,
        stop: StopRequest,
        after_trial: Callable[[SessionState, float], None],
        recording: RecordingPlan | None = None,
    ) -> None:
        self._session, self._apparatus, self._notebook, self._state = session, apparatus, notebook, state
        self._course, self._stop, self._after_trial = course, stop, after_trial
        self._display, self._document = apparatus.display, session.document
        self._devices = Devices(apparatus)
        self._rewards = RewardLedger(apparatus.reward.name, self._devices, notebook)
        self._between = BetweenTrials(
            apparatus, recording, devices=self._devices, notebook=notebook, state=state, idle=self._idle
        )
        self._watcher = Watcher(apparatus=apparatus, devices=self._devices, notebook=notebook, stop=stop)
        self._n_frames: dict[Phase, int] = {"start": 1, "end": 1}
        self._ask_for(course.settings)
        self._drift = GazeDrift(apparatus, notebook, window_deg=session.document.trial.fixation_window_deg)
        self._images: TrialImages | None = None
        self._code: int | None = None
        self._is_started = self._has_ended = False
        self._flip = Flip(notebook.now_s(), 1)
        self._pause: Happened | None = None
        self._paused_s = 0.0
        self._actions: Mapping[Action, Callable[[Situation], None]] = {
            "begin_trial": self._begin_trial,
            "start_trial": self._start_trial,
            "begin_image": self._begin_image,
            "close_image": self._close_image,
            "open_image": self._open_image,
            "give_reward": self._give_reward,
            "end_trial": self._end_trial,
            "note_time_out": self._note_time_out,
            "note_pause": self._note_pause,
            "note_continue": self._note_continue,
            "end_session": self._end_session,
        }

    def _ask_for(self, settings: TrialSettings) -> None:
        """Take what the trial that is about to begin asks of the animal."""
        self._settings = settings
        frames = self._frames = trial_frames(settings, self._document.screen.refresh_hz)
        self._n_frames |= {"acquire": frames.acquire, "hold": frames.hold, "on": frames.on, "off": frames.off}
        self._n_frames["interval"] = frames.interval

    def run(self) -> None:
        """Show everything that is left, or until a stop.

        Raises
        ------
        SessionError
            The display drops frames again and again; or a device failed, and nobody is there to mend it.
        StorageError
            The disk is full.
        """
        try:
            self._show_all()
        except StorageError:  # the journal is whole up to there, and takes no more
            self._show_grey()
            raise
        except Exception as error:
            self._break_off(error)
            raise
        if self._watcher.fault is not None and not self._apparatus.has_operator:
            raise self._watcher.fault

    def _show_all(self) -> None:
        first: Phase = "interval" if self._state.next_trial > 0 else "start"
        if (asked := self._between.begin()) and not self._stop.requested:
            self._pause, first = Happened("pause", "device", asked), "pause"
        situation = self._enter(Situation("abort" if self._stop.requested and first == "start" else first))
        while situation.state != "abort":
            situation = self._frame(situation)

    def _show_grey(self) -> None:
        with suppress(Exception):  # it may be the display that failed
            self._flip = self._display.flip(BLANK)
            if self._images is not None:
                self._images.count(self._flip.n_frames)

    def _idle(self) -> None:
        """Show grey for a frame while a recorder is waited for, and look at everything else."""
        self._flip = self._display.flip(BLANK)
        self._watcher.look(self._flip)

    def _break_off(self, error: Exception) -> None:
        """End what is under way, whatever failed: the journal has its end like any other."""
        self._show_grey()
        with suppress(Exception):  # a fault on top of another one: the first is what the operator is told
            if self._is_started:
                self._cut_trial()
            self._images = None
            self._state.order.end_trial()
            with suppress(Exception):
                self._await_valve()
            if not self._has_ended:
                with suppress(Exception):
                    self._between.end()
                self._write_end(why_broken(error))

    def _cut_trial(self) -> None:
        now_s = self._notebook.not_before(self._flip.time_s)
        for row in self._trial.cut(now_s, "device_error"):
            self._notebook.write(row)
            self._state.show(row)
        self._write_trial_end("stopped", now_s)

    def _frame(self, situation: Situation) -> Situation:
        """Show a state for one more flip, and return where what happened then leads."""
        is_first = situation.n_flips == 0
        code, self._code = self._code, None
        at_flip = partial(self._devices.send, code) if code is not None else None
        self._flip = self._display.flip(picture_in(situation), at_flip=at_flip)
        situation = situation.flipped()
        if self._images is not None:
            self._images.count(self._flip.n_frames)
        self._watcher.look(self._flip)
        self._drift.look(situation.state, self._watcher.samples)
        if is_first:
            self._act(ACTIONS[situation.state].after, situation)
        self._rewards.collect()
        for command in self._watcher.poll():
            if not self._drift.shift(command, situation.state):
                self._give(command)
        if situation.state in _IDLE:
            self._notebook.write_waiting()
        return self._follow(situation)

    def _follow(self, situation: Situation) -> Situation:
        """Return where the first thing that happened and changes something leads."""
        paused_by = self._pause.by if self._pause is not None and situation.state == "pause" else None
        for happened in self._watcher.happened(situation.state, self._flip.time_s, paused_by=paused_by):
            if is_kept(situation.state, happened.event):
                continue
            new = follow(situation, happened.event)
            self._answer(happened, situation, new)
            if new is situation and happened.event == "device_error":
                self._apparatus.tell(happened.why)  # paused already: whoever continues has to know what else failed
            if new is not situation:
                self._pause = happened
                return self._enter(new, after=situation)
        if situation.state == "reward" and not self._rewards.is_waiting:
            return self._enter(follow(situation, "rewarded"), after=situation)
        over = is_over(situation, self._n_frames, n_left=self._n_left(situation))
        new = follow(situation, over)
        return situation if new is situation else self._enter(new, after=situation)

    def _answer(self, happened: Happened, old: Situation, new: Situation) -> None:
        command = happened.command
        if command is None:
            return
        self._watcher.done(happened)
        if command.name == "pause" and old.state == "pause":
            self._pause = happened  # what the rig would have continued by itself now waits for the operator
        if command.name == "continue" and self._display.health():
            # Who continues from another window has the keyboard there: the rig's has to have it.
            self._display.bring_back()
        answer_command(command, has_changed=new is not old, was_paused=old.state == "pause")

    def _give(self, command: Command) -> None:
        """Give the reward that the operator asked for."""
        duration_ms = self._settings.reward_ms
        why_not = self._rewards.give(None, duration_ms)
        if why_not:
            command.refuse(why_not)
        else:
            command.answer(f"reward {duration_ms:g} ms: given")

    def _enter(self, situation: Situation, *, after: Situation | None = None) -> Situation:
        """Leave a state for another, and that at once where it has no frames, or where a stop is asked for."""
        if after is not None:
            if after.state in ("pause", "recalibrate") and situation.state != "abort":
                self._devices.mend()  # may take seconds: not for a session that ends
                self._watcher.listen_anew()
                self._between.go_on()
            self._act(ACTIONS[after.state].leaving, after)
        if situation.state in _IDLE and self._stop.requested:
            situation = follow(situation, "quit")
        # An interval of no frames still asks for a time-out, which gives it some.
        is_entered = situation.state == "interval" or self._n_frames.get(situation.state) != 0
        self._act(ACTIONS[situation.state].before if is_entered else (), situation)
        over = is_over(situation, self._n_frames, n_left=self._n_left(situation))
        return situation if over == "frame" else self._enter(follow(situation, over))

    def _n_left(self, situation: Situation) -> int:
        if situation.state == "off" and self._images is not None:
            return len(self._images.planned) - situation.slot - 1
        return len(self._state.queue)

    def _act(self, actions: tuple[Action, ...], situation: Situation) -> None:
        for action in actions:
            self._actions[action](situation)

    def _begin_trial(self, _situation: Situation) -> None:
        self._devices.ask_tracker_clock()
        trial = self._state.next_trial
        self._ask_for(self._course.settings)
        taken = self._state.start_trial(trial)
        planned = [self._session.planned[index] for index in taken]
        self._images = TrialImages(
            trial,
            planned,
            first_ordinal=self._state.next_ordinal,
            frames=self._frames,
            codes=self._document.codes,
        )
        self._display.prepare([one.image_index for one in planned])
        self._code = self._document.codes.trial(trial)
        known_s, now_s = self._between.recorded_until_s(), self._notebook.now_s()
        row = TrialBegun(trial=trial, code=self._code, time_s=now_s, asks=self._course.asks, recorded_until_s=known_s)
        self._notebook.write(row)
        self._state.order.note_recording(row)

    def _start_trial(self, _situation: Situation) -> None:
        trial, time_s = self._trial.trial, self._flip.time_s
        self._devices.start_trial(trial, time_s)
        self._watcher.watch_trial(time_s, self._settings)
        self._notebook.write(TrialStarted(trial=trial, code=self._document.codes.trial(trial), time_s=time_s))
        self._is_started = True

    def _begin_image(self, situation: Situation) -> None:
        begun = self._trial.begin(situation.slot, self._notebook.now_s())
        self._state.order.begin(begun.ordinal, begun.presentation_index)
        self._code = begun.code
        self._notebook.write(begun)

    def _open_image(self, _situation: Situation) -> None:
        self._trial.note_onset(self._flip.time_s)

    def _close_image(self, situation: Situation) -> None:
        row = self._trial.close(self._flip.time_s, situation.reason or self._watcher.reason_now)
        if row is not None:
            self._notebook.write(row)
            self._state.show(row)

    def _give_reward(self, _situation: Situation) -> None:
        self._rewards.give(self._trial.trial, self._settings.reward_ms)

    def _end_trial(self, situation: Situation) -> None:
        self._write_trial_end(situation.outcome, self._notebook.not_before(self._flip.time_s))
        self._images = None
        self._state.end_trial(situation.outcome)
        self._course.end_trial(situation.outcome)
        self._drift.end_trial(situation.outcome)
        self._notebook.sync()
        self._state.refuse_dropping_display()
        self._after_trial(self._state, self._notebook.now_s())
        self._between.after_trial()

    def _write_trial_end(self, outcome: TrialOutcome, time_s: float) -> None:
        trial = self._trial.trial
        self._notebook.write(
            TrialEnded(trial=trial, outcome=outcome, reward_ms=self._rewards.confirmed_ms(trial), time_s=time_s)
        )
        self._is_started = False

    def _note_time_out(self, _situation: Situation) -> None:
        trial = self._settings
        self._n_frames["interval"] = self._frames.interval
        if self._state.misses < trial.misses_before_time_out:
            return
        self._n_frames["interval"] += self._frames.time_out
        if not self._state.time_out_written:
            row = TimeOut(
                misses=self._state.misses, duration_s=trial.time_out_ms / 1000.0, time_s=self._notebook.now_s()
            )
            self._notebook.write(row)
            self._state.time_out_written = True

    def _note_pause(self, _situation: Situation) -> None:
        pause = self._pause
        if pause is None:
            raise ValueError("expected a reason for a pause")
        row = self._watcher.paused_row(pause)
        self._notebook.write(row)
        self._paused_s = row.time_s
        if pause.event == "recalibrate":
            self._drift.check()
        self._notebook.sync()
        if pause.by != "operator":
            self._apparatus.tell(f"paused: {pause.why}")

    def _note_continue(self, _situation: Situation) -> None:
        now_s = self._notebook.now_s()
        self._notebook.write(Continued(time_s=now_s))
        self._state.paused_s += now_s - self._paused_s
        self._state.forget_drops()

    def _end_session(self, _situation: Situation) -> None:
        self._await_valve()
        self._between.end()
        self._write_end(why_stopped(self._pause, self._stop))

    def _write_end(self, why: str | None) -> None:
        self._notebook.end_gaze()
        n_left, order = len(self._state.queue), self._state.order
        n_near = order.n_twins_too_near if self._document.twins is not None else None
        self._notebook.write(
            SessionEnded(
                outcome="stopped" if n_left else "complete",
                n_remaining=n_left,
                n_twins_too_near=n_near,
                stopped_by=why if n_left else None,
                time_s=self._notebook.now_s(),
            )
        )
        self._has_ended = True
        self._notebook.sync()
        if n_near and self._document.twins is not None:
            self._apparatus.tell(
                f"{n_near} presentation{' was' if n_near == 1 else 's were'} accepted closer to a twin than the "
                f"{self._document.twins.least_presentations} presentations planned: there were no others left between."
            )

    def _await_valve(self) -> None:
        """Show grey until the valve has confirmed what it was told: what it gave is to be counted."""
        while self._rewards.is_waiting:
            self._display.flip(BLANK)
            self._rewards.collect()
        fault = self._devices.take_fault()
        if fault is not None:
            self._apparatus.tell(str(fault))

    @property
    def _trial(self) -> TrialImages:
        if self._images is None:
            raise ValueError("expected a trial under way")
        return self._images
