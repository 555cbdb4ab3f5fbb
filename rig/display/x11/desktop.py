"""An X server as the desktop that the rig's window is on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray
from Xlib import X, Xatom

from rig.display.screens import FoundScreen, Rectangle
from rig.display.x11.appearing import seen_to_appear
from rig.display.x11.connection import connect
from rig.display.x11.heads import list_heads, read_ramps, reset_ramps
from rig.display.x11.pixels import read_screen, refuse_other_depth
from rig.display.x11.saver import inhibit_saver, restore_saver
from rig.display.x11.window_watch import WindowWatch, mark_as_ours


class XDesktop:
    """The X server that DISPLAY names.

    Raises
    ------
    SessionError
        There is none, or its pixels have another depth than 24 bits.
    """

    def __init__(self) -> None:
        self._server, self._watching = connect(), connect()  # a watch takes all reports that come over its connection
        refuse_other_depth(self._server)

    def screens(self) -> tuple[FoundScreen, ...]:
        """Return the screens that are on."""
        return list_heads(self._server)

    def seen_to_appear(self) -> AbstractContextManager[None]:
        """Open a window in the block; it is asked for again until it is shown."""
        return seen_to_appear(self._watching)

    def watch(self, window_id: int, wanted: Rectangle) -> WindowWatch:
        """Watch a window."""
        return WindowWatch(self._watching, window_id, wanted)

    def has_compositor(self) -> bool:
        """Return whether somebody is the screen's compositing manager (Extended Window Manager Hints)."""
        number = self._server.get_default_screen()
        return bool(self._server.get_selection_owner(self._server.intern_atom(f"_NET_WM_CM_S{number}")) != X.NONE)

    def mark_as_ours(self, window_id: int) -> None:
        """Mark a window as one of the rig's."""
        mark_as_ours(self._server, window_id)

    def read_pixels(self, place: Rectangle) -> NDArray[np.uint8]:
        """Return what the screen shows there."""
        return read_screen(self._server, place)

    def read_ramps(self, place: Rectangle) -> Sequence[NDArray[np.float64]]:
        """Return RandR's gamma ramps of the screens there."""
        return read_ramps(self._server, place)

    def reset_ramps(self, place: Rectangle) -> None:
        """Give the screens there the identity."""
        reset_ramps(self._server, place)

    def has_mark(self, name: str) -> bool:
        """Return whether the root window has this property."""
        return self._server.screen().root.get_full_property(self._server.intern_atom(name), Xatom.CARDINAL) is not None

    def set_mark(self, name: str) -> None:
        """Give the root window this property."""
        self._server.screen().root.change_property(self._server.intern_atom(name), Xatom.CARDINAL, 32, [os.getpid()])
        self._server.sync()

    def remove_mark(self, name: str) -> None:
        """Take the property away."""
        self._server.screen().root.delete_property(self._server.intern_atom(name))
        self._server.sync()

    def keep_awake(self) -> bool:
        """Turn the screen saver and DPMS off."""
        return inhibit_saver(self._server)

    def let_sleep(self) -> None:
        """Set them as they were."""
        restore_saver(self._server)

    def close(self) -> None:
        """Close both connections."""
        self._watching.close()
        self._server.close()
