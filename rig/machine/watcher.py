"""Looks at everything that a session depends on, once a flip, and says what happened, the most important first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from closedloop.artifacts.day.journal_rows import Commanded, Paused
from closedloop.artifacts.day.session import TrialSettings
from closedloop.errors import SessionError
from rig.display.display import Flip
from rig.machine.apparatus import Apparatus, Devices
from rig.machine.fixation import FixationWindow, boxcar_s, grace_s
from rig.machine.notebook import Notebook
from rig.machine.table import Event, Phase
from rig.operator.commands import Command
from rig.ports.gaze import GazePoint, GazeSample
from rig.stop import StopRequest

LOST_TRACKER_S: Final = 2.0
"""Without a sample for so long the tracker is lost: no blink lasts as long."""
MENDED_S: Final = 1.0
"""What the rig paused for by itself must have been well for so long before it goes on."""

_FLIPS_LOOKED_AT: Final = 60
_MOST_UNWAITED: Final = 15
"""Of these flips; one now and then is counted by its image, which is rejected for its frames."""
_UNWAITED = "pictures do not wait for the screen's frames: turn vertical sync on, and the desktop's effects off"

PausedBy = Literal["operator", "display", "gaze", "device"]


@dataclass(frozen=True)
class Happened:
    """What happened at a flip.

    Attributes
    ----------
    event
        In the machine's words.
    by, why
        Whose doing a pause for it would be, and the operator's line about it.
    command
        Where an operator asked for it.
    """

    event: Event
    by: PausedBy = "operator"
    why: str = ""
    command: Command | None = None


class Watcher:
    """What was seen at the last flip, and what is still to be answered.

    Parameters
    ----------
    apparatus, devices
        What is looked at.
    notebook
        Where commands are noted.
    stop
        Where a stop is asked for.
    trial
        The session's settings.
    """

    def __init__(
        self, *, apparatus: Apparatus, devices: Devices, notebook: Notebook, stop: StopRequest, trial: TrialSettings
    ) -> None:
        self._apparatus, self._devices, self._notebook, self._stop = apparatus, devices, notebook, stop
        self._trial = trial
        self._window: FixationWindow | None = None
        self._pending: list[Happened] = []
        self._faults: tuple[str, ...] = ()
        self._was_unwaited: deque[bool] = deque(maxlen=_FLIPS_LOOKED_AT)
        self._sample_s: float | None = None
        self._well_since_s: float | None = None
        self.samples: Sequence[GazeSample] = ()
        self.point: GazePoint | None = None
        self.was_broken = False
        self.fault: SessionError | None = None

    def watch_trial(self, start_s: float) -> None:
        """Look at fixation from here on: the fixation point went on."""
        trial = self._trial
        self._window = FixationWindow(
            radius_deg=trial.fixation_window_deg, boxcar_s=boxcar_s(trial), grace_s=grace_s(trial), start_s=start_s
        )
        self.was_broken = False

    @property
    def reason_now(self) -> Literal["device_error", "window_lost", "fixation_broken"] | None:
        """What an image that goes off at this flip is rejected for, its frames apart."""
        if self._devices.fault is not None:
            return "device_error"
        if self._faults:
            return "window_lost"
        return "fixation_broken" if self.was_broken else None

    def look(self, flip: Flip) -> None:
        """Read gaze, wires and window after a flip.

        The samples before the flip are those of the picture that it replaced: an image that the eye had left by then
        is rejected, though it was up to its end.
        """
        self._devices.check()
        self.samples = samples = self._devices.samples(flip.time_s)
        if samples:
            self._sample_s, self.point = flip.time_s, samples[-1].point
        elif self._sample_s is None:
            self._sample_s = flip.time_s
        if self._window is not None:
            self._window.add((one for one in samples if one.time_s < flip.time_s), flip.time_s)
            self.was_broken = self._window.broken
            self._window.add((one for one in samples if one.time_s >= flip.time_s), flip.time_s)
        self._was_unwaited.append(flip.n_frames == 0)
        # Every wait of the machine is a number of flips: without frames between them trials would rush by unseen.
        is_unsynced = sum(self._was_unwaited) > _MOST_UNWAITED
        self._faults = self._apparatus.display.health() + ((_UNWAITED,) if is_unsynced else ())
        if self._faults or self._is_tracker_lost(flip.time_s):
            self._well_since_s = None
        elif self._well_since_s is None:
            self._well_since_s = flip.time_s

    def happened(self, phase: Phase, now_s: float, *, paused_by: PausedBy | None) -> Iterator[Happened]:
        """Yield what happened at the last flip, the state's own frames apart.

        Parameters
        ----------
        phase
            The machine's state at that flip.
        now_s
            Time of the flip, seconds.
        paused_by
            Whose doing a pause is; None where there is none.
        """
        fault = self._devices.take_fault()
        if fault is not None:
            self.fault = fault
            yield Happened("device_error" if self._apparatus.has_operator else "device_gone", "device", str(fault))
        if self._faults:
            yield Happened("window_lost", "display", f"display: {'; '.join(self._faults)}")
        if self._is_tracker_lost(now_s):
            yield Happened("gaze_lost", "gaze", f"gaze: no sample from the tracker for {LOST_TRACKER_S:g} s")
        if self._stop.requested:
            yield Happened("quit")
        yield from self._pending
        if phase in ("hold", "on", "off") and self._window is not None and (self.was_broken or self._window.broken):
            yield Happened("broken")
        if phase == "acquire" and self._window is not None and self._window.acquired:
            self._window.hold()
            yield Happened("acquired")
        well_since_s = self._well_since_s
        if paused_by in ("display", "gaze") and well_since_s is not None and now_s - well_since_s >= MENDED_S:
            yield Happened("mended")

    def poll(self) -> list[Command]:
        """Take what the operator asked since; what is no event of the machine is returned, the rest happens next."""
        at_once = []
        for command in self._apparatus.commands.poll():
            row = Commanded(command=command.name, origin=command.origin, time_s=self._notebook.now_s())
            self._notebook.write(row)
            match command.name:
                case "reward" | "shift":
                    at_once.append(command)
                case asked:
                    why = "recalibration" if asked == "recalibrate" else "the operator asked for it"
                    self._pending.append(Happened(asked, "operator", why, command))
        return at_once

    def done(self, happened: Happened) -> None:
        """Forget a command that was followed or changed nothing."""
        self._pending = [one for one in self._pending if one is not happened]

    def paused_row(self, happened: Happened) -> Paused:
        """Return the row of a pause."""
        return Paused(by=happened.by, why=happened.why or happened.event, time_s=self._notebook.now_s())

    def _is_tracker_lost(self, now_s: float) -> bool:
        return self._sample_s is not None and now_s - self._sample_s >= LOST_TRACKER_S
