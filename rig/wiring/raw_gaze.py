"""Opens a tracker as it is, without a map to degrees: what a calibration looks at."""

from __future__ import annotations

from closedloop.artifacts.rig.calibrations import GazeMap
from closedloop.artifacts.rig.description import RigDocument
from closedloop.errors import RigError
from rig.apparatus import Launch
from rig.display.display import Display
from rig.ports.gaze import Gaze
from rig.session.folder import Session
from rig.wiring.gaze import open_gaze

_AS_IT_IS = GazeMap(x_deg=(0.0, 1.0, 0.0), y_deg=(0.0, 0.0, 1.0))
"""The map that changes nothing: samples hold the tracker's own values, whatever its units are."""


def open_raw_gaze(session: Session, rig: RigDocument, launch: Launch, display: Display) -> Gaze:
    """Open a rig's source of gaze so that its samples hold the tracker's own two values.

    Parameters
    ----------
    session
        A blank one.
    rig
        Names the source.
    launch
        On which display.
    display
        The mouse is over it.

    Raises
    ------
    RigError
        The rig has no tracker.
    SessionError
        It is not there.
    """
    if rig.gaze.source in ("none", "scripted"):
        raise RigError(f"gaze.source: expected a tracker to calibrate, found {rig.gaze.source}. Set it in rig.yaml.")
    calibrations = rig.calibrations.model_copy(update={"gaze_map": _AS_IT_IS})
    return open_gaze(session, rig.model_copy(update={"calibrations": calibrations}), launch, display)
