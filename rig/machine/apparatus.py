"""The ports of a rig, and what the machine asks of them without ever failing in the middle of a flip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from closedloop.errors import SessionError
from closedloop.terminal.streams import say
from rig.display.display import Display
from rig.machine.device_faults import device_fault
from rig.operator.commands import Commands, NoCommands
from rig.ports.codes import CodePort
from rig.ports.gaze import Gaze, GazeSample
from rig.ports.recorders.port import Recorder
from rig.ports.reward import Reward
from rig.ports.timed import Timed
from rig.ports.trackers.tracker import Tracker
from rig.ports.wired import Wired


def _not_shifted(_x_deg: float, _y_deg: float) -> None:
    """Move nothing: nobody is there who could ask for it."""


@dataclass(frozen=True)
class Apparatus:
    """The ports of a rig.

    Attributes
    ----------
    clocks
        The ports whose devices have a clock of their own.
    commands
        What the operator asks; with nobody there, a device that fails ends the session.
    tell
        Says a line to the operator.
    shift_gaze
        Moves what is said of gaze from here on by so many degrees to the right and up.
    """

    display: Display
    gaze: Gaze
    reward: Reward
    codes: CodePort
    recorder: Recorder
    clocks: tuple[Timed, ...] = ()
    commands: Commands = field(default_factory=NoCommands)
    tell: Callable[[str], None] = say
    shift_gaze: Callable[[float, float], None] = _not_shifted

    @property
    def has_operator(self) -> bool:
        """Whether somebody can continue a session that was paused."""
        return not isinstance(self.commands, NoCommands)


class Devices:
    """Gaze, reward, codes and recorder of an apparatus: a failure is kept until asked for, and never breaks a flip."""

    def __init__(self, apparatus: Apparatus) -> None:
        self._apparatus = apparatus
        ports = {
            "digital codes": apparatus.codes,
            "reward": apparatus.reward,
            "gaze": apparatus.gaze,
            "recorder": apparatus.recorder,
        }
        self._tracker = apparatus.gaze if isinstance(apparatus.gaze, Tracker) else None
        self._wired = {name: port for name, port in ports.items() if isinstance(port, Wired)}
        self.fault: SessionError | None = None

    def take_fault(self) -> SessionError | None:
        """Return what failed first since it was asked last, if anything did."""
        fault, self.fault = self.fault, None
        return fault

    def check(self) -> None:
        """Look whether every device did what it was told."""
        for name, port in self._wired.items():
            try:
                port.check()
            except Exception as error:  # noqa: BLE001 - whatever a driver raises
                self._note(name, error)

    def mend(self) -> None:
        """Open again what failed: somebody has mended it, or says so."""
        for name, port in self._wired.items():
            try:
                port.mend()
            except Exception as error:  # noqa: BLE001 - whatever a driver raises
                self._note(name, error)

    def send(self, code: int) -> None:
        """Send a digital code; a tracker with a file of its own notes it there."""
        try:
            self._apparatus.codes.send(code)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            self._note("digital codes", error)
        if self._tracker is not None:
            try:
                self._tracker.note_code(code)
            except Exception as error:  # noqa: BLE001 - whatever a driver raises
                self._note("gaze", error)

    def ask_tracker_clock(self) -> None:
        """Compare the tracker's clock with the rig's, between trials: its samples are put on the rig's by that."""
        if self._tracker is not None:
            try:
                self._tracker.clock()
            except Exception as error:  # noqa: BLE001 - whatever a driver raises
                self._note("gaze", error)

    def samples(self, now_s: float) -> Sequence[GazeSample]:
        """Return every gaze sample since the last call."""
        try:
            return self._apparatus.gaze.samples(now_s)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            self._note("gaze", error)
            return ()

    def start_trial(self, trial: int, time_s: float) -> None:
        """Tell the tracker that the fixation point of a trial went on."""
        try:
            self._apparatus.gaze.start_trial(trial, time_s)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            self._note("gaze", error)

    def give(self, duration_ms: float) -> bool:
        """Tell the valve to open, and return whether that went well."""
        try:
            self._apparatus.reward.give(duration_ms)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            self._note("reward", error)
            return False
        return True

    def acknowledged(self) -> list[float]:
        """Return what the valve confirmed, ms each."""
        try:
            return self._apparatus.reward.acknowledged()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises
            self._note("reward", error)
            return []

    def note(self, fault: SessionError) -> None:
        """Keep a failure that no call raised."""
        self.fault = self.fault or fault

    def _note(self, port: str, error: Exception) -> None:
        self.note(device_fault(port, error))
