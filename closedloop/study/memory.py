"""How much memory a stage took: the peak since it began, where Linux can forget the peak of what ran before."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

_FORGET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_PEAK_OF_RESIDENT_MEMORY = "5"  # proc(5): since Linux 4.0


def forget_peak() -> None:
    """Begin a new peak of this process's resident memory; the old one goes on where the system does not allow it."""
    with contextlib.suppress(OSError):
        _FORGET.write_text(_PEAK_OF_RESIDENT_MEMORY)


def peak_mb() -> float:
    """Return the peak of this process's resident memory since `forget_peak`, MB (2^20 bytes)."""
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
