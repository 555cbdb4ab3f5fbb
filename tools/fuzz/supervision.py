"""Runs batches of inputs in child processes, ends one that hangs, and tells which input it was.

An input that crashed, hung or filled its child is read again in a child of its own: what only happens after others is
said to be so.
"""

from __future__ import annotations

import json
import os
import select
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.fuzz.batch import SAID, TRACE, WHERE_IT_HANGS, Input, read_inputs
from tools.fuzz.reader import Reader, empty
from tools.fuzz.verdict import BOUNDS, Bounds, Outcome, Verdict

_GRACE = 1.2  # of the limit, so that an input that only just ends says its seconds itself
_WAITING = 6  # times as long on the wall's clock
_LOOK_S = 0.2
_READ_BYTES = 1 << 16


@dataclass(frozen=True)
class Ending:
    """How the reading of an input ended, and after how long."""

    number: int
    verdict: Verdict
    seconds: float


def read_all(reader: Reader, inputs: Sequence[Input], *, bounds: Bounds = BOUNDS) -> Iterator[Ending]:
    """Read inputs in child processes; yield how each ended, in order.

    Parameters
    ----------
    reader
        Who reads.
    inputs
        What; a child that ends early is followed by another for the rest.
    bounds
        What each may cost.
    """
    left = list(inputs)
    while left:
        n_done = 0
        for ending in _one_child(reader, left, bounds):
            n_done += 1
            yield ending if not _killed(ending) else _alone(reader, left[n_done - 1], ending, bounds)
        left = left[n_done:]


def _killed(ending: Ending) -> bool:
    return ending.verdict.outcome == "fault" and ending.verdict.kind.startswith(("hangs", "crash", "too much memory"))


def _alone(reader: Reader, one: Input, before: Ending, bounds: Bounds) -> Ending:
    """Read an input again in a child of its own."""
    (again,) = _one_child(reader, [one], bounds)
    if again.verdict.outcome == "fault":
        return again
    return replace(before, verdict=replace(before.verdict, kind=f"{before.verdict.kind}, not alone"))


def _one_child(reader: Reader, inputs: Sequence[Input], bounds: Bounds) -> Iterator[Ending]:
    """Read as many inputs as one child gets through; at least one."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        answers, child = _fork(lambda pipe: read_inputs(reader, inputs, folder=folder, answers=pipe, bounds=bounds))
        try:
            yield from _endings(answers, child, folder, bounds)
        finally:
            os.close(answers)
            empty(folder)


def _fork(work: Callable[[int], None]) -> tuple[int, int]:
    """Start a child; return the pipe's end that its answers come from, and its process."""
    mine, its = os.pipe()
    child = os.fork()
    if child:
        os.close(its)
        return mine, child
    status = 1
    try:
        os.setsid()  # what it starts is ended with it
        os.close(mine)
        work(its)
        status = 0
    finally:
        os._exit(status)


def _endings(answers: int, child: int, folder: Path, bounds: Bounds) -> Iterator[Ending]:
    """Follow a child's answers until it ends, or ends no more."""
    started, number = time.monotonic(), -1
    for answer in _answers(answers, child, bounds.seconds * _GRACE):
        if answer is None:
            yield Ending(number, Verdict("fault", *_where(child, folder)), time.monotonic() - started)
            _end(child)
            return
        if "begins" in answer:
            started, number = time.monotonic(), int(answer["begins"])
            continue
        yield Ending(int(answer["number"]), _verdict(answer), float(answer["seconds"]))
        number = -1
    status = _end(child)
    if number >= 0:
        said = f"ended by {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
        detail = _tail(folder / TRACE) + _tail(folder / SAID)
        yield Ending(number, Verdict("fault", f"crash, {said}", detail), time.monotonic() - started)
    elif status != 0:
        raise RuntimeError(f"the child of {folder} ended with {status} between two inputs: {_tail(folder / 'said')}")


def _cpu_s(child: int) -> float:
    """Return the processor time that a child has used; a little behind is near enough."""
    with suppress(FileNotFoundError, ProcessLookupError):
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _verdict(answer: dict[str, Any]) -> Verdict:
    outcome: Outcome = answer["outcome"]
    return Verdict(outcome, str(answer["kind"]), str(answer["detail"]))


def _answers(pipe: int, child: int, longest_s: float) -> Iterator[dict[str, Any] | None]:
    """Yield what a child says; None where it says nothing for too long."""
    held, heard, used_s = b"", time.monotonic(), _cpu_s(child)
    while True:
        ready, _, _ = select.select([pipe], [], [], _LOOK_S)
        if not ready:
            if _cpu_s(child) - used_s > longest_s or time.monotonic() - heard > _WAITING * longest_s:
                yield None
                return
            continue
        heard, used_s = time.monotonic(), _cpu_s(child)
        block = os.read(pipe, _READ_BYTES)
        if not block:
            return
        *lines, held = (held + block).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _where(child: int, folder: Path) -> tuple[str, str]:
    """Ask a child that hangs for the lines where it is."""
    os.kill(child, WHERE_IT_HANGS)
    for _ in range(20):  # within C code it does not answer
        time.sleep(0.05)
        trace = _tail(folder / TRACE)
        if trace:
            own = [line.strip() for line in trace.splitlines() if "/closedloop/" in line]
            place = own[0].partition("/closedloop/")[2].replace('", line ', ":").partition(" ")[0] if own else "nowhere"
            return f"hangs at closedloop/{place}", trace
    return "hangs in C code", ""


def _end(child: int) -> int:
    """End a child and all that it started; return its status, below 0 for a signal."""
    finished, status = os.waitpid(child, os.WNOHANG)
    if not finished:
        _wait(child)
        finished, status = os.waitpid(child, os.WNOHANG)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    if not finished:
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _wait(child: int) -> None:
    """Wait a moment for a child that has closed its pipe to end itself."""
    for _ in range(20):
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(0.01)


def _tail(file: Path) -> str:
    return file.read_text(errors="replace")[-8_000:] if file.is_file() else ""
