"""What is allowed of a reader: a result, or one line that names the file; anything else is a fault."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from closedloop.errors import ClosedLoopError

MOST_CHARACTERS = 1000
Outcome = Literal["read", "refused", "fault"]
_HOUSE = ("closedloop", "rig")


@dataclass(frozen=True)
class Bounds:
    """What an input may cost at most: seconds, and bytes of memory beyond what the child had before.

    Seconds are of the processor, so that other work on the machine costs an input none; one that waits for something
    has six times as many by the clock on the wall.
    """

    seconds: float = 10.0
    memory: int = 500_000_000


BOUNDS = Bounds()


@dataclass(frozen=True)
class Verdict:
    """How the reading of an input ended.

    `kind` is the same for the same fault, `detail` says more; both are empty where there is none, `detail` but for a
    refusal, whose line it is.
    """

    outcome: Outcome
    kind: str = ""
    detail: str = ""


READ = Verdict("read")


def judge(error: BaseException, names: Iterable[str]) -> Verdict:
    """Judge what a reader raised.

    Parameters
    ----------
    error
        What it was.
    names
        Of the files and folders that were read; the line must have one of them.
    """
    if not isinstance(error, ClosedLoopError):
        return Verdict(
            "fault", f"{type(error).__name__} at {_place(error)}", "".join(traceback.format_exception(error))
        )
    text = str(error)
    if len(text.splitlines()) != 1:
        return Verdict("fault", f"{len(text.splitlines())} lines at {_place(error)}", text)
    if len(text) >= MOST_CHARACTERS:
        return Verdict("fault", f"a line too long at {_place(error)}", text)
    if not any(name in text for name in names):
        return Verdict("fault", f"the file is not named at {_place(error)}", text)
    return Verdict("refused", detail=text)


def _place(error: BaseException) -> str:
    """Return the innermost of our own lines that an error passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        parts = Path(frame.filename).parts
        own = next((place for place, part in enumerate(parts) if part in _HOUSE and "site-packages" not in parts), None)
        if own is not None:
            return f"{'/'.join(parts[own:])}:{frame.lineno}"
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
