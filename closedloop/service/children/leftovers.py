"""Processes of a study that outlived who started them: told by a mark in their environment, and ended.

A loop that is killed cannot end its rig or its workers, and a service that is killed cannot wait for its loop. All that
was started for a study bears the study's folder in its environment, whatever session or group it is in, so that nothing
is mistaken: a process number alone may be somebody else's by now.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

MARK = "CLOSEDLOOP_SERVED"
"""Environment variable of all processes that the service starts for a study: the study's folder."""

_LOOKS, _LOOK_AGAIN_S = 5, 0.002


def marked(environment: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return the environment of a process that is started for a study."""
    return {**environment, MARK: str(root)}


def unmarked(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that is no part of any study's loop."""
    return {name: value for name, value in environment.items() if name != MARK}


def processes_of(root: Path) -> set[int]:
    """Return the numbers of all running processes of this account that were started for a study."""
    mark = os.fsencode(f"{MARK}={root}")
    found = {number for number, environment in _environments() if mark in environment.split(b"\0")}
    return found - {os.getpid()}


def signal_all(processes: set[int], number: signal.Signals) -> None:
    """Send a signal to each process that is still there."""
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def _environments() -> Iterator[tuple[int, bytes]]:
    for folder in os.scandir("/proc"):
        if folder.name.isdecimal():
            with suppress(OSError):  # of another account, or gone
                yield int(folder.name), _environment(Path(folder.path))


def _environment(process: Path) -> bytes:
    """Read a process's environment; in the instant in which it becomes another program it has none."""
    for _ in range(_LOOKS):
        environment = (process / "environ").read_bytes()
        if environment:
            return environment
        (process / "exe").readlink()  # of one that has ended, or is the kernel's own, there is none
        time.sleep(_LOOK_AGAIN_S)
    return b""
