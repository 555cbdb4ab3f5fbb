"""One trial: acquire, hold, on / off x n, reward; what was shown is accepted or rejected.

The same trial for every display, counted in frames of flips. After each flip the gaze is sampled and a stop is looked
for; either ends the trial at the next flip. A presentation is accepted when its image lasted its planned number of
frames and fixation lasted until the image went off; what was completed before a break stays accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from closedloop.artifacts.day.journal_rows import Presentation, RejectionReason, TrialEnded, TrialStarted
from rig.display.display import BLANK, FIXATION, Display, Picture
from rig.machine.fixation import FixationWindow
from rig.machine.timeline import image_frames, trial_frames
from rig.ports.codes import CodePort
from rig.ports.gaze import Gaze
from rig.ports.recorder import Recorder
from rig.ports.reward import Reward
from rig.session.folder import PlannedPresentation, Session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest

TrialOutcome = Literal["completed", "broken", "ignored", "stopped"]

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
class TrialPlan:
    """What a trial is to show.

    Attributes
    ----------
    number
        Count of trials in the session, from 0.
    first_ordinal
        Ordinal of its first presentation.
    planned
        Its presentations, in order.
    """

    number: int
    first_ordinal: int
    planned: Sequence[PlannedPresentation]


@dataclass(frozen=True)
class _ImageUp:
    """The image that is on the screen."""

    planned: PlannedPresentation
    slot: int
    ordinal: int
    code: int
    onset_s: float


class TrialRunner:
    """Runs one trial.

    Parameters
    ----------
    session
        Settings of screen, trial and digital codes.
    apparatus
        Shows it.
    journal
        Where every event goes.
    stop
        Where a stop is asked for.
    plan
        What to show.
    """

    def __init__(
        self, *, session: Session, apparatus: Apparatus, journal: JournalWriter, stop: StopRequest, plan: TrialPlan
    ) -> None:
        self._apparatus, self._journal, self._stop, self._plan = apparatus, journal, stop, plan
        self._settings, self._codes = session.document.trial, session.document.codes
        self._frames = trial_frames(self._settings, session.document.screen.refresh_hz)
        self._window = FixationWindow(
            radius_deg=self._settings.fixation_window_deg, n_samples=self._settings.saccade_boxcar_samples
        )
        self._up: _ImageUp | None = None
        self._shown: list[Presentation] = []

    def run(self) -> tuple[TrialOutcome, list[Presentation]]:
        """Run the trial to its end or to a break.

        Returns
        -------
        TrialOutcome, list
            How it ended, and the presentations that were begun, accepted or rejected.

        Raises
        ------
        StorageError
            The disk is full.
        """
        self._start()
        outcome = self._watch()
        end_s = self._flip(BLANK)
        self._close_presentation(end_s, _REASON.get(outcome))
        self._end(outcome, end_s)
        return outcome, self._shown

    def _start(self) -> None:
        number = self._plan.number
        self._apparatus.display.prepare([planned.image_index for planned in self._plan.planned])
        code = self._codes.trial(number)
        time_s = self._flip(FIXATION, code=code)
        self._apparatus.gaze.start_trial(number, time_s)
        self._journal.write(TrialStarted(trial=number, code=code, time_s=time_s))

    def _watch(self) -> TrialOutcome:
        for phase in (self._acquire, self._hold, self._show):
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

    def _show(self) -> TrialOutcome | None:
        for picture in image_frames(len(self._plan.planned), self._frames):
            fault = self._fault(self._show_frame(picture))
            if fault is not None:
                return fault
        return None

    def _show_frame(self, picture: Picture) -> float:
        if picture.slot == (self._up.slot if self._up else None):
            return self._flip(picture)
        if picture.slot is None:
            time_s = self._flip(picture)
            self._close_presentation(time_s, None)
            return time_s
        return self._begin_presentation(picture, picture.slot)

    def _begin_presentation(self, picture: Picture, slot: int) -> float:
        ordinal = self._plan.first_ordinal + slot
        code = self._codes.presentation(ordinal)
        time_s = self._flip(picture, code=code)
        self._close_presentation(time_s, None)
        self._up = _ImageUp(planned=self._plan.planned[slot], slot=slot, ordinal=ordinal, code=code, onset_s=time_s)
        return time_s

    def _close_presentation(self, offset_s: float, fault: RejectionReason | None) -> None:
        up, self._up = self._up, None
        if up is None:
            return
        on_frames = round((offset_s - up.onset_s) * self._apparatus.display.refresh_hz)
        reason = fault or ("frames_dropped" if on_frames != self._frames.on else None)
        row = Presentation(
            ordinal=up.ordinal,
            trial=self._plan.number,
            position=up.slot,
            presentation_index=up.planned.presentation_index,
            image_index=up.planned.image_index,
            stimulus_id=up.planned.stimulus_id,
            repetition=up.planned.repetition,
            code=up.code,
            onset_s=up.onset_s,
            offset_s=offset_s,
            planned_on_frames=self._frames.on,
            on_frames=on_frames,
            planned_off_frames=self._frames.off,
            outcome="rejected" if reason else "accepted",
            reason=reason,
        )
        self._journal.write(row)
        self._shown.append(row)

    def _end(self, outcome: TrialOutcome, end_s: float) -> None:
        reward_ms = self._settings.reward_ms if outcome == "completed" else 0.0
        if reward_ms:
            self._apparatus.reward.give(reward_ms)
        self._journal.write(TrialEnded(trial=self._plan.number, outcome=outcome, reward_ms=reward_ms, time_s=end_s))

    def _flip(self, picture: Picture, *, code: int | None = None) -> float:
        at_flip = partial(self._apparatus.codes.send, code) if code is not None else None
        return self._apparatus.display.flip(picture, at_flip=at_flip).time_s

    def _sample(self, time_s: float) -> None:
        self._window.add(self._apparatus.gaze.look(time_s))

    def _fault(self, time_s: float) -> TrialOutcome | None:
        self._sample(time_s)
        if self._stop.requested:
            return "stopped"
        return "broken" if self._window.broken else None
