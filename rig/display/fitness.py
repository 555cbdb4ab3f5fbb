"""Is a display the one that the session was planned for? PsychoPy would use another in silence."""

from __future__ import annotations

from closedloop.artifacts.day.session import ScreenSettings
from closedloop.errors import SessionError
from rig.display.display import DisplayFacts


def refuse_unfit(facts: DisplayFacts, screen: ScreenSettings) -> None:
    """Refuse a display that is not the planned one.

    Raises
    ------
    SessionError
        Size, background or gamma ramp are not those of the session.
    """
    found_size = (facts.width_px, facts.height_px)
    if found_size != (screen.width_px, screen.height_px):
        raise SessionError(
            f"display: expected {screen.width_px} x {screen.height_px} pixels, "
            f"found {found_size[0]} x {found_size[1]}. "
            "Set the screen's mode, or plan the session for this size."
        )
    if facts.grey_level != screen.grey_level:
        found = "several levels" if facts.grey_level is None else str(facts.grey_level)
        raise SessionError(
            f"display: expected a background of {screen.grey_level}, found {found}. Update the graphics driver."
        )
    if facts.gamma == "not identity":
        raise SessionError(
            "display: expected the identity as gamma ramp, found another. Turn night light and colour profiles off, "
            "then reset it (`xgamma -gamma 1`, and `xrandr --output NAME --gamma 1:1:1` on Linux)."
        )
