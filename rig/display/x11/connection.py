"""A connection to the X server beside the window's own: what it says is what the server did, not what we asked for."""

from __future__ import annotations

import os
from typing import Any

from Xlib import error
from Xlib.display import Display as Connection

from closedloop.errors import SessionError

GONE = (error.BadWindow, error.BadDrawable)  # a window that closed between two questions


def connect() -> Any:
    """Open a connection.

    Raises
    ------
    SessionError
        There is no X server, or one that only translates for another (Wayland).
    """
    try:
        server = Connection()
    except Exception as cause:
        raise SessionError(
            f"display: expected an X server at DISPLAY={os.environ.get('DISPLAY', '')!r}, found none. "
            "Log in at the rig's screen, or name its server in DISPLAY (such as :0)."
        ) from cause
    server.set_error_handler(_ignore)
    if server.has_extension("XWAYLAND"):
        server.close()
        raise SessionError(
            "display: expected an X server of its own, found Wayland's translation: it delays, scales and covers "
            "windows without a word. Log in to an X session (often called Xorg at the login screen)."
        )
    return server


def _ignore(*_what: object) -> None:
    """Answer errors of requests that have no answer, such as watching a window that closed just now."""
