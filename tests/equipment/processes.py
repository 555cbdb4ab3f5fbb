"""Processes that tests start: none outlives its test, and none is waited for without end."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import AnyStr

START_S, END_S = 60.0, 20.0
STARTS = 3


class Child(subprocess.Popen[AnyStr]):
    """A process in a `with`: it is killed where the block is left by an error.

    `subprocess.Popen` waits there until the process ends by itself: a server never does, and a test that failed in one
    line hung for as long as its machine had.
    """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, error, traceback)


class NoServerError(Exception):
    """An X server that did not come up."""


@contextlib.contextmanager
def x_server(command: Sequence[str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start an X server on a free number, yield its DISPLAY and its process, and end it.

    One that ends or says nothing is started again, at a number that is free then: two that start at the same moment
    may want the same.
    """
    for _ in range(STARTS):
        reading, writing = os.pipe()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        words = [command[0], "-displayfd", str(writing), *command[1:]]
        with Child[bytes](words, pass_fds=(writing,), **quiet) as server, os.fdopen(reading) as answer:
            os.close(writing)
            number = answer.readline().strip() if select.select([reading], [], [], START_S)[0] else ""
            if not number:
                server.kill()
                continue
            # It draws for a rig that runs in real time: without its own priority a busy machine delays frames.
            with contextlib.suppress(OSError):
                os.sched_setscheduler(server.pid, os.SCHED_RR, os.sched_param(1))
            yield f":{number}", server
            end(server)
            return
    raise NoServerError(f"{command[0]} did not start, {STARTS} times")


def end(process: subprocess.Popen[AnyStr]) -> None:
    """Ask a process to end, and kill one that does not."""
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
