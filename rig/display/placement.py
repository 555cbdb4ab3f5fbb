"""Where things go on the screen, in whole pixels: an image off the pixel grid by half a pixel is another image."""

from __future__ import annotations

import math
from dataclasses import dataclass

from closedloop.artifacts.day.session import ScreenSettings
from closedloop.artifacts.day.session_fitness import misfits_of_screen, viewing_distance_cm
from closedloop.errors import SessionError


@dataclass(frozen=True)
class Square:
    """A square of whole pixels, counted from the lower left corner of the screen."""

    left_px: int
    bottom_px: int
    side_px: int

    def centre_from(self, width_px: int, height_px: int) -> tuple[float, float]:
        """Return its centre relative to the middle of the screen, right and up positive, pixels."""
        half = self.side_px / 2
        return self.left_px + half - width_px / 2, self.bottom_px + half - height_px / 2


@dataclass(frozen=True)
class Placement:
    """The squares of a session, and what a degree is.

    Attributes
    ----------
    image
        The image, `image_scale` screen pixels an image pixel, in the middle.
    photodiode
        The patch in the lower left corner, or None.
    distance_cm
        Viewing distance at which the image subtends its visual angle.
    """

    image: Square
    photodiode: Square | None
    distance_cm: float


def place(screen: ScreenSettings, image_side_px: int) -> Placement:
    """Return the layout of a screen.

    Raises
    ------
    SessionError
        The image does not fit, the photodiode patch would cover it, or nobody can sit where it has its angle.
    """
    for misfit in misfits_of_screen(screen, image_side_px):
        raise SessionError(f"session.json: {misfit.fault}. {misfit.remedy}")
    side = image_side_px * screen.image_scale
    image = Square(left_px=(screen.width_px - side) // 2, bottom_px=(screen.height_px - side) // 2, side_px=side)
    patch = Square(left_px=0, bottom_px=0, side_px=screen.photodiode_px) if screen.photodiode_px else None
    return Placement(image=image, photodiode=patch, distance_cm=viewing_distance_cm(screen, image_side_px))


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
