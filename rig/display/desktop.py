"""The port to the desktop that the window is on: screens, what lies over the window, pixels, gamma, screen saver."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rig.display.screens import FoundScreen, Rectangle


class WindowWatcher(Protocol):
    """Looks whether the animal can see the window."""

    def poll(self) -> tuple[str, ...]:
        """Return what is wrong, from what the desktop reported since; cheap enough for every frame."""
        ...

    def look(self) -> tuple[str, ...]:
        """Return what is wrong, from asking everything anew; between trials."""
        ...

    def place(self) -> Rectangle:
        """Return where the window is."""
        ...

    def bring_back(self) -> None:
        """Show the window, above others and with the keyboard."""
        ...


class Desktop(Protocol):
    """What can be asked of a desktop and done to it."""

    def screens(self) -> tuple[FoundScreen, ...]:
        """Return the screens that are on, in the order in which rig.yaml counts them."""
        ...

    def seen_to_appear(self) -> AbstractContextManager[None]:
        """Open a window in the block; SessionError where the desktop does not show it."""
        ...

    def watch(self, window_id: int, wanted: Rectangle) -> WindowWatcher:
        """Watch a window."""
        ...

    def has_compositor(self) -> bool:
        """Return whether a program draws windows anew before they are seen, with a delay of its own (effects)."""
        ...

    def mark_as_ours(self, window_id: int) -> None:
        """Mark a window as one of the rig's, which the keyboard may write into: the operator's."""
        ...

    def read_pixels(self, place: Rectangle) -> NDArray[np.uint8]:
        """Return what the screen shows there, row x column x RGB."""
        ...

    def read_ramps(self, place: Rectangle) -> Sequence[NDArray[np.float64]]:
        """Return the gamma ramps that belong to the screens there: RGB x level, in [0, 1]."""
        ...

    def reset_ramps(self, place: Rectangle) -> None:
        """Give the screens there the identity."""
        ...

    def has_mark(self, name: str) -> bool:
        """Return whether a mark was left that lasts as long as the desktop, longer than a process."""
        ...

    def set_mark(self, name: str) -> None:
        """Leave a mark."""
        ...

    def remove_mark(self, name: str) -> None:
        """Remove a mark."""
        ...

    def keep_awake(self) -> bool:
        """Turn the screen saver and the screen's sleep off; return whether one was on."""
        ...

    def let_sleep(self) -> None:
        """Set them as they were."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


def open_desktop() -> Desktop | None:
    """Open the desktop; None where it cannot be asked yet: on Windows and macOS.

    Raises
    ------
    SessionError
        There is none.
    """
    if not sys.platform.startswith("linux"):
        return None
    from rig.display.x11.desktop import XDesktop  # noqa: PLC0415 - Linux's library alone

    return XDesktop()
