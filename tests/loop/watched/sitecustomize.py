"""Python reads this at the start of every command that the tests of the loop run: no command may listen to anybody.

What a command opens is refused where it is opened, so that nothing short-lived escapes; what a library of C opened
without asking Python is found when the command ends.
"""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path

_LISTENS = "0A"  # the state of a socket in /proc/net/tcp
_TABLES = ("tcp", "tcp6")


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse to give a socket an address at which others could reach it."""
    if event == "socket.bind":
        raise PermissionError(f"a command bound a socket to {arguments[1]!r}: expected none that listens")


def listening() -> list[str]:
    """Return the addresses at which this process listens, as the kernel writes them."""
    own = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            own.add(str(descriptor.readlink()))
        except OSError:  # the folder's own
            continue
    rows = [row.split() for table in _TABLES for row in lines_of(Path("/proc/self/net") / table)]
    return [row[1] for row in rows if row[3] == _LISTENS and f"socket:[{row[9]}]" in own]


def lines_of(table: Path) -> list[str]:
    return table.read_text().splitlines()[1:] if table.exists() else []


def look() -> None:
    if places := listening():
        sys.stderr.write(f"a command listens at {places}\n")
        sys.stderr.flush()
        os._exit(99)


sys.addaudithook(refuse)
atexit.register(look)
