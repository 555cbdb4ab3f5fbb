"""Memory of a process and of all that it started: resident (RSS) and proportional (PSS).

RSS counts a page that four processes share four times; PSS, which the kernel adds up in `smaps_rollup`, a quarter in
each, so that its sum is what ending all of them would give back. What is its own (Private_Dirty) nobody shares and no
file has: unlike PSS it does not depend on who else has the same program open.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Memory:
    """Of one process, or of several together, in MB (1024 x 1024 bytes)."""

    rss_mb: float = 0.0
    pss_mb: float = 0.0
    own_mb: float = 0.0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.rss_mb + other.rss_mb, self.pss_mb + other.pss_mb, self.own_mb + other.own_mb)


def memory_of(pid: int) -> Memory:
    """Return a process's memory; none of one that has ended."""
    found = {}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, _, value = line.partition(":")
            found[name] = int(value.split()[0]) / 1024
    return Memory(found.get("Rss", 0.0), found.get("Pss", 0.0), found.get("Private_Dirty", 0.0))


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started, and that these started."""
    own = psutil.Process(pid)
    return [own, *own.children(recursive=True)]


def memory_of_tree(pid: int) -> Memory:
    """Return the memory of a process and of all that it started."""
    return sum((memory_of(one.pid) for one in tree(pid)), Memory())
