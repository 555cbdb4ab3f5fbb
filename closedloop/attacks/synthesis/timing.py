"""How long a gradient takes here: the engine itself, on images of the right size, for a moment."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from typing import IO

import numpy as np

from closedloop.attacks.engine.batch_size import BatchSize, choose_batch_size
from closedloop.attacks.engine.devices import has_used_cuda, own_device
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.synthesis.both_directions import attacks
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.sources import ModelSource
from closedloop.attacks.synthesis.work import Work
from closedloop.execution.local import run_apart

_ROUNDED = 2  # of the two lattice images that a float optimum is rounded to
_STEPS = 2  # that are timed, after one that is not: libraries prepare for a shape when they first see it


@dataclass(frozen=True)
class TimedGradient:
    """What is timed.

    Attributes
    ----------
    source
        The model.
    method
        How it is searched; of its steps only a few are taken.
    side_px
        Side of the images.
    batch_size
        Images at once, or "auto".
    n_sharing
        Processes that will share this machine's memory.
    """

    source: ModelSource
    method: Method
    side_px: int
    batch_size: BatchSize
    n_sharing: int


@dataclass(frozen=True)
class GradientTime:
    """What was measured.

    Attributes
    ----------
    gradient_s
        Of one gradient in one process, in batches; everything around it counted in.
    start_s
        Until a new process has loaded the model and its libraries are ready for the images' shape.
    """

    gradient_s: float
    start_s: float


def time_gradient(trial: TimedGradient) -> GradientTime:
    """Measure how long a gradient takes here, and how long it takes to begin.

    It is measured where the work will be: in a forked process, as several workers are, or in this one, with the threads
    that torch has here. A process that has used a graphics card forks none.
    """
    began = time.perf_counter()
    if trial.n_sharing == 1 or has_used_cuda():
        gradient_s, timed_s = _measure(trial)
    else:
        with tempfile.TemporaryFile("w+") as found:
            run_apart(lambda: _measure_into(found, trial))
            found.seek(0)
            gradient_s, timed_s = map(float, found.read().split())
    return GradientTime(gradient_s, time.perf_counter() - began - timed_s)


def most_gradients(method: Method, lattice: LatticeSettings, *, n_directions: int = 2) -> int:
    """Return the gradients that an attack takes at most.

    Parameters
    ----------
    method, lattice
        How it is searched, and put on whole levels.
    n_directions
        Of which the larger change is kept.
    """
    search = method.search
    in_search = search.steps * len(search.balls) * search.restarts
    on_lattice = lattice.steps + _ROUNDED
    return n_directions * (in_search + on_lattice) * method.estimator.n_gradients


def _measure_into(file: IO[str], trial: TimedGradient) -> None:
    print(*_measure(trial), file=file, flush=True)


def _measure(trial: TimedGradient) -> tuple[float, float]:
    """Return the seconds of a gradient, and how long those were timed that tell them."""
    device = own_device("auto")
    model = trial.source.load(device)
    size = (trial.side_px, trial.side_px)
    batch_size = choose_batch_size(
        trial.batch_size, model, size, device=device, n_sharing=trial.n_sharing, method=trial.method
    )
    images = np.random.default_rng(0).integers(0, 256, (batch_size, *size, 3), dtype=np.uint8)
    items = [AttackItem(str(place), place, 0, 1.0) for place in range(batch_size)]
    seconds = {}
    for steps in (1, 1 + _STEPS):
        short = replace(trial.method, search=replace(trial.method.search, steps=steps))
        began = time.perf_counter()
        for _ in attacks(
            model, Work(items, images, short, LatticeSettings(steps=0), (+1,), device), batch_size=batch_size
        ):
            pass
        seconds[steps] = time.perf_counter() - began
    taken = (1 + _STEPS) * batch_size * trial.method.estimator.n_gradients
    return seconds[1 + _STEPS] / taken, seconds[1 + _STEPS]
