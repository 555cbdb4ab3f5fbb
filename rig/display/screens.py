"""The screens of this computer, and whether one of them can be the animal's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.errors import SessionError

_SCALE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Rectangle:
    """A part of the desktop, whole pixels from its upper left corner."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int

    def overlaps(self, other: Rectangle) -> bool:
        """Return whether the two have a pixel in common."""
        return (
            self.left_px < other.left_px + other.width_px
            and other.left_px < self.left_px + self.width_px
            and self.top_px < other.top_px + other.height_px
            and other.top_px < self.top_px + self.height_px
        )

    def __str__(self) -> str:
        return f"{self.width_px} x {self.height_px} at ({self.left_px}, {self.top_px})"


@dataclass(frozen=True)
class FoundScreen:
    """One screen as the system describes it.

    Attributes
    ----------
    number
        As the system counts them, from 0: the number that rig.yaml names.
    outputs
        Names of what it is plugged into; more than one where the same picture goes to several.
    place
        Where it is on the desktop.
    refresh_hz
        Of its mode, or None where the system does not say.
    scale
        Pixels of the panel for one of the desktop; 1 where nothing is scaled, None where the system does not say.
    width_cm
        Of the lit picture as the screen itself says, or None: often wrong, never to be relied on.
    """

    number: int
    outputs: tuple[str, ...]
    place: Rectangle
    refresh_hz: float | None
    scale: float | None
    width_cm: float | None

    @property
    def name(self) -> str:
        """What to call it."""
        return " and ".join(self.outputs) or f"screen {self.number}"


def choose_screen(
    screens: Sequence[FoundScreen], number: int, *, width_px: int, height_px: int, full_screen: bool
) -> FoundScreen:
    """Return the screen of this number, or refuse it.

    Parameters
    ----------
    screens
        Those there are.
    number
        The wanted one's.
    width_px, height_px
        The size that was planned.
    full_screen
        Whether it has to be the screen's size; a window has to fit.

    Raises
    ------
    SessionError
        It is not there, shows what another one shows, is scaled, or has another size.
    """
    by_number = {screen.number: screen for screen in screens}
    if number not in by_number:
        raise SessionError(
            f"display: expected screen {number}, found {len(screens)} screens. "
            "Connect it, or set its number in rig.yaml (`rig devices` lists them, counted from 0)."
        )
    wanted = by_number[number]
    _refuse_shared(wanted, screens)
    _refuse_scaled(wanted)
    _refuse_other_size(wanted, width_px=width_px, height_px=height_px, full_screen=full_screen)
    return wanted


def _refuse_shared(wanted: FoundScreen, screens: Sequence[FoundScreen]) -> None:
    if len(wanted.outputs) > 1:
        raise SessionError(
            f"display: expected a screen of its own for the animal, found one picture on {wanted.name}. "
            f"Separate them (`xrandr --output {wanted.outputs[1]} --right-of {wanted.outputs[0]}` on Linux)."
        )
    for other in screens:
        if other.number != wanted.number and other.place.overlaps(wanted.place):
            raise SessionError(
                f"display: expected a screen of its own for the animal, found {wanted.name} ({wanted.place}) and "
                f"{other.name} ({other.place}) showing the same part of the desktop. "
                f"Separate them (`xrandr --output {other.name} --right-of {wanted.name}` on Linux)."
            )


def _refuse_scaled(wanted: FoundScreen) -> None:
    if wanted.scale is not None and abs(wanted.scale - 1.0) > _SCALE_TOLERANCE:
        raise SessionError(
            f"display: expected one pixel of {wanted.name} for one pixel of the picture, found {wanted.scale:g}. "
            f"Turn its scaling off (100 %; `xrandr --output {wanted.name} --scale 1x1` on Linux)."
        )


def _refuse_other_size(wanted: FoundScreen, *, width_px: int, height_px: int, full_screen: bool) -> None:
    found = (wanted.place.width_px, wanted.place.height_px)
    if found == (width_px, height_px) or (not full_screen and found[0] >= width_px and found[1] >= height_px):
        return
    raise SessionError(
        f"display: expected {width_px} x {height_px} pixels, found {found[0]} x {found[1]} ({wanted.name}). "
        "Set the screen's mode, or plan the session for this size."
    )
