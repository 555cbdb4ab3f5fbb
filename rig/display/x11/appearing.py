"""Sees to it that a window that opens appears.

PsychoPy's window library asks the window manager to show its window once, and waits without end until it is shown. A
window manager that begins at that moment, or is busy, may miss the request: the rig would wait in silence, for ever.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from Xlib import X
from Xlib.protocol import event

from closedloop.errors import SessionError
from rig.display.x11.connection import GONE

TITLE: Final = "PsychoPy"  # of every window that PsychoPy opens
ASK_AGAIN_S: Final = 2.0
GIVE_UP_S: Final = 30.0
_LOOK_S: Final = 0.2


@contextmanager
def seen_to_appear(server: Any, *, ask_again_s: float = ASK_AGAIN_S, give_up_s: float = GIVE_UP_S) -> Iterator[None]:
    """Open a window in the block; it is asked for again until it is shown.

    Parameters
    ----------
    server
        A connection that nobody else asks in the meantime.
    ask_again_s
        Seconds after which a window that is still hidden is asked for again.
    give_up_s
        Seconds after which it is given up.

    Raises
    ------
    SessionError
        It was given up.
    """
    opened = threading.Event()
    hidden = _Hidden(server)
    helper = threading.Thread(target=hidden.ask_until, args=(opened, ask_again_s, give_up_s), daemon=True)
    helper.start()
    try:
        yield
    finally:
        opened.set()
        helper.join()
    if hidden.is_given_up:
        raise SessionError(
            f"display: expected the desktop to show the rig's window within {give_up_s:g} s, found it hidden. See "
            f"whether the window manager of DISPLAY={os.environ.get('DISPLAY', '')!r} answers, or log in there again."
        )


class _Hidden:
    """The window of this block that nobody sees yet."""

    def __init__(self, server: Any) -> None:
        self._server, self._root = server, server.screen().root
        self._before = {window.id for window in self._root.query_tree().children}
        self.is_given_up = False

    def ask_until(self, opened: threading.Event, ask_again_s: float, give_up_s: float) -> None:
        """Look for it until it is open, and ask for it from time to time."""
        n_looks, n_asked = 0, 0
        while not opened.wait(_LOOK_S):
            window = self._find()
            if window is None:
                continue
            n_looks += 1
            if n_looks * _LOOK_S >= give_up_s:
                self.is_given_up = True
                self._end_wait(window)
                return
            if n_looks * _LOOK_S >= (n_asked + 1) * ask_again_s:
                n_asked += 1
                window.map()
                self._server.sync()

    def _find(self) -> Any:
        for window in self._root.query_tree().children:
            try:
                if (
                    window.id not in self._before
                    and window.get_wm_name() == TITLE
                    and window.get_attributes().map_state != X.IsViewable
                ):
                    return window
            except GONE:
                continue
        return None

    def _end_wait(self, window: Any) -> None:
        """Say that it is shown, though it is not: the library waits for this word alone."""
        shown = event.MapNotify(event=window, window=window, override=0)
        window.send_event(shown, event_mask=X.StructureNotifyMask)
        self._server.sync()
