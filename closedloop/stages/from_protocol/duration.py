"""How long a day's attacks take, measured before they begin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.protocol.attack import Attack
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.synthesis.sources import site_model_file
from closedloop.attacks.synthesis.timing import TimedGradient, gradient_seconds, most_gradients
from closedloop.execution.workers import Workers
from closedloop.stages.from_protocol.attack import lattice_of, method_of

_LEAST, _MOST = (
    0.5,
    3.0,
)  # searches end early; processes share memory and clock, with others, too (measured: 2.7 at a load of 5)


@dataclass(frozen=True)
class Duration:
    """What a day's attacks cost.

    Attributes
    ----------
    n_gradients
        Of the model, at most.
    least_s, most_s
        On so many processes.
    n_processes
        Of this machine; 1 where the workers are elsewhere: what one process of this machine would take.
    """

    n_gradients: int
    least_s: float
    most_s: float
    n_processes: int


def duration_of(attack: Attack, *, n_attacks: int, side_px: int, model: Path, workers: Workers | None) -> Duration:
    """Measure what a day's attacks cost on this machine; a few gradients are taken for it.

    Parameters
    ----------
    attack
        The protocol's section.
    n_attacks
        Attacks of the day.
    side_px
        Side of the images.
    model
        The day's model.
    workers
        Who computes; None: this machine.
    """
    method = method_of(attack)
    asked = workers or own_workers()
    n_processes = asked.n if asked.kind in ("local", "dask") else 1
    most = 2 * max(n_attacks, 1)  # in both directions
    batch_size = attack.batch_size if attack.batch_size == "auto" else min(attack.batch_size, most)
    trial = TimedGradient(site_model_file(model), method, side_px, batch_size, max(n_processes, 1))
    n_gradients = n_attacks * most_gradients(method, lattice_of(attack.gradient))
    seconds = n_gradients * gradient_seconds(trial) / max(n_processes, 1)
    return Duration(n_gradients, _LEAST * seconds, _MOST * seconds, max(n_processes, 1))
