"""How large the white-box bound of a hidden cortex is by search, restarts and steps, and what each costs.

A dry run's anchor pairs at once: 12 images of 21 sites at each epsilon. Changes are of the hidden rates of the bytes
found, in standard deviations over clean images; the last column is the part of the largest row's. Gaussian noise of
the same norm, drawn once for each pair, stands beside.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.simulated_loop import category_balanced
from closedloop.attacks.balls import radius_at
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE, STRENGTHENED, Schedule
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.site_model import freeze_for_attack
from closedloop.simulation.chosen_electrodes import model_of_electrodes
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.kinds import KINDS
from closedloop.stimuli.pools import ProceduralPool

EPSILONS = (1.0, 2.5, 10.0)
N_IMAGES, N_SITES, _N_CLEAN, _POOL_SEED = 12, 21, 300, 42


@dataclass(frozen=True)
class Bounded:
    """A cortex on its last day: the sites with the largest spread, and images to attack."""

    model: torch.nn.Module
    images: NDArray[np.uint8]
    spread: NDArray[np.float64]

    def items(self, epsilon: float) -> list[AttackItem]:
        """Return every image with every site."""
        return [
            AttackItem(f"{image} {site} {epsilon}", image, site, epsilon)
            for image in range(len(self.images))
            for site in range(len(self.spread))
        ]


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    bounded = prepare(HiddenCortex(options.seed, kind=KINDS[options.cortex]), n_images=options.images)
    rows = []
    for name, search in _searches(options).items():
        started = time.process_time()
        lattice = LatticeSettings(steps=options.lattice_steps)
        sizes = [bound(bounded, search, epsilon, lattice=lattice) for epsilon in options.epsilons]
        rows.append((name, sizes, time.process_time() - started))
        print(f"{name:<32}", *(f"{size:7.4f}" for size in sizes), f"{rows[-1][2]:7.1f} CPU-s", flush=True)
    largest = np.max([sizes for _, sizes, _ in rows], axis=0)
    print(f"\n{options.cortex}, subject {options.seed}, {len(bounded.images) * len(bounded.spread)} pairs an epsilon")
    print(
        "| search |" + "".join(f" eps {epsilon:g} |" for epsilon in options.epsilons) + " CPU-s | part of the largest |"
    )
    print("|---|" + "---|" * (len(options.epsilons) + 2))
    for name, sizes, seconds in rows:
        parts = " / ".join(f"{part:.3f}" for part in np.divide(sizes, largest))
        print(f"| {name} | {' | '.join(f'{size:.4f}' for size in sizes)} | {seconds:.0f} | {parts} |")
    noise = [gaussian(bounded, epsilon) for epsilon in options.epsilons]
    print(f"| Gaussian noise | {' | '.join(f'{size:.4f}' for size in noise)} | | |")


def prepare(cortex: HiddenCortex, *, day: int = 5, n_images: int = N_IMAGES) -> Bounded:
    """Choose the sites and images of a simulated subject.

    Parameters
    ----------
    cortex
        The subject.
    day
        Whose tuning is attacked.
    n_images
        To attack.
    """
    clean = category_balanced(ProceduralPool(_POOL_SEED), _N_CLEAN, first=20)
    spread = cortex.rates_hz(clean, day=day).std(axis=0)
    sites = np.argsort(-spread)[:N_SITES].tolist()
    model = freeze_for_attack(model_of_electrodes(cortex.response_model(day), sites))
    return Bounded(model, clean[:n_images], spread[sites])


def bound(bounded: Bounded, search: Schedule, epsilon: float, *, lattice: LatticeSettings) -> float:
    """Return the mean |change| that a search finds, in standard deviations.

    Parameters
    ----------
    bounded
        What is attacked.
    search
        By which.
    epsilon
        At 224 px.
    lattice
        How the optima are put on whole grey levels.
    """
    items = bounded.items(epsilon)
    with tempfile.TemporaryDirectory() as folder:
        found = synthesize(
            InMemory(bounded.model, "bounded"),
            items,
            bounded.images,
            method=Method(search),
            lattice=lattice,
            shard_folder=Path(folder),
        )
        site = [item.site_index for item in items]
        return float(np.mean(np.abs(found.predicted_change) / bounded.spread[site]))


@torch.no_grad()
def gaussian(bounded: Bounded, epsilon: float) -> float:
    """Return the root mean square change under white noise of the same norm, in standard deviations."""
    clean = torch.from_numpy(np.moveaxis(bounded.images, -1, 1).copy()).float() / 255
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    noise *= radius_at(epsilon, clean.shape[-1]) / noise.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    moved = (bounded.model((clean + noise).clamp(0, 1)) - bounded.model(clean)).double().numpy() / bounded.spread
    return float(np.sqrt(np.mean(moved**2)))


def _searches(options: argparse.Namespace) -> dict[str, Schedule]:
    cosine = {f"cosine, {steps} steps": replace(COSINE, steps=steps) for steps in options.cosine}
    strengthened = {
        f"strengthened, {restarts} x {steps} steps": replace(STRENGTHENED, restarts=restarts, steps=steps)
        for restarts, steps in (tuple(int(n) for n in pair.split("x")) for pair in options.strengthened)
    }
    return cosine | strengthened


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cortex", choices=tuple(KINDS), default="shipped")
    parser.add_argument("--seed", type=int, default=0, help="the subject")
    parser.add_argument("--images", type=int, default=N_IMAGES)
    parser.add_argument("--epsilons", type=float, nargs="+", default=list(EPSILONS))
    parser.add_argument("--cosine", type=int, nargs="*", default=[4, 8, 16, 40], metavar="STEPS")
    parser.add_argument(
        "--strengthened", nargs="*", default=["1x4", "1x8", "1x16", "2x8", "4x40"], metavar="RESTARTSxSTEPS"
    )
    parser.add_argument("--lattice-steps", type=int, default=0, help="evaluation takes none")
    return parser.parse_args()


if __name__ == "__main__":
    main()
