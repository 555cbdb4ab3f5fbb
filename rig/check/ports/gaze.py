"""Whether the eye tracker is there."""

from __future__ import annotations

from typing import Final

from rig.check.findings import Finding, unless_simulated, warn
from rig.check.inspection import Inspection
from rig.check.ports.described import DESCRIBE, UNDESCRIBED
from rig.machine.device_faults import close_device
from rig.ports.gaze import PASSIVE
from rig.ports.trackers.tracker import Tracker, TrackerStatus
from rig.wiring.gaze import open_gaze

LEAST_HZ: Final = 120.0
"""Two samples a frame of a usual screen: below, what the eye does between two frames is not seen."""


def gaze(at: Inspection) -> str | Finding:
    """Open what says where the animal looks, and believe what its samples say."""
    if at.rig is None and not at.simulated:
        return warn(UNDESCRIBED, DESCRIBE)
    if at.display is None:
        return warn("not looked at: it needs the display", "Correct the display, and check again.")
    folder = None if at.only_checks else at.launch.out
    at.gaze = open_gaze(at.known_session(), at.document, at.launch, at.display, folder=folder)
    at.stack.callback(close_device, f"gaze ({at.gaze.name})", at.gaze.close)
    if isinstance(at.gaze, Tracker):
        return judge_tracker(at.gaze.status())
    if at.gaze.name == PASSIVE:
        return warn(
            f"passive viewing, by gaze.source none in {at.rig.path if at.rig else 'its place'}: nobody looks at the "
            "eye, and every image that is shown to its end counts",
            "Set gaze.source in rig.yaml to a tracker, unless it is meant.",
        )
    if at.gaze.name == "mouse":
        return unless_simulated(
            f"expected an eye tracker, found the mouse in {at.rig.path if at.rig else 'its place'}",
            "Set gaze.source in rig.yaml to a tracker; `rig devices` lists what is there.",
            simulated=at.simulated,
        )
    return f"{at.gaze.name}: a script stands for the eye" if at.gaze.name == "scripted" else at.gaze.name


def judge_tracker(status: TrackerStatus | None) -> str | Finding:
    """Say what a tracker's samples say of it.

    Parameters
    ----------
    status
        By its samples.
    """
    if status is None:
        return warn("what the tracker does is not known", "Look at it.")
    said = f"{status.name}: {status.rate_hz:,.0f} samples/s, the last one {1000 * status.age_s:.0f} ms old"
    kept = f"; {status.keeps}" if status.keeps else ""
    if not status.has_eye:
        return warn(
            f"{said}, no eye{kept}",
            "Nothing is wrong while no animal is there; else look at the tracker's image of the eye.",
        )
    if status.rate_hz < LEAST_HZ:
        return warn(
            f"{said}, tracks{kept}",
            f"With fewer than {LEAST_HZ:.0f} samples/s an eye that leaves is seen late: set a higher rate.",
        )
    return f"{said}, tracks{kept}"
