"""Which start of the computer this is: its monotonic clock begins anew with each."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

_OF_THE_KERNEL = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return what names this start of the computer: the kernel's own word for it, else the minute of the start.

    The wall clock may be set between two launches, and the same start then has two names. That is harmless: times of
    two names are only not compared.
    """
    with suppress(OSError):
        return _OF_THE_KERNEL.read_text().strip()
    started = datetime.now(UTC) - timedelta(seconds=time.monotonic())
    return f"started {started:%Y-%m-%dT%H:%MZ}"
