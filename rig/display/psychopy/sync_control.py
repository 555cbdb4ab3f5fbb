"""The driver's count of vertical blanks (GLX_OML_sync_control), where there really is one."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from rig.display.frame_count import BlankCount, ReadSync, SyncValues, counts_blanks

_N_TRIED = 4


def open_blank_count(window: Any, flip: Callable[[], object]) -> BlankCount | None:
    """Return the driver's count, or None where it keeps none.

    Mesa without a card has the entry points and returns nothing: only values that move with flips count.

    Parameters
    ----------
    window
        PsychoPy's.
    flip
        Shows one frame, to see the count move.
    """
    read = _reader(window)
    if read is None:
        return None
    values = []
    for _ in range(_N_TRIED):
        flip()
        values.append(read())
    return BlankCount(read) if counts_blanks(values) else None


def _reader(window: Any) -> ReadSync | None:
    handle = window.winHandle
    if not hasattr(handle, "_x_display"):  # no X server: Windows, macOS
        return None
    from pyglet.gl import glx_info, glxext_arb  # noqa: PLC0415 - of X servers alone

    if "GLX_OML_sync_control" not in glx_info.GLXInfo(handle._x_display).get_extensions():
        return None
    drawable = handle.context.glx_window or handle._window

    def read() -> SyncValues | None:
        time_us, n_blanks, n_swaps = (ctypes.c_int64() for _ in range(3))
        # A target of zero: returns once every swap asked for is on the screen, with the blank at which it got there.
        done = glxext_arb.glXWaitForSbcOML(
            handle._x_display, drawable, 0, ctypes.byref(time_us), ctypes.byref(n_blanks), ctypes.byref(n_swaps)
        )
        return SyncValues(time_us.value, n_blanks.value, n_swaps.value) if done else None

    return read
