"""One of several processes that torchrun started with the same command: which of them this is.

The first runs the command; the others compute what it asks of them, and end with it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from closedloop.errors import ExecutionError
from closedloop.execution.local import WORKER_INDEX

_NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE")
_ATTEMPT = "TORCHELASTIC_RESTART_COUNT"


@dataclass(frozen=True)
class Rank:
    """A process among those that torchrun started.

    Attributes
    ----------
    number, n
        Which of how many.
    host, port
        Of torchrun's store, where they find each other.
    attempt
        How often torchrun started them anew.
    """

    number: int
    n: int
    host: str
    port: int
    attempt: str


_own: list[Rank] = []


def take_rank() -> Rank | None:
    """Return which process this is, if torchrun started several; what this one starts itself is none of them.

    Raises
    ------
    ExecutionError
        The environment says so, and does not say how they find each other.
    """
    if "RANK" not in os.environ or os.environ.get("WORLD_SIZE", "1") == "1":
        return None
    found = {name: os.environ.pop(name, "") for name in _NAMES}
    numbers = [found[name] for name in _NAMES if name not in ("MASTER_ADDR", _NAMES[-1])]
    if not (all(number.isdecimal() for number in numbers) and found["MASTER_ADDR"] and found[_NAMES[-1]] == "True"):
        raise ExecutionError(
            "RANK and WORLD_SIZE: expected processes that torchrun started, found a part of what it sets. Start them "
            "by `torchrun --nproc-per-node N -m closedloop ...`, or unset both."
        )
    os.environ[WORKER_INDEX] = found["LOCAL_RANK"]  # its graphics card
    number, n, port = (int(found[name]) for name in ("RANK", "WORLD_SIZE", "MASTER_PORT"))
    own = Rank(number, n, found["MASTER_ADDR"], port, os.environ.pop(_ATTEMPT, "0"))
    _own[:] = [own]
    return own


def own_rank() -> Rank | None:
    """Return what `take_rank` found."""
    return _own[0] if _own else None
