"""The trial: acquire, hold, on / off x n, reward, interval; accept, reject, put back.

One state machine for every display, counted in frames of flips. After each flip the gaze is sampled and a stop is
looked for; either ends the trial at the next flip. A presentation is accepted when its image lasted its planned number
of frames and fixation lasted until the image went off; what was completed before a break stays accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from closedloop.artifacts.day.journal import (
    Presentation,
    RejectionReason,
    SegmentOpened,
    SessionEnded,
    TimeOut,
    TrialEnded,
    TrialStarted,
)
from rig.display.display import BLANK, FIXATION, Display, Picture
from rig.machine.fixation import FixationWindow
from rig.machine.state import SessionState
from rig.machine.timeline import image_frames, trial_frames
from rig.ports.codes import CodePort
from rig.ports.gaze import Gaze
from rig.ports.recorder import Recorder
from rig.ports.reward import Reward
from rig.session.folder import PlannedPresentation, Session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest

TrialOutcome = Literal["completed", "broken", "ignored", "stopped"]
SessionOutcome = Literal["complete", "stopped"]

_REASON: dict[TrialOutcome, RejectionReason] = {"broken": "fixation_broken", "stopped": "session_stopped"}


@dataclass(frozen=True)
class Apparatus:
    """The ports of a rig."""

    display: Display
    gaze: Gaze
    reward: Reward
    codes: CodePort
    recorder: Recorder


@dataclass(frozen=True)
class _Running:
    """An image that is up."""

    planned: PlannedPresentation
    slot: int
    ordinal: int
    code: int
    onset_s: float


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
    segment
        How often the session was begun before.
    stop
        Somebody may ask for a stop here.
    after_trial
        Called with the state and the time between trials, for a progress display.
    """

    def __init__(
        self,
        *,
        session: Session,
        apparatus: Apparatus,
        journal: JournalWriter,
        state: SessionState,
        segment: int,
        stop: StopRequest,
        after_trial: Callable[[SessionState, float], None],
    ) -> None:
        self._session, self._apparatus, self._journal, self._state = session, apparatus, journal, state
        self._segment, self._stop, self._after_trial = segment, stop, after_trial
        self._display, self._settings = apparatus.display, session.document.trial
        self._frames = trial_frames(self._settings, session.document.screen.refresh_hz)
        self._window = FixationWindow(
            radius_deg=self._settings.fixation_window_deg, n_samples=self._settings.saccade_boxcar_samples
        )
        self._trial = state.next_trial
        self._running: _Running | None = None
        self._shown: list[Presentation] = []

    def run(self) -> SessionOutcome:
        """Show everything that is left, or until a stop.

        Raises
        ------
        SessionError
            The display drops frames again and again.
        StorageError
            The disk is full.
        """
        self._open_segment()
        if self._state.next_trial > 0:
            self._pause()
        while self._state.queue and not self._stop.requested:
            self._run_trial()
            self._after_trial(self._state, self._display.now_s())
            self._pause()
        return self._end()

    def _open_segment(self) -> None:
        document = self._session.document
        self._journal.write(
            SegmentOpened(
                segment=self._segment,
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
            )
        )
        self._journal.sync()

    def _run_trial(self) -> None:
        taken = self._state.take(self._settings.presentations_per_trial)
        self._start_trial(taken)
        outcome = self._watch(taken)
        end_s = self._flip(BLANK)
        self._close_presentation(end_s, _REASON.get(outcome))
        self._end_trial(outcome, end_s)
        self._state.settle(taken, self._shown)
        self._state.end_trial(outcome)
        self._journal.sync()
        self._state.refuse_dropping_display()

    def _start_trial(self, taken: Sequence[int]) -> None:
        self._trial, self._shown = self._state.next_trial, []
        self._display.prepare([self._session.planned[index].image_index for index in taken])
        self._window.clear()
        code = self._session.document.codes.trial(self._trial)
        time_s = self._flip(FIXATION, code=code)
        self._apparatus.gaze.start_trial(self._trial, time_s)
        self._state.start_trial(self._trial)
        self._journal.write(TrialStarted(trial=self._trial, code=code, time_s=time_s))

    def _watch(self, taken: Sequence[int]) -> TrialOutcome:
        for phase in (self._acquire, self._hold, partial(self._show, taken)):
            fault = phase()
            if fault is not None:
                return fault
        return "completed"

    def _acquire(self) -> TrialOutcome | None:
        for _ in range(self._frames.acquire):
            self._sample(self._flip(FIXATION))
            if self._stop.requested:
                return "stopped"
            if self._window.acquired:
                return None
        return "ignored"

    def _hold(self) -> TrialOutcome | None:
        for _ in range(self._frames.hold):
            fault = self._fault(self._flip(FIXATION))
            if fault is not None:
                return fault
        return None

    def _show(self, taken: Sequence[int]) -> TrialOutcome | None:
        for picture in image_frames(len(taken), self._frames):
            fault = self._fault(self._show_frame(picture, taken))
            if fault is not None:
                return fault
        return None

    def _show_frame(self, picture: Picture, taken: Sequence[int]) -> float:
        if picture.slot == (self._running.slot if self._running else None):
            return self._flip(picture)
        if picture.slot is None:
            time_s = self._flip(picture)
            self._close_presentation(time_s, None)
            return time_s
        return self._begin_presentation(picture, self._session.planned[taken[picture.slot]])

    def _begin_presentation(self, picture: Picture, planned: PlannedPresentation) -> float:
        slot = picture.slot if picture.slot is not None else 0
        ordinal = self._state.next_ordinal + slot
        code = self._session.document.codes.presentation(ordinal)
        time_s = self._flip(picture, code=code)
        self._close_presentation(time_s, None)
        self._running = _Running(planned=planned, slot=slot, ordinal=ordinal, code=code, onset_s=time_s)
        return time_s

    def _close_presentation(self, offset_s: float, fault: RejectionReason | None) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        on_frames = round((offset_s - running.onset_s) * self._display.refresh_hz)
        reason = fault or ("frames_dropped" if on_frames != self._frames.on else None)
        row = Presentation(
            ordinal=running.ordinal,
            trial=self._trial,
            position=running.slot,
            presentation_index=running.planned.presentation_index,
            image_index=running.planned.image_index,
            stimulus_id=running.planned.stimulus_id,
            repetition=running.planned.repetition,
            code=running.code,
            onset_s=running.onset_s,
            offset_s=offset_s,
            planned_on_frames=self._frames.on,
            on_frames=on_frames,
            planned_off_frames=self._frames.off,
            outcome="rejected" if reason else "accepted",
            reason=reason,
        )
        self._journal.write(row)
        self._shown.append(row)

    def _end_trial(self, outcome: TrialOutcome, end_s: float) -> None:
        reward_ms = self._settings.reward_ms if outcome == "completed" else 0.0
        if reward_ms:
            self._apparatus.reward.give(reward_ms)
        self._journal.write(TrialEnded(trial=self._trial, outcome=outcome, reward_ms=reward_ms, time_s=end_s))

    def _pause(self) -> None:
        n_frames = self._frames.interval
        if self._state.misses >= self._settings.misses_before_time_out:
            self._write_time_out()
            n_frames += self._frames.time_out
        for _ in range(n_frames):
            if self._stop.requested:
                return
            self._flip(BLANK)

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

    def _flip(self, picture: Picture, *, code: int | None = None) -> float:
        at_flip = partial(self._apparatus.codes.send, code) if code is not None else None
        return self._display.flip(picture, at_flip=at_flip)

    def _sample(self, time_s: float) -> None:
        self._window.add(self._apparatus.gaze.look(time_s))

    def _fault(self, time_s: float) -> TrialOutcome | None:
        self._sample(time_s)
        if self._stop.requested:
            return "stopped"
        return "broken" if self._window.broken else None
