"""One calibration from rig.yaml to rig.yaml: opens what is needed, runs the procedure, stores what is accepted."""

from __future__ import annotations

import datetime
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.rig.description import RigDocument, SubjectScreen, read_rig
from closedloop.errors import RigError, SessionError
from rig.apparatus import Launch, open_display
from rig.calibration.blank_screen import blank_session
from rig.calibration.console import open_console
from rig.calibration.gaze.procedure import Overridable, Procedure, not_yet, verdict_words
from rig.calibration.gaze.session import CalibrationPorts, GazeCalibration, measured
from rig.calibration.gaze.simulated import SimulatedEye
from rig.calibration.gaze.targets import Layout, layout_of, other_targets
from rig.calibration.store import kept_beside, store_calibration
from rig.display.display import Display, DisplayName
from rig.display.placement import degrees, pixels
from rig.machine.device_faults import close_device
from rig.operator.watched import WatchedDisplay
from rig.ports.gaze import Gaze
from rig.ports.microcontroller.device import Microcontrollers
from rig.session.folder import Session
from rig.session.hold import hold_screen
from rig.stop import StopRequest
from rig.wiring.raw_gaze import open_raw_gaze
from rig.wiring.reward import open_reward

_PURPOSE = "rig calibrate gaze"
_USUAL_EXTENT_DEG = 10.0
_PART_OF_SCREEN = 0.8  # an eye that looks at the edge of a screen is seen badly by most trackers
_KEY_WAIT_S = 0.004


@dataclass(frozen=True)
class WantedCalibration:
    """What the operator asked for on the command line.

    Attributes
    ----------
    rig
        The rig's description, which also takes the result.
    display
        Where the targets are shown.
    n_points
        Of the map.
    extent_deg
        From the middle to the outermost targets, on both axes; None: as far as the screen allows, 10 at most.
    dot_deg
        Diameter of a target.
    reward_ms
        For each point that is taken.
    most_deg
        No map with a larger error is stored.
    despite
        What is overridden.
    """

    rig: Path
    display: DisplayName = "psychopy"
    n_points: Layout = 9
    extent_deg: float | None = None
    dot_deg: float = 0.5
    reward_ms: float = 80.0
    most_deg: float = 1.0
    despite: frozenset[Overridable] = frozenset()


def calibrate_gaze(asked: WantedCalibration, *, stop: StopRequest) -> str:
    """Calibrate gaze; return in a sentence what became of it.

    Raises
    ------
    ClosedLoopError
        The description, the screen, the tracker, the valve or the terminal is not fit; or the map cannot be stored:
        then the message holds it.
    """
    rig, _ = read_rig(asked.rig)
    screen = rig.subject_screen
    extent_deg = extent_of(screen, asked)
    with ExitStack() as stack:
        calibration = _open(asked, rig, extent_deg, stack, stop)
        is_stored = calibration.run()
    procedure, words = calibration.procedure, verdict_words(calibration.procedure)
    if not is_stored:
        return " ".join(part for part in (words, "Nothing was stored.") if part)
    store_calibration(asked.rig, measured(procedure, rig, source=rig.gaze.source, today=datetime.date.today()))
    return f"{words} Stored in {asked.rig}; the one of before is {kept_beside(asked.rig)}."


def extent_of(screen: SubjectScreen, asked: WantedCalibration) -> tuple[float, float]:
    """Return how far from the middle the targets are, degrees to the right and up.

    Raises
    ------
    RigError
        The screen does not reach as far.
    """
    half_dot = asked.dot_deg / 2
    sides = [
        degrees(side_px / 2, cm_per_px=screen.cm_per_px, distance_cm=screen.distance_cm)
        for side_px in (screen.width_px, screen.height_px)
    ]
    if asked.extent_deg is None:
        x_deg, y_deg = (min(_USUAL_EXTENT_DEG, _PART_OF_SCREEN * side) for side in sides)
        return x_deg, y_deg
    if asked.extent_deg + half_dot > min(sides):
        raise RigError(
            f"--extent {asked.extent_deg:g}: expected at most {min(sides) - half_dot:.1f} degrees, where this rig's "
            "screen ends, found more. Give less."
        )
    return asked.extent_deg, asked.extent_deg


def _open(
    asked: WantedCalibration, rig: RigDocument, extent_deg: tuple[float, float], stack: ExitStack, stop: StopRequest
) -> GazeCalibration:
    screen = rig.subject_screen
    dot_px = max(3, round(2 * pixels(asked.dot_deg / 2, cm_per_px=screen.cm_per_px, distance_cm=screen.distance_cm)))
    session = blank_session(rig, purpose=_PURPOSE, dot_px=dot_px)
    launch = Launch(session=session.folder, out=session.folder, display=asked.display, rig=asked.rig)
    is_virtual = asked.display == "headless"
    if is_virtual and rig.gaze.source != "scripted":
        raise SessionError(
            f"--display headless: expected a scripted eye, which needs no screen, found {rig.gaze.source}. "
            "Leave --display out."
        )
    if not is_virtual:
        stack.enter_context(hold_screen(session, asked.rig))
    microcontrollers = Microcontrollers()
    reward = open_reward(rig, launch, microcontrollers)
    stack.callback(close_device, f"reward ({reward.name})", reward.close)
    display = open_display(session, rig, launch, start_s=0.0, stop=stop, auditor=None)
    stack.callback(display.close)
    display, gaze = _open_gaze(session, rig, launch, display)
    stack.callback(close_device, f"gaze ({gaze.name})", gaze.close)
    # Last, and so the first to be closed: what anything else says as it closes is read in the terminal as it was.
    front = stack.enter_context(open_console(wait_s=_KEY_WAIT_S if is_virtual else 0.0))
    return GazeCalibration(
        Procedure(
            points=not_yet(layout_of(asked.n_points, extent_deg)),
            others=not_yet(other_targets(extent_deg)),
            most_deg=asked.most_deg,
            despite=asked.despite,
        ),
        CalibrationPorts(display, gaze, reward, front),
        title=f"{rig.name}: gaze by {gaze.name}",
        reward_ms=asked.reward_ms,
        stop=stop,
    )


def _open_gaze(session: Session, rig: RigDocument, launch: Launch, display: Display) -> tuple[Display, Gaze]:
    """Return the source of gaze; one that is simulated sees what is shown."""
    if rig.gaze.source == "scripted":
        eye = SimulatedEye()
        return WatchedDisplay(display, after_flip=eye.see), eye
    return display, open_raw_gaze(session, rig, launch, display)
