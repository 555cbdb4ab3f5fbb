"""Opens eye trackers as the rig's description says."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.rig.description import RigDocument
from closedloop.artifacts.rig.ports import GazeUnit
from closedloop.errors import SessionError
from rig.display.display import Display
from rig.display.placement import degrees
from rig.ports.trackers.eyelink import EyeLinkGaze, EyeLinkSettings
from rig.ports.trackers.lsl import LslGaze, LslSettings
from rig.ports.trackers.tracker import ToDegrees


def open_eyelink(rig: RigDocument, display: Display, *, session_id: str, folder: Path | None) -> EyeLinkGaze:
    """Dial an EyeLink and have it record.

    Parameters
    ----------
    rig
        Has its address, the animal's screen and the map of the last calibration.
    display
        Has the rig's clock.
    session_id
        Written into the tracker's file.
    folder
        Where that file goes; None: it writes none.

    Raises
    ------
    SessionError
        It is not there, or sends no samples.
    """
    port, screen = rig.gaze, rig.subject_screen
    settings = EyeLinkSettings(
        _address(rig),
        session_id,
        width_px=screen.width_px,
        height_px=screen.height_px,
        folder=folder,
        eye=port.eye,
        is_href=port.unit == "href",
    )
    unit: GazeUnit = "href" if port.unit == "href" else "px"
    return EyeLinkGaze(settings, to_degrees=way_to_degrees(rig, unit), now_s=display.now_s)


def open_lsl(rig: RigDocument, display: Display) -> LslGaze:
    """Open an LSL stream of gaze.

    Parameters
    ----------
    rig
        Names it, and has the animal's screen and the map of the last calibration.
    display
        Has the rig's clock.

    Raises
    ------
    SessionError
        There is none, or it sends nothing.
    """
    port = rig.gaze

    def to_degrees(said: GazeUnit | None) -> ToDegrees:
        return way_to_degrees(rig, port.unit or said)

    settings = LslSettings(_address(rig), reach=port.reach, channels=port.channels)
    return LslGaze(settings, to_degrees=to_degrees, now_s=display.now_s)


def _address(rig: RigDocument) -> str:
    if rig.gaze.address is None:
        raise ValueError(f"expected an address for {rig.gaze.source}")
    return rig.gaze.address


def way_to_degrees(rig: RigDocument, unit: GazeUnit | None) -> ToDegrees:
    """Return how a tracker's values become degrees: by the map of the last calibration, else by what they are.

    Parameters
    ----------
    rig
        With the map, the screen and its distance.
    unit
        What the values are; None where nobody says.

    Raises
    ------
    SessionError
        There is no map, and what the values are says nothing of the screen.
    """
    if rig.calibrations.gaze_map is not None:
        return rig.calibrations.gaze_map.to_degrees
    screen = rig.subject_screen
    ways: dict[GazeUnit, ToDegrees] = {
        "deg": lambda x, y: (x, y),
        "px": _from_corner(rig, screen.width_px - 1, screen.height_px - 1, per_unit_px=1.0),
        "normalized": _from_corner(rig, 1.0, 1.0, per_unit_px=None),
    }
    if unit not in ways:
        found = f"only {unit}, which has none" if unit is not None else "neither"
        raise SessionError(
            f"gaze: expected calibrations.gaze_map, or a unit with a way to degrees, found {found}. "
            "Calibrate gaze; or set gaze.unit in rig.yaml to px, deg or normalized, whichever the tracker sends."
        )
    return ways[unit]


def _from_corner(rig: RigDocument, width: float, height: float, *, per_unit_px: float | None) -> ToDegrees:
    """Return the way from the screen's upper left corner, where the lower right one is (width, height)."""
    screen = rig.subject_screen
    x_px, y_px = (per_unit_px, per_unit_px) if per_unit_px is not None else (screen.width_px, screen.height_px)

    def angle(offset_px: float) -> float:
        return degrees(offset_px, cm_per_px=screen.cm_per_px, distance_cm=screen.distance_cm)

    def to_degrees(x: float, y: float) -> tuple[float, float]:
        return angle((x - width / 2) * x_px), angle((height / 2 - y) * y_px)

    return to_degrees
