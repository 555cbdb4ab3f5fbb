"""What the processes of a loop have done so far: its own and all that it started, on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from closedloop.study.ledger import owner_name

_STOPPED = frozenset(("stopped", "tracing-stop"))


@dataclass(frozen=True)
class ProcessTree:
    """A process and all that it started.

    Attributes
    ----------
    pid
        The first one's number.
    cpu_s
        Processor time that all have used, seconds; of those that ended, as far as their parents waited for them.
    is_stopped
        Whether a signal stopped the first one (Ctrl-Z, SIGSTOP, a debugger).
    """

    pid: int
    cpu_s: float
    is_stopped: bool = False


def pid_here(holder: str) -> int | None:
    """Return the number of a process that a lock names host:pid; None where it is on another machine."""
    host, _, pid = holder.rpartition(":")
    return int(pid) if host == owner_name().rpartition(":")[0] and pid.isdecimal() else None


def read_tree(pid: int) -> ProcessTree | None:
    """Read what a process and all that it started have used; None where it is gone, or may not be looked at."""
    import psutil  # noqa: PLC0415 - of an extra

    try:
        first = psutil.Process(pid)
        is_stopped = first.status() in _STOPPED
        cpu_s = 0.0
        for one in (first, *first.children(recursive=True)):
            try:
                times = one.cpu_times()
            except psutil.NoSuchProcess:  # it ended in this moment
                continue
            cpu_s += times.user + times.system + times.children_user + times.children_system
    except psutil.Error:
        return None
    return ProcessTree(pid, cpu_s, is_stopped)
