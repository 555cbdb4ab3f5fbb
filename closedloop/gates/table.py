"""The gates, in the order in which they are told. A new one is a module, a line here and a section of `Gates`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from closedloop.artifacts.gates.report import Checkpoint, GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.preflight.disk import disk
from closedloop.gates.preflight.hours import hours


@dataclass(frozen=True)
class Gate:
    """One row of the table.

    Attributes
    ----------
    name
        Also its section in `protocol.gates`, and what `closedloop approve` calls it.
    looks_at
        What it looks at, in a few words.
    is_of_this_machine
        Whether it asks the machine as it is now, beside the published files: asked again as long as it does not pass,
        and not recomputed by `closedloop verify`.
    """

    name: str
    checkpoint: Checkpoint
    looks_at: str
    evaluate: Callable[[GateContext], GateFinding]
    is_of_this_machine: bool = False


PREFLIGHT: tuple[Gate, ...] = (
    Gate("hours", "preflight", "how long the session takes, at the pace of the days before", hours),
    Gate("disk", "preflight", "free space against what the day is going to write", disk, is_of_this_machine=True),
)
"""Before a session is shown."""

INTAKE: tuple[Gate, ...] = ()
"""When a session is ingested."""

REVIEW: tuple[Gate, ...] = ()
"""When a session is evaluated."""

GATES: tuple[Gate, ...] = (*PREFLIGHT, *INTAKE, *REVIEW)


def gates_of(checkpoint: Checkpoint) -> tuple[Gate, ...]:
    """Return the gates of a checkpoint."""
    return tuple(gate for gate in GATES if gate.checkpoint == checkpoint)
