"""What whole grey levels cost an attack, and what putting it there well gains back.

For units of the shipped networks and of a really trained one: response change of the bytes over that of the float
optimum, for several numbers of steps on the lattice, beside what the lattice allows to first order; the time of the
rounding itself; ten bits for comparison.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.networks import photographs, trained_unit_model
from closedloop.attacks.balls import radius_at
from closedloop.attacks.engine.find import find
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.lattice import (
    LatticeSettings,
    first_order_optimum,
    on_lattice,
    realised_norm,
    refine_on_lattice,
)
from closedloop.attacks.objectives import SignedResponse, ValueAndGradient, value_and_gradient
from closedloop.attacks.problem import Method, Problem, from_bytes
from closedloop.attacks.searches import COSINE, Schedule
from closedloop.models.checkpoints import open_base_model
from closedloop.models.site_model import UnitModel, freeze_for_attack

EPSILONS = (0.5, 1.0, 2.5, 10.0)
STEPS = (0, 4, 8, 16)


@dataclass(frozen=True)
class Case:
    """A network's units and the items attacked: the units that vary most over the photographs."""

    name: str
    model: nn.Module
    side_px: int
    n_items: int
    search: Schedule


def cases(*, trained: bool) -> list[Case]:
    small = [
        Case(name, UnitModel(open_base_model(name, layer="layer3.0")), 32, 64, replace(COSINE, steps=50))
        for name in ("small_resnet_robust", "small_resnet_vanilla")
    ]
    return [*small, Case("trained ResNet-50 1by2", trained_unit_model(), 224, 8, replace(COSINE, steps=20))][
        : 3 if trained else 2
    ]


@dataclass(frozen=True)
class Items:
    """A batch of attacks on one network."""

    pixels: np.ndarray
    objective: SignedResponse
    spread: Tensor
    evaluate: Callable[[Tensor], ValueAndGradient]


def items_of(case: Case, *, levels: int) -> Items:
    model = freeze_for_attack(case.model).eval()
    images = photographs(side_px=case.side_px, n=min(case.n_items, 32))
    pixels = on_lattice(images, levels)
    with torch.no_grad():
        spread = model(from_bytes(pixels, device=torch.device("cpu"), levels=levels)(range(len(pixels)))).std(0)
    varying = spread.argsort(descending=True)[:16]
    place = torch.arange(case.n_items)
    unit = varying[(7 * place) % len(varying)]
    objective = SignedResponse(unit, 1.0 - 2.0 * (place // 2 % 2))
    return Items(
        pixels[np.arange(case.n_items) % len(pixels)],
        objective,
        spread[unit],
        lambda shown: value_and_gradient(lambda leaf: objective.value(model(leaf), place), shown),
    )


def measure(case: Case, *, epsilon: float, levels: int) -> str:
    items = items_of(case, levels=levels)
    radius = np.full(case.n_items, radius_at(epsilon, case.side_px))
    source = from_bytes(items.pixels, device=torch.device("cpu"), levels=levels)
    tasks = [Task(row=row, image=row, radii=(float(radius[row]),), seed=row) for row in range(case.n_items)]
    problem = Problem(case.model, source, items.objective)
    found = {one.task.row: one.delta for one in find(problem, tasks, method=Method(case.search), batch_size=16)}
    clean, delta = source(range(case.n_items)), torch.stack([found[row] for row in range(case.n_items)])
    before = items.evaluate(clean).value
    cells, bound, change = [], float("nan"), float("nan")
    for steps in STEPS:
        settings = LatticeSettings(steps=steps, levels=levels)
        on = refine_on_lattice(items.evaluate, clean, delta, radius=radius, settings=settings)
        shown = on.pixels.permute(0, 2, 3, 1).numpy().astype(items.pixels.dtype)
        if not bool((realised_norm(items.pixels, shown, levels=levels) <= radius).all()):
            raise RuntimeError(f"{case.name}: an image on the lattice is beyond its radius")
        moved = (on.value_float - before) / items.spread
        kept = (on.value - before) / items.spread
        bound, change = float((moved * on.bound).sum() / moved.sum()), float(moved.mean())
        cells.append(f"{float(kept.sum() / moved.sum()):.3f} ({float(kept.sum() / (moved * on.bound).sum()):.3f})")
    return f"| {case.name} | {levels} | {epsilon:g} | {change:.3f} | {bound:.3f} | {' | '.join(cells)} |"


def rounding_times() -> list[str]:
    rng = np.random.default_rng(0)
    lines = []
    for side_px, n in ((32, 64), (224, 4)):
        clean = rng.integers(0, 256, (n, side_px, side_px, 3), dtype=np.uint8)
        for epsilon in EPSILONS:
            gradient = rng.laplace(size=clean.shape)
            began = time.process_time()
            first_order_optimum(clean, gradient, radius=np.full(n, radius_at(epsilon, side_px)))
            lines.append(f"| {side_px} | {epsilon:g} | {1e3 * (time.process_time() - began) / n:.2f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained", action="store_true", help="the trained ResNet-50 too (some minutes)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("kept of the float change (and of what the lattice allows to first order), by steps on the lattice\n")
    print(f"| network | levels | epsilon | float (SD) | allowed | {' | '.join(f'{steps} steps' for steps in STEPS)} |")
    print("|---" * (5 + len(STEPS)) + "|")
    for case in cases(trained=options.trained):
        for epsilon in EPSILONS:
            print(measure(case, epsilon=epsilon, levels=255), flush=True)
        print(measure(case, epsilon=EPSILONS[0], levels=1023), flush=True)
    print("\nCPU milliseconds an image for the first-order optimum\n\n| side (px) | epsilon | ms |\n|---|---|---|")
    print("\n".join(rounding_times()))
