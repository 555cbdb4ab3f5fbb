"""The operator's terminal in a calibration: a page that is drawn anew a few times a second, and keys at once."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from closedloop.errors import SessionError, visible
from rig.operator.panel import has_terminal

_DRAW_S = 0.1
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_ESCAPE = b"\x1b"
_NAMED = {b"\x1b[C": "right", b"\x1b[D": "left", b"\x1bOC": "right", b"\x1bOD": "left", _ESCAPE: "escape"}


class Console:
    """A terminal that is taken over: see `open_console`.

    Parameters
    ----------
    wait_s
        How long a key is waited for: on a virtual clock nothing else makes a frame last.
    """

    def __init__(self, *, wait_s: float) -> None:
        self._wait_s, self._next_s = wait_s, 0.0

    def keys(self) -> list[str]:
        """Return the keys that were pressed since the last call."""
        ready, _, _ = select.select([0], [], [], self._wait_s)
        content = b""
        with suppress(OSError):  # of a terminal that was closed
            content = os.read(0, 64) if ready else b""
        if ready and not content:
            raise SessionError("terminal: expected keys, found it closed. Nothing was stored: begin again.")
        if content in _NAMED:
            return [_NAMED[content]]
        return [] if content.startswith(_ESCAPE) else list(content.decode(errors="replace"))

    def is_due(self) -> bool:
        """Return whether it takes a page now: a few times a second."""
        return time.monotonic() >= self._next_s

    def show(self, lines: Sequence[str]) -> None:
        """Draw a page."""
        self._next_s = time.monotonic() + _DRAW_S
        size = _size()
        cut = [visible(line)[: size.columns] for line in lines[: size.lines]]
        _write(_HOME + f"{_CLEAR_LINE}\r\n".join(cut) + _CLEAR_LINE + _CLEAR_BELOW)


@contextmanager
def open_console(*, wait_s: float = 0.0) -> Iterator[Console]:
    """Take over the terminal while the block runs; it is as it was after it.

    Parameters
    ----------
    wait_s
        See `Console`.

    Raises
    ------
    SessionError
        There is no terminal.
    """
    if not has_terminal():
        raise SessionError(
            "rig calibrate: expected a terminal for its page and keys, found none. Run it in a terminal of the rig."
        )
    import termios  # noqa: PLC0415 - not on every system
    import tty  # noqa: PLC0415

    before = termios.tcgetattr(0)
    try:
        tty.setcbreak(0)
        _write(_ENTER)
        yield Console(wait_s=wait_s)
    finally:
        with suppress(termios.error, OSError):  # the terminal may be gone
            _write(_LEAVE)
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def _size() -> os.terminal_size:
    with suppress(OSError):
        found = os.get_terminal_size(2)
        if found.columns and found.lines:
            return found
    return os.terminal_size((80, 24))


def _write(text: str) -> None:
    with suppress(OSError):  # the terminal was closed: its keys say so
        sys.stderr.write(text)
        sys.stderr.flush()
