"""Several processes of this machine, forked: they share what the parent has loaded and cost nothing to start.

Pieces of work leave their results in files, so that nothing is sent back and a piece that was done stays done. A child
whose parent was killed ends after the piece it is at. Forking is safe here because torch runs on one thread in a child,
whatever its parent has (`attacks.engine.devices` sees to that). A process that has used a graphics card can fork none
that does: where there are several workers even a single piece is done in a forked one, and the parent uses no card.
"""

from __future__ import annotations

import fcntl
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
_DONE, _TICK = b"\n", b"\t\n"


_to_parent: list[int] = []
"""In a forked process, where it writes to the one that forked it."""


def usable_processors() -> int:
    """Count the processors this process may use."""
    return len(os.sched_getaffinity(0))


def run_in_processes(
    pieces: Sequence[Callable[[], None]],
    *,
    n_processes: int,
    on_done: Callable[[int], None] | None = None,
    on_tick: Callable[[], None] | None = None,
) -> None:
    """Do all pieces of work, each in one of several forked processes.

    Parameters
    ----------
    pieces
        Independent pieces; each leaves its result in a file.
    n_processes
        1 does them here, in order; with more even one piece is done in a forked process.
    on_done
        Called in this process with the number of pieces done so far.
    on_tick
        Called in this process whenever a piece calls `tick` in its own; not where all is done here.

    Raises
    ------
    ClosedLoopError
        A piece raised one; the first message that arrived.
    ExecutionError
        A process was killed.
    RuntimeError
        A piece raised something else, which its text and its note, the traceback in the process, say.
    """
    if n_processes == 1 or not pieces:
        for place, piece in enumerate(pieces, start=1):
            piece()
            _tell(on_done, place)
        return
    _run_forked(pieces, min(n_processes, len(pieces)), on_done, on_tick)


def run_apart(piece: Callable[[], None], on_tick: Callable[[], None] | None = None) -> None:
    """Do a piece of work in a forked process of its own, which ends after it even where this one was killed.

    Parameters
    ----------
    piece
        Leaves its result in a file.
    on_tick
        Called in this process whenever the piece calls `tick`.

    Raises
    ------
    ClosedLoopError, ExecutionError, RuntimeError
        As `run_in_processes` does.
    """
    _run_forked([piece], 1, None, on_tick)


def _run_forked(
    pieces: Sequence[Callable[[], None]],
    n: int,
    on_done: Callable[[int], None] | None,
    on_tick: Callable[[], None] | None,
) -> None:
    reader, writer = os.pipe()
    children: list[int] = []
    with _killed_on_error(children), _tracebacks() as tracebacks:
        for first in range(n):
            children.append(_fork(pieces[first::n], writer, reader, tracebacks, index=first))
        os.close(writer)
        messages = _read_messages(reader, on_done, on_tick)
        status = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        children.clear()
        traces = _read_all(tracebacks)
    if messages:
        raise ClosedLoopError(messages[0])
    if killed := [-code for code in status if code < 0]:
        raise ExecutionError(
            f"local:{n}: expected all processes to finish, found {len(killed)} killed by signal {killed[0]}. "
            "Free some memory and run the same command again: what is done is kept."
        )
    if failed := sum(code != 0 for code in status):
        raise _unforeseen(f"{failed} of {n} processes failed", traces)


def tick() -> None:
    """Tell the process that shares out the work that a piece goes on; nothing where there is none."""
    if _to_parent:
        os.write(_to_parent[0], _TICK)


def _unforeseen(what: str, traces: str) -> RuntimeError:
    """Return the error of a process that nobody foresaw, its own words last and its traceback as a note."""
    lines = [line for line in traces.splitlines() if line.strip()]
    error = RuntimeError(f"{what}, with {lines[-1]}" if lines else what)
    if traces:
        error.add_note(f"In the process:\n{traces}")
    return error


def _tell(on_done: Callable[[int], None] | None, n_done: int) -> None:
    if on_done is not None:
        on_done(n_done)


@contextmanager
def _tracebacks() -> Iterator[int]:
    """Yield a file of no disk, which may be full, to which every process appends what it has to tell of its end."""
    file = os.memfd_create("tracebacks")
    fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)
    try:
        yield file
    finally:
        os.close(file)


def _read_all(file: int) -> str:
    return os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace")


def _fork(pieces: Sequence[Callable[[], None]], writer: int, reader: int, tracebacks: int, *, index: int) -> int:
    parent = os.getpid()

    def work() -> int:
        os.close(reader)
        _to_parent[:] = [writer]
        return _work(pieces, writer, parent)

    return fork(work, index=index, tracebacks=tracebacks)


def fork(work: Callable[[], int], *, index: int, tracebacks: int | None = None) -> int:
    """Fork a process that does some work and ends; return its number.

    Parameters
    ----------
    work
        Returns the exit code.
    index
        Number of the process among the workers.
    tracebacks
        An open file to which it appends the traceback of what nobody foresaw; None: nobody asks.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    status = _FAILED
    try:
        os.environ[WORKER_INDEX] = str(index)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        status = work()
    except KeyboardInterrupt:  # between the fork and the lines above
        pass
    except BaseException:  # noqa: BLE001 - a forked child must not run the parent's handlers
        if tracebacks is not None:
            os.write(tracebacks, traceback.format_exc().encode(errors="backslashreplace"))
    finally:
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


def _read_messages(reader: int, on_done: Callable[[int], None] | None, on_tick: Callable[[], None] | None) -> list[str]:
    """Read until every child has closed its end: an empty line is a piece done, a tick a tick, any other an error."""
    messages, n_done = [], 0
    with os.fdopen(reader, "rb") as lines:
        for line in lines:
            if line == _DONE:
                n_done += 1
                _tell(on_done, n_done)
            elif line == _TICK:
                if on_tick is not None:
                    on_tick()
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
