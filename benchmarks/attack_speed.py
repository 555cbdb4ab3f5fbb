"""Attacks: ours and the peers' on the same models, in turn, one thread: time for the same gradients and the same gain.

Run: ``python -m benchmarks attack_speed --peers FOLDER`` (under ten minutes). The peers are installed without their
dependencies, which would bring another torch; what to type is printed where one is missing. Ratios are peer over ours;
CPU is the process's own time, which another program on the machine disturbs less than the wall clock.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from benchmarks.arithmetic import PROCESSOR, flop_of_a_gradient, matrix_peak
from benchmarks.attack_peers import Attack, Items, Timed, contestants, open_peers, ours, timed
from benchmarks.networks import photographs, trained_unit_model
from closedloop.attacks.balls import radius_at
from closedloop.attacks.precision import chosen_precision
from closedloop.attacks.searches import COSINE
from closedloop.models.backbones import build_classifier, cut
from closedloop.models.checkpoints import open_base_model
from closedloop.models.site_model import (
    BaseModel,
    UnitModel,
    build_site_model,
    freeze_for_attack,
    images_to_tensor,
)

PAPER_STEPS = 100
LADDER = (3, 5, 8, 10, 15, 20, 25, 35, 50, 75, 100)


@dataclass(frozen=True)
class Case:
    """A model and what is attacked on it."""

    name: str
    model: nn.Module
    items: Items
    steps: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=os.environ.get("BENCH_PEERS"), help="folder they are in")
    parser.add_argument("--rounds", type=int, default=3, help="of the contest for the same gradients")
    options = parser.parse_args()
    torch.set_num_threads(1)
    open_peers(options.peers)
    started = time.perf_counter()
    _same_gradients(_resnet50_case(n=4, steps=6), rounds=options.rounds)
    _same_gradients(_small_case("small_resnet_robust", n=64, steps=50, epsilon=2.5), rounds=options.rounds)
    _same_gain()
    print("\nOn a GPU: python -m benchmarks device")
    print(f"\n{time.perf_counter() - started:.0f} s in all")


def _same_gradients(case: Case, *, rounds: int) -> None:
    """Time the same number of gradients, contestants in turn; and ours as a fraction of the machine's peak."""
    lower = chosen_precision("auto", PROCESSOR) == "bfloat16"
    attacks = contestants(case.model)
    if lower:
        attacks["closedloop, bfloat16"] = contestants(case.model, precision="bfloat16")["closedloop"]
    for attack in attacks.values():
        attack(case.items, 1)
    runs: dict[str, list[Timed]] = {name: [] for name in attacks}
    peaks = []
    for _ in range(rounds):
        peaks.append(matrix_peak(torch.float32))
        for name, attack in attacks.items():
            runs[name].append(timed(attack, case.items, steps=case.steps, judge=case.model))
    n_gradients = len(case.items.images) * case.steps
    print(f"\n## {case.name}: {n_gradients} gradients, median of {rounds} rounds\n")
    print("| | gradients/s | CPU-s | wall / ours | CPU / ours |\n|---|---|---|---|---|")
    own = [_median(runs["closedloop"], what) for what in ("wall_s", "cpu_s")]
    for name, found in runs.items():
        wall, cpu = _median(found, "wall_s"), _median(found, "cpu_s")
        print(f"| {name} | {n_gradients / wall:.1f} | {cpu:.2f} | {wall / own[0]:.2f} | {cpu / own[1]:.2f} |")
    speed = flop_of_a_gradient(case.model, case.items.images[:1]) * n_gradients / own[1]
    print(f"\nOurs: {speed / 1e9:.0f} GFLOP a CPU second, {speed / max(peaks):.2f} of this machine's float32 peak")
    print(
        f"(a matrix product of 1024 x 1024 in the same run: {max(peaks) / 1e9:.0f} GFLOP/s). Part of our time are two"
    )
    print("forward passes that choose what is kept: a third of a gradient each, once an item.")
    if not lower:
        print("bfloat16 is not measured: this processor has no matrix unit for it (amx_bf16).")


def _same_gain() -> None:
    """Time until ours, cosine steps, has the gain of the peers' 100 steps of the paper's search."""
    print(f"\n## Time to the gain of a peer's {PAPER_STEPS} steps\n")
    theirs, own = "epsilon | peer | its gain, SD | its CPU-s", "our gradients | gain, SD | CPU-s"
    print(f"| network | {theirs} | {own} | wall / ours | CPU / ours |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in ("small_resnet_robust", "small_resnet_vanilla"):
        case = _small_case(name, n=32, steps=PAPER_STEPS, epsilon=2.5)
        _until_the_same_gain(case, epsilon=2.5, peers=("foolbox 3.3.4", "torchattacks 3.5.1", "robustness 1.2.1"))
    case = _trained_case(n=4, steps=PAPER_STEPS, epsilon=2.5)
    _until_the_same_gain(case, epsilon=2.5, peers=("torchattacks 3.5.1",))


def _until_the_same_gain(case: Case, *, epsilon: float, peers: Sequence[str]) -> None:
    judge = freeze_for_attack(copy.deepcopy(case.model))
    attacks = contestants(case.model)
    theirs = {name: timed(attacks[name], case.items, steps=case.steps, judge=judge) for name in peers}
    attack = ours(judge, search_of=lambda steps: replace(COSINE, steps=steps))
    attack(case.items, 1)
    for peer, their in theirs.items():
        n_steps, own = _first_as_good(attack, case, judge=judge, gain=their.gain)
        they = f"{case.name} | {epsilon:g} | {peer} | {their.gain:.3f} | {their.cpu_s:.2f}"
        we = f"{n_steps} | {own.gain:.3f} | {own.cpu_s:.2f}"
        print(f"| {they} | {we} | {their.wall_s / own.wall_s:.1f} | {their.cpu_s / own.cpu_s:.1f} |", flush=True)


def _first_as_good(attack: Attack, case: Case, *, judge: nn.Module, gain: float) -> tuple[int, Timed]:
    """Fewest steps of those tried with at least the gain; the most where none has it."""
    for n_steps in LADDER:
        own = timed(attack, case.items, steps=n_steps, judge=judge)
        if own.gain >= gain:
            break
    return n_steps, own


def _resnet50_case(*, n: int, steps: int) -> Case:
    """ResNet-50 cut at the paper's layer with 21 sites; random weights, which cost what trained ones cost."""
    base = BaseModel("resnet50", "layer4.0", cut(build_classifier("resnet50"), "layer4.0"))
    model = build_site_model(base, n_sites=21, side_px=224, seed=0)
    images = images_to_tensor(photographs(n=min(n, 32)), device=PROCESSOR).contiguous()
    images = images.repeat(-(-n // len(images)), 1, 1, 1)[:n]
    return Case("ResNet-50 to layer4.0, 21 sites, 224 px", model, _items(images, n_outputs=21, radius=2.5), steps)


def _small_case(name: str, *, n: int, steps: int, epsilon: float) -> Case:
    model = UnitModel(open_base_model(name, layer="layer3.0")).eval()
    return _unit_case(name, model, side_px=32, n=n, steps=steps, epsilon=epsilon)


def _trained_case(*, n: int, steps: int, epsilon: float) -> Case:
    model = trained_unit_model(layer="layer4.0")
    return _unit_case("ONNX ResNet-50 1by2", model, side_px=224, n=n, steps=steps, epsilon=epsilon)


def _unit_case(name: str, model: UnitModel, *, side_px: int, n: int, steps: int, epsilon: float) -> Case:
    """Units of a trained network whose outputs are in SD over photographs."""
    photos = images_to_tensor(photographs(side_px=side_px), device=PROCESSOR).contiguous()
    with torch.no_grad():
        spread = torch.cat([model(part) for part in photos.split(8)]).std(dim=0)
    alive = torch.nonzero(spread > spread.median()).flatten()
    scaled = _Scaled(model, spread).eval()
    items = _items(
        photos.repeat(-(-n // len(photos)), 1, 1, 1)[:n], n_outputs=len(alive), radius=radius_at(epsilon, side_px)
    )
    return Case(name, scaled, Items(items.images, alive[items.output_index], items.sign, items.radius), steps)


class _Scaled(nn.Module):
    """A model's outputs over their spread."""

    def __init__(self, model: nn.Module, spread: torch.Tensor) -> None:
        super().__init__()
        self.model, self.spread = model, spread

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.model(images)
        return outputs / self.spread.clamp_min(1e-6)


def _items(images: torch.Tensor, *, n_outputs: int, radius: float) -> Items:
    place = torch.arange(len(images), device=images.device)
    return Items(images, (7 * place) % n_outputs, 1.0 - 2.0 * (place % 2), radius)


def _median(found: Sequence[Timed], what: str) -> float:
    return statistics.median(getattr(run, what) for run in found)
