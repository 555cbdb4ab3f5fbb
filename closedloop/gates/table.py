"""The gates, in the order in which they are told. A new one is a module, a line here and a section of `Gates`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from closedloop.artifacts.gates.report import Checkpoint, GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.preflight.attacks import attack_budget, attack_clipping, attack_luminance, attack_rounding
from closedloop.gates.preflight.disk import disk
from closedloop.gates.preflight.hours import hours
from closedloop.gates.preflight.images import image_reuse
from closedloop.gates.preflight.twins import twins_scheduled


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
    Gate("attack_budget", "preflight", "the norm of every change, from its bytes, against its epsilon", attack_budget),
    Gate("attack_rounding", "preflight", "what whole grey levels cost of the predicted change", attack_rounding),
    Gate("attack_luminance", "preflight", "whether attacks make images brighter or darker", attack_luminance),
    Gate("attack_clipping", "preflight", "how much of an image its attack drove to black or white", attack_clipping),
    Gate("twins_scheduled", "preflight", "minutes between an image and its changed one, as scheduled", twins_scheduled),
    Gate("image_reuse", "preflight", "claimed images that a fit has seen, new ones that were shown", image_reuse),
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
