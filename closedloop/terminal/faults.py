"""An error that nobody foresaw: a line for the user, and the traceback in a file for whoever mends it."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from closedloop import __version__

DEBUG = "CLOSEDLOOP_DEBUG"
"""Environment variable that has tracebacks printed."""

_MOST_CHARACTERS = 200  # of what the error says of itself


def fault_line(error: BaseException, program: str) -> str:
    """Keep an unforeseen error's traceback, and return the line that says so.

    Parameters
    ----------
    error
        What was raised.
    program
        Whose fault it is.
    """
    what = " ".join(f"{type(error).__name__}: {error}".split())
    shown = what if len(what) <= _MOST_CHARACTERS else f"{what[:_MOST_CHARACTERS]}..."
    kept = _keep("".join(traceback.format_exception(error)), program)
    report = f"Please report it with {kept}" if kept else f"Run it again with {DEBUG}=1 for all that is known of it"
    return f"{program}: a fault of this program, not of yours: {shown}. {report}; nothing published is lost."


def library_of(error: BaseException, libraries: Collection[str]) -> str | None:
    """Return the library, of those named, whose import raised an error: it is missing or broken. None if none did.

    Parameters
    ----------
    error
        An ImportError, or an OSError as of a shared object that is not there.
    libraries
        Import names.
    """
    missing = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ImportError) and missing in libraries:
        return str(missing)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        library = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if library in libraries and frame.f_code.co_name == "<module>":  # its first lines ran
            return library
    return None


def _keep(text: str, program: str) -> Path | None:
    head = f"{program} {__version__}, Python {sys.version}\n{sys.argv}\n\n"
    content = (head + text).encode(errors="surrogateescape")
    for folder in _folders():
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            file, name = tempfile.mkstemp(prefix=f"{program}-", suffix=".txt", dir=folder)
            with os.fdopen(file, "wb") as kept:
                kept.write(content)
            return Path(name)
    return None


def _folders() -> Iterator[Path]:
    """Yield where a traceback may be kept, the best place first; never the folder one stands in."""
    state = os.environ.get("XDG_STATE_HOME") or os.environ.get("HOME")
    if state:
        yield Path(state) / ("closedloop" if os.environ.get("XDG_STATE_HOME") else ".local/state/closedloop")
    with suppress(OSError):
        yield Path(tempfile.gettempdir())
