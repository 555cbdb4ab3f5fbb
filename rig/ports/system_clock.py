"""Whether somebody sets the computer's clock: times of the journal and of the recorder's files are compared by it."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

_STA_UNSYNC = 0x0040  # adjtimex(2)
_TIMEX_BYTES = 208  # struct timex of Linux, 64 bit
_MS_PER_US = 1e-3


@dataclass(frozen=True)
class ClockStatus:
    """What the kernel says of the system clock.

    Attributes
    ----------
    is_synchronised
        Whether something sets it by a better clock.
    error_ms
        The largest error it may have, by the kernel's own estimate.
    """

    is_synchronised: bool
    error_ms: float


class _Timex(ctypes.Structure):
    """The beginning of Linux's struct timex."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * _TIMEX_BYTES),
    )


def ask_kernel() -> ClockStatus | None:
    """Return what the kernel says, or None where it cannot be asked."""
    if sys.platform != "linux":
        return None
    timex = _Timex()  # modes 0: nothing is set
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    return ClockStatus(is_synchronised=not timex.status & _STA_UNSYNC, error_ms=timex.maxerror * _MS_PER_US)
