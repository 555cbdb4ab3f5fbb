"""Why a session ended before everything was accepted, in words: of its journal's last line, and of its summary."""

from __future__ import annotations

from typing import Final

from closedloop.errors import ClosedLoopError
from rig.machine.watcher import Happened
from rig.stop import BY_KEY, StopRequest

_BY: Final = {"key": BY_KEY, "terminal": "the operator, from another terminal"}
_MOST_CHARACTERS: Final = 500


def why_stopped(last: Happened | None, stop: StopRequest) -> str | None:
    """Return who or what ended a session that was led to its end; None where nobody knows.

    Parameters
    ----------
    last
        The last thing that happened and changed something.
    stop
        Where a stop is asked for.
    """
    if last is not None and last.event == "device_gone":
        return last.why
    if last is not None and last.event == "quit" and last.command is not None:
        return _BY[last.command.origin]
    return stop.by or None


def why_broken(error: Exception) -> str:
    """Return in a line which error broke a session off."""
    said = str(error) if isinstance(error, ClosedLoopError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())[:_MOST_CHARACTERS]
