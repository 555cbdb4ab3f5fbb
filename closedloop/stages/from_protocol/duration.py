"""How long a day's attacks take, measured before they begin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.protocol.attack import Attack
from closedloop.artifacts.protocol.probes import Probes
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.synthesis.sources import site_model_file
from closedloop.attacks.synthesis.timing import TimedGradient, most_gradients, time_gradient
from closedloop.execution.workers import Workers
from closedloop.stages.from_protocol.attack import lattice_of, method_of, probe_method_of

# Searches end early; processes share memory and clock, with others, too (measured: 2.7 at a load of 5).
_LEAST, _MOST = 0.5, 3.0


@dataclass(frozen=True)
class Duration:
    """What a day's attacks cost.

    Attributes
    ----------
    n_gradients
        Of the model, at most.
    least_s, most_s
        On so many processes, their start counted in.
    n_processes
        Of this machine; 1 where the workers are elsewhere: what one process of this machine would take.
    """

    n_gradients: int
    least_s: float
    most_s: float
    n_processes: int


def duration_of(
    attack: Attack,
    probes: Probes,
    *,
    n_attacks: int,
    n_probes: int,
    side_px: int,
    model: Path,
    workers: Workers | None,
) -> Duration:
    """Measure what a day's attacks cost on this machine; a few gradients are taken for it.

    Parameters
    ----------
    attack, probes
        The protocol's sections.
    n_attacks, n_probes
        Attacks and probes of the day.
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
    most = 2 * max(n_attacks, n_probes, 1)  # in both directions
    batch_size = attack.batch_size if attack.batch_size == "auto" else min(attack.batch_size, most)
    trial = TimedGradient(site_model_file(model), method, side_px, batch_size, max(n_processes, 1))
    n_gradients = n_attacks * most_gradients(method, lattice_of(attack.gradient))
    n_gradients += n_probes * most_gradients(probe_method_of(probes), lattice_of(probes.gradient))
    timed = time_gradient(trial)
    seconds = n_gradients * timed.gradient_s / max(n_processes, 1)
    least_s, most_s = (share * (timed.start_s + seconds) for share in (_LEAST, _MOST))
    return Duration(n_gradients, least_s, most_s, max(n_processes, 1))
