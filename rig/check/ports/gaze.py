"""Whether the eye tracker is there."""

from __future__ import annotations

from rig.check.findings import Finding, unless_simulated, warn
from rig.check.inspection import Inspection
from rig.check.ports.described import DESCRIBE, UNDESCRIBED
from rig.machine.device_faults import close_device
from rig.wiring.gaze import open_gaze


def gaze(at: Inspection) -> str | Finding:
    """Open what says where the animal looks."""
    if at.rig is None and not at.simulated:
        return warn(UNDESCRIBED, DESCRIBE)
    if at.display is None:
        return warn("not looked at: it needs the display", "Correct the display, and check again.")
    at.gaze = open_gaze(at.known_session(), at.document, at.launch, at.display)
    at.stack.callback(close_device, f"gaze ({at.gaze.name})", at.gaze.close)
    if at.gaze.name == "mouse":
        return unless_simulated(
            f"expected an eye tracker, found the mouse in {at.rig.path if at.rig else 'its place'}",
            "Set gaze.source in rig.yaml to a tracker; `rig devices` lists what is there.",
            simulated=at.simulated,
        )
    return f"{at.gaze.name}: a script stands for the eye" if at.gaze.name == "scripted" else at.gaze.name
