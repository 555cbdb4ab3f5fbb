"""The side of whoever has a file to read: starts the helper, asks, waits no longer than the limits say."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import closedloop.errors
from closedloop.confined.protocol import (
    END,
    ENDED,
    FAILED,
    LENGTH_BYTES,
    MOST_REQUEST_BYTES,
    OUT_OF_MEMORY,
    Answer,
    ConfinedError,
    FunctionPlace,
    Limits,
)
from closedloop.errors import ExecutionError

_ENDING_S = 5.0  # of a helper that has closed its socket
_START_S = 120.0  # of the helper, and of a library it loads: long on a cold network disk
_READ_BYTES = 1 << 20
_MOST_VALUE_BYTES = 8 << 20
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from closedloop.confined.helper import serve; serve()"
)
_QUIET = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # the others reserve more address space than a child has
    "HDF5_PLUGIN_PRELOAD": "::",  # a file names its filters: HDF5 is to load no library for it
    "HDF5_USE_FILE_LOCKING": "FALSE",
    "MKL_CBWR": "AUTO",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass
class _Helper:
    """The helper of this process, the way to it, and when it was asked last."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    said: IO[bytes]  # what it wrote to its standard error
    asked_at: float = field(default_factory=time.monotonic)

    def stop(self) -> None:
        """End it, and the child it has."""
        self.channel.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # its own session: it and its child
        self.process.wait()
        self.said.close()

    def ending(self) -> str:
        """Say how it ended by itself, and the last line that it wrote."""
        try:
            status = self.process.wait(timeout=_ENDING_S)
        except subprocess.TimeoutExpired:
            return "its socket closed"
        self.said.seek(0)
        last = self.said.read().decode(errors="replace").strip().rpartition("\n")[2]
        return (f"signal {-status}" if status < 0 else f"exit code {status}") + (f", {last[:200]}" if last else "")


_lock = threading.Lock()
_helpers: list[_Helper] = []  # none or one


def run_confined(
    function: Callable[..., Answer] | FunctionPlace, *arguments: Any, limits: Limits
) -> tuple[Any, list[memoryview]]:
    """Call a function in a child of the helper and return its answer: the value, and the parts.

    Parameters
    ----------
    function
        At the top of a module; it is found by its name, which does where the module is not to be loaded here.
    arguments
        JSON-able.
    limits
        What it may use.

    Raises
    ------
    ConfinedError
        The child hung, crashed, needed too much memory, or raised what is no fault of a person.
    ClosedLoopError
        The function raised it.
    OSError
        The function raised it.
    ExecutionError
        The helper cannot be started.
    """
    request = {
        "function": function if isinstance(function, FunctionPlace) else FunctionPlace.of(function),
        "arguments": arguments,
        "limits": [limits.cpu_s, limits.wall_s, limits.memory_bytes],
    }
    content = json.dumps(request).encode()
    with _lock:
        try:
            return _ask_twice(content, limits)
        except _NoAnswerError as error:
            raise error.why from None
        except BaseException:  # the helper may be at any point of its work: the next question gets a new one
            _stop()
            raise
        finally:
            for helper in _helpers:
                helper.asked_at = time.monotonic()


def end_idle_helper(*, after_s: float) -> None:
    """End the helper where it was asked nothing for so long: a process that waits for days keeps no other in memory.

    The next question starts another one. While one is being answered nothing is done.
    """
    if not _lock.acquire(blocking=False):
        return
    try:
        if any(time.monotonic() - helper.asked_at >= after_s for helper in _helpers):
            _stop()
    finally:
        _lock.release()


def _ask_twice(request: bytes, limits: Limits) -> tuple[Any, list[memoryview]]:
    """Ask again where it need not be the file's fault: of a child that no other file has touched, of a new helper."""
    try:
        return _ask(_helpers[0] if _helpers else _start(), request, limits)
    except _NoAnswerError as error:
        if error.is_late or not error.n_before:
            raise
    except _LostHelperError:
        _stop()
    try:
        return _ask(_helpers[0] if _helpers else _start(), request, limits)
    except _LostHelperError as error:
        ending = "; ".join(helper.ending() for helper in _helpers)
        raise ExecutionError(
            f"{sys.executable}: expected the process that reads files to go on, found it ended twice ({ending}). "
            "Free some memory, see whether something ends processes, and run again."
        ) from error


class _LostHelperError(Exception):
    """The helper ended: somebody killed it, or this machine did."""


class _NoAnswerError(Exception):
    """The child could not answer and ended; the helper is ready for the next question."""

    def __init__(self, why: Exception, *, n_before: int, is_late: bool) -> None:
        super().__init__(str(why))
        self.why, self.n_before, self.is_late = why, n_before, is_late


def _ask(helper: _Helper, request: bytes, limits: Limits) -> tuple[Any, list[memoryview]]:
    reader, writer = os.pipe()
    with contextlib.suppress(OSError):  # of an account that has many: the small one does as well
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _READ_BYTES)
    try:
        try:
            _tell(helper, request, writer)
        finally:
            os.close(writer)
        try:
            n_before = _hear(helper, deadline=time.monotonic() + _START_S)
        except TimeoutError as error:  # before the file was touched: it is none of its faults
            raise ExecutionError(
                f"{sys.executable}: expected the process that reads files to answer, found it silent for "
                f"{_START_S:.0f} s. See what keeps this machine busy or without memory, and run again."
            ) from error
        deadline = time.monotonic() + limits.wall_s
        frames = list(_frames(reader, limits, deadline))
    finally:
        os.close(reader)
    *parts, (end, last) = frames or [(0, memoryview(b""))]
    if end == END and parts:
        if len(parts[0][1]) > _MOST_VALUE_BYTES:
            raise ConfinedError("that it describes too much")
        return json.loads(bytes(parts[0][1])), [part for _, part in parts[1:]]
    _tell(helper, ENDED)
    try:
        status = _hear(helper, deadline=deadline + 1)
    except TimeoutError as error:
        raise ConfinedError("no answer of the process that reads it") from error
    why = _error(json.loads(bytes(last))) if end == FAILED else _ended(status, limits)
    raise _NoAnswerError(why, n_before=n_before, is_late=status == -signal.SIGXCPU)


def _frames(reader: int, limits: Limits, deadline: float) -> Iterator[tuple[int, memoryview]]:
    """Yield the parts of an answer as they come, each behind its length or what stands in its place."""
    n_bytes = 0
    while head := _read(reader, LENGTH_BYTES, limits, deadline):
        kind = length = int.from_bytes(head, "little")
        if kind == END:
            yield kind, head
            return
        if kind == FAILED:
            length = int.from_bytes(_read(reader, LENGTH_BYTES, limits, deadline), "little")
        n_bytes += length
        if n_bytes > limits.memory_bytes:
            raise ConfinedError(_memory(limits))
        part = _read(reader, length, limits, deadline)
        if len(part) < length:
            return
        yield kind, part


def _read(reader: int, length: int, limits: Limits, deadline: float) -> memoryview:
    """Read so many bytes; fewer where the other end was closed."""
    content = memoryview(bytearray(length))
    waiting, at = select.poll(), 0
    waiting.register(reader, select.POLLIN)
    while at < length:
        if not waiting.poll(1000 * max(deadline - time.monotonic(), 0)):
            raise ConfinedError(f"no end of reading it within {limits.wall_s:.0f} s")
        n = os.readv(reader, [content[at : at + _READ_BYTES]])
        if not n:
            break
        at += n
    return content[:at]


def _tell(helper: _Helper, words: bytes, *descriptors: int) -> None:
    try:
        socket.send_fds(helper.channel, [words], descriptors)
    except ConnectionError as error:
        raise _LostHelperError from error


def _hear(helper: _Helper, *, deadline: float) -> int:
    helper.channel.settimeout(max(deadline - time.monotonic(), 0.001))
    try:
        said = helper.channel.recv(MOST_REQUEST_BYTES)
    except ConnectionError as error:
        raise _LostHelperError from error
    if not said:
        raise _LostHelperError
    return int(said)


def _ended(status: int, limits: Limits) -> ConfinedError:
    if status == -signal.SIGXCPU:
        return ConfinedError(f"no end of reading it within {limits.cpu_s} s of processor time")
    if status == OUT_OF_MEMORY:
        return ConfinedError(_memory(limits))
    return ConfinedError(f"that reading it ends in signal {-status}" if status < 0 else "that reading it breaks off")


def _memory(limits: Limits) -> str:
    return f"that it needs more than {limits.memory_bytes >> 20} MB of memory"


def _error(head: Mapping[str, Any]) -> Exception:
    if "errno" in head:
        return OSError(head["errno"], os.strerror(head["errno"]), head["filename"])
    kind = getattr(closedloop.errors, head.get("error", ""), None)
    return kind(head["said"]) if kind else ConfinedError(head["said"])


def _start() -> _Helper:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(True)  # whatever default a library has set for this process, as PsychoPy's web module does
    said = tempfile.TemporaryFile()  # noqa: SIM115 - the helper's, as long as it lives
    with theirs:
        command = [sys.executable, "-c", _PROGRAM, json.dumps([path or os.getcwd() for path in sys.path])]  # noqa: PTH109
        try:
            process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,  # Ctrl-C is ours to answer
                env={**os.environ, **_QUIET},
            )
        except OSError as error:
            ours.close()
            said.close()
            raise ExecutionError(
                f"{sys.executable}: expected to start a process that reads files, found {error.strerror}. "
                "End other processes, or raise the limit on them, and run again."
            ) from error
    _helpers.append(_Helper(process, ours, said))
    return _helpers[0]


@atexit.register
def _stop() -> None:
    while _helpers:
        _helpers.pop().stop()


def _leave_to_parent() -> None:
    """Forget the helper in a forked child: it is the parent's."""
    global _lock  # noqa: PLW0603 - it may have been held as the process was forked
    _lock = threading.Lock()
    for helper in _helpers:
        helper.channel.close()
        helper.said.close()
        helper.process.returncode = 0  # not this process's child
    _helpers.clear()


os.register_at_fork(after_in_child=_leave_to_parent)
