"""What each search gains for its gradients: predicted change in standard deviations, on the float image and in bytes.

On units of the shipped robust and vanilla small networks, and on sites of a really trained network at 224 px
(`--trained`; minutes). Both directions of each (image, unit), the larger kept, as in section 3.1.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.networks import photographs, trained_site_model
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import ANNEALED, COSINE, PAPER31, Schedule
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.sources import InMemory, ModelSource, units_file
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.site_model import freeze_for_attack, predict

EPSILONS = (1.0, 2.5, 10.0)
BUDGETS = (10, 25, 50, 100)
SEARCHES: dict[str, Callable[[int], Schedule]] = {
    "paper31": lambda steps: replace(PAPER31, steps=steps),
    "cosine": lambda steps: replace(COSINE, steps=steps),
    "cosine, last step .1": lambda steps: replace(
        COSINE, steps=steps, last_fraction=0.1
    ),  # the default of `closedloop attack`
    "annealed": lambda steps: replace(ANNEALED, steps=steps),
}


@dataclass(frozen=True)
class Network:
    """A model with the images it is attacked on, and each unit's standard deviation over all photographs."""

    source: ModelSource
    images: NDArray[np.uint8]
    n_units: int
    spread: NDArray[np.float32]

    def items(self, epsilon: float) -> list[AttackItem]:
        """Every image with one unit or another."""
        return [
            AttackItem(f"{image} {epsilon}", image, image % self.n_units, epsilon) for image in range(len(self.images))
        ]


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    for name in options.networks:
        network = _network(name, options.images)
        print(f"\n{name}, {len(network.images)} images: mean |change| in SD, float (8 bits) in gradients")
        for epsilon in options.epsilons:
            print(f"\n| eps {epsilon:g} |" + "".join(f" {n} |" for n in options.budgets) + " CPU-s |")
            print("|---|" + "---|" * (len(options.budgets) + 1))
            for label, search in SEARCHES.items():
                started = time.process_time()
                cells = [_cell(network, search(steps), epsilon) for steps in options.budgets]
                print(f"| {label} | {' | '.join(cells)} | {time.process_time() - started:.1f} |", flush=True)


def _cell(network: Network, search: Schedule, epsilon: float) -> str:
    found = attack(network, search, epsilon)
    unit = [item.site_index for item in network.items(epsilon)]
    sizes = [np.abs(change) / network.spread[unit] for change in (found.predicted_change_float, found.predicted_change)]
    gradients = found.n_gradients.mean() / 2
    return f"{sizes[0].mean():.4f} ({sizes[1].mean():.4f}) in {gradients:.0f}"


def attack(network: Network, search: Schedule, epsilon: float) -> SynthesisResult:
    """Attack all items of a network."""
    with tempfile.TemporaryDirectory() as folder:
        return synthesize(
            network.source, network.items(epsilon), network.images, method=Method(search), shard_folder=Path(folder)
        )


def _network(name: str, n_images: int) -> Network:
    if name == "trained":
        source: ModelSource = InMemory(freeze_for_attack(trained_site_model()), "trained")
        images, n_units = photographs(), 21
    else:
        source = units_file(f"small_resnet_{name}", layer="layer3.0")
        images, n_units = photographs(side_px=32), 64
    spread = predict(source.load(torch.device("cpu")), images, batch_size=16).std(axis=0)
    return Network(source, images[:n_images], n_units, spread)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--networks", nargs="+", default=["robust", "vanilla"], choices=["robust", "vanilla", "trained"]
    )
    parser.add_argument("--images", type=int, default=32, help="at most 32; fewer for the trained network")
    parser.add_argument("--epsilons", type=float, nargs="+", default=list(EPSILONS))
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
