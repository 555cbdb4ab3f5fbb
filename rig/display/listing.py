"""The screens of this computer, for whoever has to choose one: `rig devices`, `rig init`, `rig check`."""

from __future__ import annotations

from rig.display.desktop import open_desktop
from rig.display.screens import FoundScreen


def list_screens() -> tuple[FoundScreen, ...]:
    """Return the screens of this computer, in the order in which rig.yaml counts them; opens no window.

    Raises
    ------
    SessionError
        There is no desktop to ask.
    """
    desktop = open_desktop()
    if desktop is None:
        from rig.display.psychopy.window import list_pyglet_screens  # noqa: PLC0415 - takes a second

        return list_pyglet_screens()
    try:
        return desktop.screens()
    finally:
        desktop.close()
