"""Where a screen lies on the desktop: Tk knows the desktop alone."""

from __future__ import annotations

from closedloop.errors import SessionError

Rectangle = tuple[int, int, int, int]


def screen_rectangle(number: int) -> Rectangle:
    """Return left, top, width and height of a screen, pixels; counted as the animal's is, from 0.

    Raises
    ------
    SessionError
        There is no such screen.
    """
    from Xlib import display  # noqa: PLC0415 - of the rig extra, by PsychoPy
    from Xlib.ext import xinerama  # noqa: PLC0415

    connection = display.Display()
    try:
        screens = _heads(xinerama.query_screens(connection).screens) if connection.has_extension("XINERAMA") else []
        whole = connection.screen()
        screens = screens or [(0, 0, whole.width_in_pixels, whole.height_in_pixels)]
    finally:
        connection.close()
    if number >= len(screens):
        raise SessionError(
            f"operator window: expected screen {number}, found {len(screens)} screens. "
            "Connect it, or correct operator_screen in rig.yaml."
        )
    return screens[number]


def _heads(found: list[object]) -> list[Rectangle]:
    return [(head.x, head.y, head.width, head.height) for head in found]  # type: ignore[attr-defined]
