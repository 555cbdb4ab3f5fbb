"""Pieces of work that workers of any kind can do: functions of a module that they can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from closedloop.errors import ImageError
from closedloop.execution.shards import made_once

_PATIENCE_S = 60.0


def leave(folder: Path, name: int) -> None:
    """Leave a file that says which process made it; again and again if asked."""
    made_once(folder / str(name), lambda path: path.write_text(str(os.getpid())) and None)


def leave_slowly(folder: Path, name: int) -> None:
    """Leave a file once the folder's `go` is there."""
    (folder / f"{name}.begun").touch()
    wait_for(folder / "go")
    leave(folder, name)


def fail() -> None:
    raise ImageError("cat.png: expected an image, found a dog. Look again.")


def divide() -> None:
    raise ZeroDivisionError("of no use to a user")


def die_the_first_time(folder: Path, name: int) -> None:
    """Have the process killed, as for want of memory; the next one finds the piece undone and does it."""
    try:
        (folder / f"{name}.died").touch(exist_ok=False)
    except FileExistsError:
        leave(folder, name)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for(path: Path) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(path)
        os.sched_yield()


def finished(folder: Path) -> list[int]:
    """List the files that were left."""
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
