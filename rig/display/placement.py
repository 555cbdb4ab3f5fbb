"""Where things go on the screen, in whole pixels: an image off the pixel grid by half a pixel is another image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.session import ScreenSettings, SessionDocument
from closedloop.artifacts.day.session_fitness import misfits_of_screen, viewing_distance_cm
from closedloop.artifacts.rig.description import Corner, RigDocument
from closedloop.errors import SessionError
from rig.display.screens import Rectangle

_RATE_TOLERANCE = 0.02  # 59.94 passes for 60, as it does when flips are measured: 6 frames are 100.1 ms


@dataclass(frozen=True)
class Square:
    """A square of whole pixels, counted from the lower left corner of the screen."""

    left_px: int
    bottom_px: int
    side_px: int

    def on_desktop(self, window: Rectangle) -> Rectangle:
        """Return where it is on the desktop, for a window there."""
        top_px = window.top_px + window.height_px - self.bottom_px - self.side_px
        return Rectangle(window.left_px + self.left_px, top_px, self.side_px, self.side_px)


@dataclass(frozen=True)
class Placement:
    """The squares of a session, and what a degree is.

    Attributes
    ----------
    image
        The image, `image_scale` screen pixels an image pixel, in the middle.
    photodiode
        The patch in its corner, or None.
    distance_cm
        Viewing distance at which the image subtends its visual angle.
    """

    image: Square
    photodiode: Square | None
    distance_cm: float

    def dot(self, side_px: int) -> Square:
        """Return the square around a fixation dot in the middle of the image."""
        inset = (self.image.side_px - side_px) // 2
        return Square(self.image.left_px + inset, self.image.bottom_px + inset, side_px)


def screen_of(session: SessionDocument, rig: RigDocument | None) -> tuple[ScreenSettings, Corner]:
    """Return the screen that a session is shown on: planned by the session, and the rig's where one is described.

    Returns
    -------
    ScreenSettings, Corner
        The screen, and the corner of the photodiode's patch.

    Raises
    ------
    SessionError
        The session was planned for another frame rate than the rig's.
    """
    if rig is None:
        return session.screen, "lower_left"
    found, patch = rig.subject_screen, rig.photodiode
    if abs(found.refresh_hz / session.screen.refresh_hz - 1.0) > _RATE_TOLERANCE:
        raise SessionError(
            f"session.json: expected a session for the {found.refresh_hz:g} Hz of rig {rig.name}, found one for "
            f"{session.screen.refresh_hz:g} Hz. Set the screen's mode and rig.yaml, or plan the session for this rate."
        )
    of_rig = {
        "screen": found.screen,
        "width_px": found.width_px,
        "height_px": found.height_px,
        "cm_per_px": found.width_cm / found.width_px,
        "photodiode_px": patch.side_px if patch is not None else 0,
    }
    return session.screen.model_copy(update=of_rig), patch.corner if patch is not None else "lower_left"


def place(screen: ScreenSettings, image_side_px: int, *, corner: Corner = "lower_left") -> Placement:
    """Return the layout of a screen.

    Parameters
    ----------
    screen
        The screen and the size of the image on it.
    image_side_px
        Of the image, pixels of its own.
    corner
        Where the photodiode is.

    Raises
    ------
    SessionError
        The image does not fit, the photodiode patch would cover it, or nobody can sit where it has its angle.
    """
    for misfit in misfits_of_screen(screen, image_side_px):
        raise SessionError(f"session.json: {misfit.fault}. {misfit.remedy}")
    side = image_side_px * screen.image_scale
    image = Square(left_px=(screen.width_px - side) // 2, bottom_px=(screen.height_px - side) // 2, side_px=side)
    patch = _in_corner(screen, corner) if screen.photodiode_px else None
    return Placement(image=image, photodiode=patch, distance_cm=viewing_distance_cm(screen, image_side_px))


def _in_corner(screen: ScreenSettings, corner: Corner) -> Square:
    side = screen.photodiode_px
    return Square(
        left_px=screen.width_px - side if corner.endswith("right") else 0,
        bottom_px=screen.height_px - side if corner.startswith("upper") else 0,
        side_px=side,
    )


def pixels(angle_deg: float, *, cm_per_px: float, distance_cm: float) -> float:
    """Return how far from the screen's middle a visual angle is, screen pixels; the inverse of `degrees`.

    Parameters
    ----------
    angle_deg
        The angle.
    cm_per_px
        Size of a screen pixel.
    distance_cm
        From the eye to the screen.
    """
    return math.tan(math.radians(angle_deg)) * distance_cm / cm_per_px


def target_square(
    screen: ScreenSettings, target_deg: tuple[float, float], *, side_px: int, distance_cm: float
) -> Square:
    """Return the square around a dot somewhere on the screen.

    Parameters
    ----------
    screen
        The screen.
    target_deg
        The dot's middle: degrees to the right of the screen's, and above it.
    side_px
        The dot's diameter.
    distance_cm
        From the eye to the screen.
    """
    x_px, y_px = (pixels(one, cm_per_px=screen.cm_per_px, distance_cm=distance_cm) for one in target_deg)
    return Square(
        left_px=round(screen.width_px / 2 + x_px - side_px / 2),
        bottom_px=round(screen.height_px / 2 + y_px - side_px / 2),
        side_px=side_px,
    )


def disc(side_px: int) -> NDArray[np.bool_]:
    """Return which pixels of a square belong to its disc: those whose middle lies in it."""
    middles = np.arange(side_px) + 0.5 - side_px / 2
    inside: NDArray[np.bool_] = np.hypot(*np.meshgrid(middles, middles)) <= side_px / 2
    return inside


def degrees(x_px: float, *, cm_per_px: float, distance_cm: float) -> float:
    """Return the visual angle of a distance from the screen's middle, exactly, not by the small-angle rule.

    Parameters
    ----------
    x_px
        The distance, screen pixels.
    cm_per_px
        Size of a screen pixel.
    distance_cm
        From the eye to the screen.
    """
    return math.degrees(math.atan(x_px * cm_per_px / distance_cm))
