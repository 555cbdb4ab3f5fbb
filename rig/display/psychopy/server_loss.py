"""An X server that goes: the window library's own answer would be to end the process, with a line of its own.

Whatever is asked of a connection that was lost then does nothing and returns, so that the rig ends as after any other
failure: the journal has its end, and the operator the command that goes on.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from closedloop.errors import SessionError

_kept: Final[list[object]] = []  # Xlib calls these for as long as the process lives


class ServerConnection:
    """The window's connection to the X server; without one (Windows, macOS) it is never lost."""

    def __init__(self) -> None:
        self._is_lost = False
        self._connection: Any = None

    def watch(self, window: Any) -> None:
        """Outlive the connection of PsychoPy's window."""
        self._connection = getattr(window.winHandle, "_x_display", None)
        if self._connection is not None:
            self._outlive_it()

    def _outlive_it(self) -> None:
        from pyglet.libs.x11 import xlib  # noqa: PLC0415 - of X servers alone

        if not hasattr(xlib._lib, "XSetIOErrorExitHandler"):  # libX11 before 1.7 ends the process whatever it is told
            return

        def note(*_connection: object) -> int:
            self._is_lost = True
            return 0

        say_nothing = xlib.XIOErrorHandler(note)
        do_not_end = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: None)
        _kept.extend((say_nothing, do_not_end))
        xlib.XSetIOErrorHandler(say_nothing)
        xlib._lib.XSetIOErrorExitHandler(self._connection, do_not_end, None)

    @contextmanager
    def refuse_lost(self) -> Iterator[None]:
        """Ask the server for something in the block.

        Raises
        ------
        SessionError
            The server was lost, whatever the libraries made of that.
        """
        self._refuse_lost()
        try:
            yield
        except Exception:
            self._refuse_lost(ask=True)
            raise
        self._refuse_lost()

    @contextmanager
    def forgive_lost(self) -> Iterator[None]:
        """Tidy up in the block: what was on a server that is gone went with it, whatever the libraries make of that."""
        try:
            yield
        except Exception:
            if not self._is_lost:
                raise

    def close_window(self, window: Any) -> None:
        """Close PsychoPy's window; one whose connection was lost is left alone, the driver crashes at its end."""
        if self._is_lost:
            window._closed = True  # PsychoPy would close it once more as Python ends
        else:
            # The window library would hide it first, and wait without end for the word that it is hidden: of one that
            # a window manager never showed, or somebody iconified, no such word comes.
            window.winHandle._mapped = False
            window.close()
            self._sync()  # the window library leaves its last words to the server in a buffer: the window would stay

    def _sync(self) -> None:
        if self._connection is not None and not self._is_lost:
            from pyglet.libs.x11 import xlib  # noqa: PLC0415

            xlib.XSync(self._connection, 0)

    def _refuse_lost(self, *, ask: bool = False) -> None:
        if ask:
            self._sync()
        if self._is_lost:
            raise SessionError(
                f"display: expected the X server at DISPLAY={os.environ.get('DISPLAY', '')!r} until the session's end, "
                "found it gone (it was killed or has ended). Log in at the rig's screen again."
            )
