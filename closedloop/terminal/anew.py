"""A program begins anew in its own place, by the same command line: what it took of memory is given back.

Libraries that compute keep what they took, in a graphics card as well, until their process ends. One that waits for
days would keep it from everybody else.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from closedloop.terminal.streams import unprinted_line

_MARK = "CLOSEDLOOP_BEGUN_ANEW"
_own: list[bool] = []


def allow_beginning_anew() -> None:
    """Hear that this process is the program's own: within another one, a notebook say, nothing is begun anew."""
    _own.append(True)


def begin_anew() -> None:
    """Begin anew, as the same process; return where that cannot be, and all goes on as it was."""
    if not _own:
        return
    with suppress(OSError):  # whoever reads what is printed may be gone: that is said when more is printed
        unprinted_line()
    os.environ[_MARK] = str(os.getpid())
    with suppress(OSError):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    del os.environ[_MARK]


def has_begun_anew() -> bool:
    """Return, once, whether this process did: what was said at its beginning need not be said again."""
    return os.environ.pop(_MARK, "") == str(os.getpid())
