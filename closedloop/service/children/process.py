"""A study's loop as a process: started so that it ends with the service, and ended so that it can tidy up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import ExecutionError
from closedloop.service.children.leftovers import marked
from closedloop.service.children.log import LoopLog


@dataclass(frozen=True)
class LoopOptions:
    """What every loop is started with.

    Attributes
    ----------
    workers, settle_s
        As ``closedloop run`` takes them; None for its own defaults.
    program
        What is given the study and these.
    """

    workers: str | None = None
    settle_s: float | None = None
    program: tuple[str, ...] = (sys.executable, "-m", "closedloop", "run")

    def words(self, root: Path) -> list[str]:
        """Return the command line that advances a study."""
        words = [*self.program, str(root), "--wait"]
        words += [] if self.workers is None else ["--workers", self.workers]
        words += [] if self.settle_s is None else ["--settle", f"{self.settle_s:g}"]
        return words


@dataclass(frozen=True)
class LoopProcess:
    """A loop that was started.

    Attributes
    ----------
    process
        Its process; its number is also that of its group.
    log_from
        How many bytes the log had before.
    """

    process: subprocess.Popen[bytes]
    log_from: int

    @property
    def pid(self) -> int:
        """Return its number."""
        return self.process.pid

    def code(self) -> int | None:
        """Return how it ended, as Python tells it; None while it runs."""
        return self.process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)


def start_loop(root: Path, log: LoopLog, options: LoopOptions) -> LoopProcess:
    """Start a study's loop.

    To be called by a thread that lives as long as the service: the kernel ends the loop when that thread ends.

    Parameters
    ----------
    root
        The study.
    log
        Where what it prints is kept.
    options
        What it is started with.

    Raises
    ------
    ExecutionError
        This machine starts no process.
    """
    guard = [sys.executable, "-m", "closedloop.service.children.guard", str(os.getpid())]
    log_from = log.size()
    with log.opened() as descriptor:
        try:
            process = subprocess.Popen(
                [*guard, *options.words(root)],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is the service's to answer
                env=marked(os.environ, root),
            )
        except OSError as error:
            raise ExecutionError(
                f"{sys.executable}: expected to start a loop for {root}, found {error.strerror}. "
                "End other processes, or raise the limit on them."
            ) from error
    return LoopProcess(process, log_from)
