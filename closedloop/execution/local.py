"""Several processes of this machine, forked: they share what the parent has loaded and cost nothing to start.

Pieces of work leave their results in files, so that nothing is sent back and a piece that was done stays done. A child
whose parent was killed ends after the piece it is at. Forking is safe here because torch runs on one thread on the
processor (the command line sees to that); with a GPU or more threads the work stays in one process.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from closedloop.errors import ClosedLoopError, ExecutionError

WORKER_INDEX = "CLOSEDLOOP_WORKER_INDEX"
"""Environment variable of a worker's process: its number among the workers."""

_FAILED = 1
_MOST_MESSAGE_BYTES = 4096  # a write of up to this size to a pipe is never mixed with another's
_DONE = b"\n"


def usable_processors() -> int:
    """Count the processors this process may use."""
    return len(os.sched_getaffinity(0))


def run_in_processes(
    pieces: Sequence[Callable[[], None]], *, n_processes: int, on_done: Callable[[int], None] | None = None
) -> None:
    """Do all pieces of work, each in one of several forked processes.

    Parameters
    ----------
    pieces
        Independent pieces; each leaves its result in a file.
    n_processes
        1 does them here, in order.
    on_done
        Called in this process with the number of pieces done so far.

    Raises
    ------
    ClosedLoopError
        A piece raised one; the first message that arrived.
    ExecutionError
        A process was killed.
    RuntimeError
        A piece raised something else; its traceback went to the error stream.
    """
    if n_processes == 1 or len(pieces) < 2:
        for place, piece in enumerate(pieces, start=1):
            piece()
            _tell(on_done, place)
        return
    reader, writer = os.pipe()
    n = min(n_processes, len(pieces))
    children = [_fork(pieces[first::n], writer, reader, index=first) for first in range(n)]
    os.close(writer)
    with _killed_on_error(children):
        messages = _read_messages(reader, on_done)
        status = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        children.clear()
    if messages:
        raise ClosedLoopError(messages[0])
    if killed := [-code for code in status if code < 0]:
        raise ExecutionError(
            f"local:{n}: expected all processes to finish, found {len(killed)} killed by signal {killed[0]}. "
            "Free some memory and run the same command again: what is done is kept."
        )
    if failed := sum(code != 0 for code in status):
        raise RuntimeError(f"{failed} of {n} processes failed; see the traceback above")


def _tell(on_done: Callable[[int], None] | None, n_done: int) -> None:
    if on_done is not None:
        on_done(n_done)


def _fork(pieces: Sequence[Callable[[], None]], writer: int, reader: int, *, index: int) -> int:
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    status = _FAILED
    try:
        os.close(reader)
        os.environ[WORKER_INDEX] = str(index)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        status = _work(pieces, writer, parent)
    except BaseException:  # noqa: BLE001 - a forked child must not run the parent's handlers
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _work(pieces: Sequence[Callable[[], None]], writer: int, parent: int) -> int:
    for piece in pieces:
        if os.getppid() != parent:
            return _FAILED
        try:
            piece()
        except ClosedLoopError as error:
            os.write(writer, str(error).replace("\n", " ").encode()[: _MOST_MESSAGE_BYTES - 1] + _DONE)
            return _FAILED
        os.write(writer, _DONE)
    return 0


def _read_messages(reader: int, on_done: Callable[[int], None] | None) -> list[str]:
    """Read until every child has closed its end: an empty line is a piece done, any other an error."""
    messages, n_done = [], 0
    with os.fdopen(reader, "rb") as lines:
        for line in lines:
            if line == _DONE:
                n_done += 1
                _tell(on_done, n_done)
            else:
                messages.append(line.decode().strip())
    return messages


@contextmanager
def _killed_on_error(children: list[int]) -> Iterator[None]:
    """End the children when this process is interrupted."""
    try:
        yield
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
