"""The loop of a calibration: flips, reads the tracker, asks for keys and gives reward, until the operator ends it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from closedloop.artifacts.rig.calibrations import GazeFit, GazeMap
from closedloop.artifacts.rig.description import RigDocument
from closedloop.errors import SessionError
from rig.calibration.gaze.page import page_lines
from rig.calibration.gaze.procedure import Procedure, press
from rig.calibration.gaze.steady import RawEye, Rest
from rig.display.display import Display, Picture
from rig.ports.gaze import Gaze
from rig.ports.reward import NOBODY, Reward
from rig.ports.wired import Wired
from rig.stop import QuitKeys, StopRequest

_DIGITS = 9  # of the map's numbers: far more than an eye can tell


class Front(Protocol):
    """Where the operator sits."""

    def keys(self) -> Sequence[str]:
        """Return the keys that were pressed since the last call; never waits."""
        ...

    def is_due(self) -> bool:
        """Return whether it takes a page now: a few times a second."""
        ...

    def show(self, lines: Sequence[str]) -> None:
        """Take the page as it is now; never waits."""
        ...


@dataclass(frozen=True)
class CalibrationPorts:
    """What a calibration is made with.

    Attributes
    ----------
    display
        In front of the animal.
    gaze
        The tracker, in its own units.
    reward
        For each point that is taken, and by key.
    front
        Where the operator sits.
    """

    display: Display
    gaze: Gaze
    reward: Reward
    front: Front


class GazeCalibration:
    """A calibration of gaze that runs.

    Parameters
    ----------
    procedure
        Where it begins.
    ports
        With what.
    title
        Of which rig and tracker, for the page.
    reward_ms
        For each point and by key.
    stop
        Where a stop is asked for.
    """

    def __init__(
        self, procedure: Procedure, ports: CalibrationPorts, *, title: str, reward_ms: float, stop: StopRequest
    ) -> None:
        self.procedure, self._ports, self._title = procedure, ports, title
        self._reward_ms, self._stop = reward_ms, stop
        self._eye, self._quit = RawEye(), QuitKeys()
        self._wired = [port for port in (ports.gaze, ports.reward) if isinstance(port, Wired)]
        self._fault = ""
        self._n_shown, self._is_over, self._is_stored = 0, False, False

    def run(self) -> bool:
        """Show targets until the operator has the map stored, or quits; return whether it is to be stored.

        Raises
        ------
        SessionError
            The screen is gone.
        """
        while not self._is_over and not self._stop.requested:
            self._frame()
        return self._is_stored

    def _frame(self) -> None:
        display, before = self._ports.display, self.procedure.target
        picture = Picture(
            slot=None, fixation=False, target_deg=None if before is None else (before.x_deg, before.y_deg)
        )
        now_s = display.flip(picture).time_s
        self._read(now_s)
        rest = self._rest(now_s)
        for key in (*display.keys(), *self._ports.front.keys()):
            self._press(key, rest, now_s)
        if self.procedure.target is not None and self.procedure.target != before:
            self._n_shown += 1
            self._eye.forget()
            display.prepare(())
            self._ports.gaze.start_trial(self._n_shown, now_s)
        if self._ports.front.is_due():
            question, newest = self._quit.question(now_s), self._eye.newest
            self._ports.front.show(
                page_lines(self.procedure, title=self._title, eye=newest, rest=rest, question=question)
            )

    def _rest(self, now_s: float) -> Rest | str:
        if self._fault:
            return self._fault.removesuffix(".")
        faults = self._ports.display.health()
        if faults:
            return f"display: {'; '.join(faults)}"
        return self._eye.rest(now_s, units_per_deg=self.procedure.units_per_deg)

    def _press(self, key: str, rest: Rest | str, now_s: float) -> None:
        match self._quit.press(key, now_s=now_s):
            case "quit":
                self._is_over = True
                return
            case "repeated" | "asked" | "answered":
                return
        if self._fault:
            self._mend()
        if self._ports.display.health():
            self._ports.display.bring_back()
        self.procedure, wish = press(self.procedure, key, rest)
        match wish:
            case "reward":
                self._give()
            case "store":
                self._is_over = self._is_stored = True

    def _give(self) -> None:
        if self._ports.reward.name == NOBODY or self._reward_ms <= 0:
            return
        try:
            self._ports.reward.give(self._reward_ms)
        except SessionError as error:
            self._fault = str(error)

    def _read(self, now_s: float) -> None:
        """Read tracker and valve; what fails is said, and takes none of the points that were measured."""
        try:
            for port in self._wired:
                port.check()
            self._ports.reward.acknowledged()
            self._eye.add(self._ports.gaze.samples(now_s))
        except SessionError as error:
            self._fault = str(error)

    def _mend(self) -> None:
        self._fault = ""
        try:
            for port in self._wired:
                port.mend()
        except SessionError as error:
            self._fault = str(error)


def measured(procedure: Procedure, rig: RigDocument, *, source: str, today: datetime.date) -> dict[str, object]:
    """Return what a calibration puts into rig.yaml.

    Parameters
    ----------
    procedure
        With a map that may be stored.
    rig
        As it was read when the calibration began: the map belongs to its screen.
    source
        Name of the tracker in rig.yaml.
    today
        The date.

    Raises
    ------
    ValueError
        There is no map.
    """
    verdict = procedure.verdict()
    if verdict is None:
        raise ValueError("expected a map")
    found = procedure.gaze_map()
    x_deg, y_deg = (
        (_rounded(plane[0]), _rounded(plane[1]), _rounded(plane[2])) for plane in (found.x_deg, found.y_deg)
    )
    return {
        "gaze": today,
        "gaze_map": GazeMap(x_deg=x_deg, y_deg=y_deg),
        "gaze_fit": GazeFit(
            source=source,
            address=rig.gaze.address,
            values=rig.gaze.values,
            error_deg=round(verdict.median_deg, 3),
            worst_deg=round(verdict.worst_deg, 3),
            n_points=procedure.n_fitted,
            is_validated=verdict.is_validated,
            distance_cm=rig.subject_screen.distance_cm,
            width_cm=rig.subject_screen.width_cm,
        ),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
