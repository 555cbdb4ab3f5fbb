"""The loop and the rig as processes of their own: killed as they work, or given a disk that takes no more."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import StudyError
from closedloop.storage import make_folder, open_new, read_bytes, remove_file

_POLL_S = 0.01
_ENVIRONMENT = {"COLUMNS": "400"}
_PROGRESS = re.compile(r": \d{1,3} %(, about .* left)?$")


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes
    ----------
    code
        Its exit code, below 0 by a signal.
    lines
        What it said, without how far it was.
    was_full
        Whether its files could not grow, in the end.
    """

    code: int
    lines: tuple[str, ...]
    was_full: bool = False

    @property
    def last(self) -> str:
        """The last thing it said."""
        return self.lines[-1] if self.lines else "nothing"

    def starting(self, words: str) -> str:
        """Return the last line that begins with some words, without them; the last one of all where none does."""
        return next((line.removeprefix(words) for line in reversed(self.lines) if line.startswith(words)), self.last)


@dataclass(frozen=True)
class Interference:
    """What is done to a program as it runs.

    Attributes
    ----------
    kills
        Asked again and again: True has it killed.
    fills
        Asked again and again: from when it is True, no file may grow beyond `most_file_bytes`.
    most_file_bytes
        Likewise.
    asks_to_end
        Whether it is asked to end (SIGTERM) instead of killed.
    """

    kills: Callable[[], bool] = lambda: False
    fills: Callable[[], bool] = lambda: False
    most_file_bytes: int = 0
    asks_to_end: bool = False


def run_program_of(
    module: str,
    words: Sequence[str | Path],
    *,
    log: Path,
    tell: Callable[[str], None],
    interference: Interference,
    heed: Callable[[], None] = lambda: None,
) -> Ended:
    """Run one of our programs to its end, or to the end that is made for it.

    Parameters
    ----------
    module
        `closedloop` or `rig`.
    words
        Its command line.
    log
        Where all that it says is written.
    tell
        Told each line.
    interference
        What is done to it.
    heed
        Asked again and again: raises where this program itself is to end.

    Raises
    ------
    StudyError
        It cannot be started.
    """
    make_folder(log.parent)
    remove_file(log)
    command = [sys.executable, "-m", module, *map(str, words)]
    with open_new(log) as said:
        try:
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=os.environ | _ENVIRONMENT)
        except OSError as error:
            raise StudyError(
                f"{module}: expected a program to start, found {error}. Close others, and run again."
            ) from error
        try:
            was_full = _watch(process, log, tell, interference, heed)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    return Ended(process.returncode, _lines(log), was_full)


def _watch(
    process: subprocess.Popen[bytes],
    log: Path,
    tell: Callable[[str], None],
    interference: Interference,
    heed: Callable[[], None],
) -> bool:
    """Watch a program to its end; return whether its files could not grow any more."""
    n_told, is_full = 0, False
    while process.poll() is None:
        heed()
        if not is_full and interference.fills():
            is_full, limit = True, interference.most_file_bytes
            with suppress(ProcessLookupError):  # it ended meanwhile
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        if interference.kills():
            if interference.asks_to_end:
                process.terminate()
                process.wait()
            else:
                process.kill()
            break
        lines = _lines(log)
        for line in lines[n_told:-1]:
            tell(line)
        n_told = max(n_told, len(lines) - 1)
        time.sleep(_POLL_S)
    return is_full


def _lines(log: Path) -> tuple[str, ...]:
    text = read_bytes(log).decode(errors="replace")
    return tuple(line for line in text.splitlines() if line.strip() and not _PROGRESS.search(line))
