"""The helper's side: a process that loads what a question needs, and the child it forks to answer."""

from __future__ import annotations

import gc
import importlib
import json
import math
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from closedloop.confined.protocol import (
    END,
    ENDED,
    FAILED,
    LENGTH_BYTES,
    MOST_REQUEST_BYTES,
    OUT_OF_MEMORY,
    Answer,
    Limits,
)
from closedloop.errors import ClosedLoopError


def serve() -> None:
    """Pass on the questions that come through the socket at file descriptor 0: the helper's whole life."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored it would be handed down, and no child awaited
    channel = socket.socket(fileno=0)
    child: _Child | None = None
    while True:
        message, descriptors, _flags, _address = socket.recv_fds(channel, MOST_REQUEST_BYTES, 1)
        if not message:
            return
        if message == ENDED:
            channel.send(str(child.end() if child else 1).encode())
            child = None
            continue
        module = json.loads(message)["function"][0]
        if module not in sys.modules:  # before the fork: the children after this one have it too
            if child is not None:
                child.end()
                child = None
            importlib.import_module(module)
        child = child or _fork(channel)
        channel.send(str(child.n_asked).encode())
        child.n_asked += 1
        socket.send_fds(child.channel, [message], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


@dataclass
class _Child:
    """A child of the helper, and the way to it."""

    pid: int
    channel: socket.socket
    n_asked: int = 0

    def end(self) -> int:
        """Let it end and return how it did."""
        self.channel.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _fork(channel: socket.socket) -> _Child:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    gc.freeze()
    pid = os.fork()
    if pid:
        theirs.close()
        return _Child(pid, ours)
    try:
        channel.close()
        ours.close()
        os.dup2(1, 2)  # nowhere: what a library says of a file is nobody's; the helper's own last words are kept
        _answer_all(theirs)
    finally:
        os._exit(1)


def _answer_all(channel: socket.socket) -> None:
    n_bytes = _memory_bytes()
    while True:
        message, descriptors, _flags, _address = socket.recv_fds(channel, MOST_REQUEST_BYTES, 1)
        if not message:
            os._exit(0)
        request = json.loads(message)
        module, name = request["function"]
        _confine(Limits(*request["limits"]), n_bytes)
        _answer(descriptors[0], getattr(sys.modules[module], name), request["arguments"])
        os.close(descriptors[0])


def _answer(writer: int, function: Callable[..., Answer], arguments: Sequence[Any]) -> None:
    """Answer, or end."""
    try:
        value, parts = function(*arguments)
        _send(writer, json.dumps(value).encode())
        for part in parts:
            _send(writer, part)
        _write(writer, END.to_bytes(LENGTH_BYTES, "little"))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except BaseException as error:  # noqa: BLE001 - a library fed with any bytes raises anything
        _write(writer, FAILED.to_bytes(LENGTH_BYTES, "little"))
        _send(writer, json.dumps(_head(error)).encode())
        os._exit(1)


def _head(error: BaseException) -> dict[str, Any]:
    if isinstance(error, OSError) and error.errno is not None:
        return {"errno": error.errno, "filename": None if error.filename is None else str(error.filename)}
    said = " ".join(str(error).split())[:200]
    if isinstance(error, ClosedLoopError):
        return {"error": type(error).__name__, "said": str(error)}
    return {"said": f"{type(error).__name__} ({said})" if said else type(error).__name__}


def _send(writer: int, part: Any) -> None:
    content = memoryview(part).cast("B")
    _write(writer, len(content).to_bytes(LENGTH_BYTES, "little"))
    _write(writer, content)


def _write(writer: int, content: bytes | memoryview) -> None:
    while len(content):
        content = content[os.write(writer, content) :]


def _memory_bytes() -> int:
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[0]) * resource.getpagesize()


def _confine(limits: Limits, n_bytes: int) -> None:
    """Limit this process from now on: no file written, no memory image left, so much more memory and time."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_AS, n_bytes + limits.memory_bytes)
    _limit(resource.RLIMIT_CPU, math.ceil(time.process_time()) + limits.cpu_s)


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]  # kept: the next question's may be higher
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
