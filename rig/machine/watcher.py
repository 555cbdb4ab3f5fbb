"""Looks at everything that a session depends on, once a flip, and says what happened, the most important first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from closedloop.artifacts.day.journal_rows import Commanded, Paused
from closedloop.artifacts.day.session import TrialSettings
from closedloop.errors import DeviceError, SessionError
from rig.display.display import Flip
from rig.machine.apparatus import Apparatus, Devices
from rig.machine.fixation import FixationWindow, boxcar_s, grace_s
from rig.machine.notebook import Notebook
from rig.machine.table import Event, Phase
from rig.operator.commands import Command
from rig.ports.gaze import PASSIVE, GazePoint, GazeSample
from rig.ports.trackers.tracker import Tracker
from rig.stop import StopRequest

GREY_WITHIN_S: Final = 0.05
"""So soon after the last sample of a tracker that stops the screen is grey. A blink has samples: they say "no eye"."""
GONE_TRACKER_S: Final = 1.0
"""Without a sample for so long the tracker is gone: with nobody there to look after it, the session ends."""
MENDED_S: Final = 1.0
"""What the rig paused for by itself must have been well for so long before it goes on."""

_JITTER_S: Final = 1e-3  # samples and flips come that far off their raster
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
        Where commands and gaze samples are noted.
    stop
        Where a stop is asked for.
    """

    def __init__(self, *, apparatus: Apparatus, devices: Devices, notebook: Notebook, stop: StopRequest) -> None:
        self._apparatus, self._devices, self._notebook, self._stop = apparatus, devices, notebook, stop
        self._window: FixationWindow | None = None
        self._pending: list[Happened] = []
        self._faults: tuple[str, ...] = ()
        self._was_unwaited: deque[bool] = deque(maxlen=_FLIPS_LOOKED_AT)
        self._silent_after_s = silent_after_s(apparatus)
        self._is_passive = apparatus.gaze.name == PASSIVE
        self._looked_s: float | None = None
        self._heard_s: float | None = None
        self._well_since_s: float | None = None
        self.samples: Sequence[GazeSample] = ()
        self.point: GazePoint | None = None
        self.was_broken = False
        self.fault: SessionError | None = None

    def watch_trial(self, start_s: float, trial: TrialSettings) -> None:
        """Look at fixation from here on, as a trial asks for it: the fixation point went on."""
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
        self._hear(samples, flip.time_s)
        if self._window is not None and not self._is_passive:
            self._window.add((one for one in samples if one.time_s < flip.time_s), flip.time_s)
            self.was_broken = self._window.broken
            self._window.add((one for one in samples if one.time_s >= flip.time_s), flip.time_s)
        self._notebook.note_gaze(samples)
        self._was_unwaited.append(flip.n_frames == 0)
        # Every wait of the machine is a number of flips: without frames between them trials would rush by unseen.
        is_unsynced = sum(self._was_unwaited) > _MOST_UNWAITED
        self._faults = self._apparatus.display.health() + ((_UNWAITED,) if is_unsynced else ())
        if self._faults or self._is_tracker_lost(flip.time_s):
            self._well_since_s = None
        elif self._well_since_s is None:
            self._well_since_s = flip.time_s

    def _hear(self, samples: Sequence[GazeSample], now_s: float) -> None:
        """Note when the tracker was heard last: its sample's time, but not before the last flip: it had not come then.

        A sample is on its way for some milliseconds: counted from the flip that it came at, the grey would be late. And
        a wrong estimate of the tracker's clock makes no tracker silent whose samples come at every flip.
        """
        if samples:
            self.point = samples[-1].point
            earliest_s = now_s if self._looked_s is None else self._looked_s
            self._heard_s = min(now_s, max(samples[-1].time_s, earliest_s))
        elif self._heard_s is None:
            self._heard_s = now_s
        self._looked_s = now_s

    def listen_anew(self) -> None:
        """Forget how long the tracker was silent: it was opened again, or somebody says that it is well."""
        self._heard_s = self._looked_s = None

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
        yield from self._silence(now_s)
        if self._stop.requested:
            yield Happened("quit")
        yield from self._pending
        yield from self._fixation(phase)
        well_since_s = self._well_since_s
        if paused_by in ("display", "gaze") and well_since_s is not None and now_s - well_since_s >= MENDED_S:
            yield Happened("mended")

    def _silence(self, now_s: float) -> Iterator[Happened]:
        """Yield that the tracker sends nothing; and that it is gone, where nobody is there to look after it."""
        if not self._is_tracker_lost(now_s) or self._heard_s is None:
            return
        silent_s = now_s - self._heard_s
        yield Happened("gaze_lost", "gaze", f"gaze: no sample from the tracker for {1000 * silent_s:.0f} ms")
        if silent_s >= GONE_TRACKER_S and not self._apparatus.has_operator:
            self.fault = DeviceError(
                f"gaze: expected samples from {self._apparatus.gaze.name}, found none for {silent_s:.1f} s. "
                "Look at the tracker, its computer and its cable."
            )
            yield Happened("device_gone", "gaze", str(self.fault))

    def _fixation(self, phase: Phase) -> Iterator[Happened]:
        """Yield what the eye did; where nobody looks at it, every image that is shown to its end counts."""
        if self._is_passive:
            if phase == "acquire":
                yield Happened("acquired")
        elif self._window is not None:
            if phase in ("hold", "on", "off") and (self.was_broken or self._window.broken):
                yield Happened("broken")
            if phase == "acquire" and self._window.acquired:
                self._window.hold()
                yield Happened("acquired")

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
        if self._is_passive or self._heard_s is None:
            return False
        return now_s - self._heard_s >= self._silent_after_s - _JITTER_S


def silent_after_s(apparatus: Apparatus) -> float:
    """Return how long no sample may come before a tracker counts as silent, seconds.

    It is seen at the flip after, and the grey comes at the one after that. A tracker with fewer samples, or whose
    samples come in packets, says itself how long it may keep still.
    """
    gaze, frame_s = apparatus.gaze, 1 / apparatus.display.refresh_hz
    of_tracker = gaze.silent_after_s if isinstance(gaze, Tracker) else 0.0
    return max(GREY_WITHIN_S - 2 * frame_s, frame_s / 2, of_tracker)
