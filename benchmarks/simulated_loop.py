"""Six simulated days in memory: how far a model-guided loop gets against the hidden cortex, without files or voltages.

The same libraries as the real loop, on counts alone; for choosing the biology of the simulated cortex and the recipe of
the refit. Run: ``python benchmarks/simulated_loop.py --base SMALL_RESNET.safetensors``.
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

from closedloop.attacks.lattice import realised_norm, scale_to_norm
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import PAPER31
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.checkpoints import open_base_model
from closedloop.models.site_model import SiteModel, build_site_model, calibrate_readout, predict
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.trials import PresentationSequence, trial_rates_hz
from closedloop.stimuli.pools import ProceduralPool, images_by_category, load_images
from closedloop.training.end_to_end import RefitRecipe, Responses, refit

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

EPSILONS = (1.0, 2.5, 10.0)
N_SITES, N_ANCHORS, REPETITIONS, IMAGES_A_TRIAL = 21, 8, 2, 5
WINDOW_S, SLOT_S = 0.1, 0.2


@dataclass(frozen=True)
class Subject:
    """The simulated cortex with its chosen electrodes."""

    cortex: HiddenCortex
    sites: NDArray[np.int64]

    def truth(self, images: Bytes, day: int) -> Floats:
        """Hidden rates of the chosen sites, (n_images, n_sites)."""
        return self.cortex.rates_hz(images, day=day)[:, self.sites]

    def white_box(self, day: int) -> torch.nn.Module:
        """Differentiable hidden rates of the chosen sites."""
        return _Chosen(self.cortex.response_model(day), torch.from_numpy(self.sites)).eval()


class _Chosen(torch.nn.Module):
    """Some outputs of a model."""

    def __init__(self, model: torch.nn.Module, chosen: torch.Tensor) -> None:
        super().__init__()
        self.model, self.chosen = model, chosen

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Evaluate the outputs asked for, (n, n_chosen)."""
        outputs: torch.Tensor = self.model(images)[:, self.chosen]
        return outputs


@dataclass(frozen=True)
class Day:
    """What was shown on a day and what came back; the anchors are the first clean images."""

    number: int
    clean: Bytes
    attacks: SynthesisResult
    rates_hz: Floats

    @property
    def sigma(self) -> Floats:
        """Standard deviation of each site over the clean images, Hz."""
        return np.asarray(self.rates_hz[: len(self.clean)].std(axis=0))

    def responses(self) -> Responses:
        """Everything shown, z-scored on the clean images."""
        images = np.concatenate([self.clean, self.attacks.attacked])
        z = (self.rates_hz - self.rates_hz[: len(self.clean)].mean(axis=0)) / self.sigma
        return Responses(images, z.astype(np.float32), np.ones(len(images), dtype=np.float32))


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    started = time.process_time()
    pool = ProceduralPool(options.pool_seed)
    anchors, other, unseen = (category_balanced(pool, n, first=f) for n, f in ((8, 0), (8, 1), (150, 2)))
    subject = screened(HiddenCortex(options.seed), category_balanced(pool, 300, first=20))
    base = open_base_model(options.base, layer=options.layer)
    model = build_site_model(base, n_sites=N_SITES, side_px=32, seed=options.seed)
    calibrate_readout(model, category_balanced(pool, 300, first=20))
    print("day       r    true |change|        signed true          paper's estimator    sign   predicted")
    days: list[Day] = []
    for number in range(options.days):
        clean = np.concatenate([anchors, category_balanced(pool, options.clean, first=100 + 40 * number)])
        attacks = attack(model, anchors, steps=options.steps, day=number)
        rates_hz = shown(subject, np.concatenate([clean, attacks.attacked]), day=number)
        days.append(Day(number, clean, attacks, rates_hz))
        report_day(subject, model, days[-1], unseen)
        fit(model, days, held_out=true_responses(subject, unseen, number), recipe=RefitRecipe())
    report_bounds(subject, days[-1], anchors, other)
    print(f"{time.process_time() - started:.0f} CPU-s")


def screened(cortex: HiddenCortex, images: Bytes) -> Subject:
    """Choose the electrodes with the best split-half reliability on a screening day."""
    counts = _counts(cortex, images, day=0, name="screening")
    halves = np.array([np.corrcoef(counts[0, :, e], counts[1, :, e])[0, 1] for e in range(cortex.n_electrodes)])
    reliability = 2 * halves / (1 + halves)
    sites = np.argsort(-reliability)[:N_SITES]
    chosen = reliability[sites]
    print(f"mean rate {counts.mean() / WINDOW_S:.0f} Hz; reliability (2 repetitions) of {N_SITES} sites")
    print(f"{chosen.min():.2f} to {chosen.max():.2f}, median of all electrodes {np.median(reliability):.2f}")
    return Subject(cortex, sites)


def fit(model: SiteModel, days: list[Day], *, held_out: Responses, recipe: RefitRecipe) -> None:
    parts = [vars(day.responses()).values() for day in days]
    everything = Responses(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    refit(model, everything, held_out, recipe=recipe, seed=days[-1].number)


def report_day(subject: Subject, model: SiteModel, day: Day, unseen: Bytes) -> None:
    anchors, sign = day.clean[:N_ANCHORS], np.sign(day.attacks.predicted_change)
    change = true_change(subject, day.attacks.attacked, day, anchors)
    site, image = _site_and_image()
    after = day.rates_hz[len(day.clean) :][np.arange(len(site)), site]
    measured = (after - day.rates_hz[image, site]) / day.sigma[site]
    truth, predicted = subject.truth(unseen, day.number), predict(model, unseen)
    r = np.mean([np.corrcoef(truth[:, s], predicted[:, s])[0, 1] for s in range(N_SITES)])
    agreement = float((sign == np.sign(change)).mean())
    sizes = (np.abs(change), sign * change, sign * measured)
    values = [value for size in sizes for value in _by_epsilon(size)]
    _line(f"day {day.number}  {r:5.2f}", *values, agreement, *_by_epsilon(np.abs(day.attacks.predicted_change)))


def report_bounds(subject: Subject, day: Day, anchors: Bytes, other: Bytes) -> None:
    """Print what the cortex's own gradients reach on the last day, and what model-free changes of equal norm do."""
    bound = attack(subject.white_box(day.number), anchors, steps=40, day=day.number)
    _line("white box", *_by_epsilon(np.abs(true_change(subject, bound.attacked, day, anchors))))
    repeated = np.repeat(anchors, N_SITES * len(EPSILONS), axis=0)
    norm = realised_norm(repeated, day.attacks.attacked)
    for name, direction in controls(anchors, other).items():
        control = scale_to_norm(repeated, direction, norm=norm)
        _line(name, *_by_epsilon(np.abs(true_change(subject, control, day, anchors))))


def attack(model: torch.nn.Module, anchors: Bytes, *, steps: int, day: int) -> SynthesisResult:
    items = [
        AttackItem(f"day {day} image {image} site {site} epsilon {epsilon}", image, site, epsilon)
        for image in range(len(anchors))
        for site in range(N_SITES)
        for epsilon in EPSILONS
    ]
    with tempfile.TemporaryDirectory() as folder:
        result = synthesize(
            InMemory(model, "now"),
            items,
            anchors,
            method=Method(replace(PAPER31, steps=steps)),
            shard_folder=Path(folder),
        )
        return replace(result, attacked=np.array(result.attacked))


def shown(subject: Subject, images: Bytes, *, day: int) -> Floats:
    """Measured rate of every image and site, mean over repetitions."""
    counts = _counts(subject.cortex, images, day=day, name="session")
    return np.asarray(counts[:, :, subject.sites].mean(axis=0) / WINDOW_S)


def true_change(subject: Subject, attacked: Bytes, day: Day, anchors: Bytes) -> Floats:
    """Hidden change of each item's own site, in the day's sigma."""
    site, image = _site_and_image()
    after = subject.truth(attacked, day.number)[np.arange(len(site)), site]
    return np.asarray((after - subject.truth(anchors, day.number)[image, site]) / day.sigma[site])


def controls(anchors: Bytes, other: Bytes) -> dict[str, NDArray[np.float32]]:
    repeated = np.repeat(anchors, N_SITES * len(EPSILONS), axis=0).astype(np.float32)
    towards = np.repeat(np.roll(other, 1, axis=0), N_SITES * len(EPSILONS), axis=0).astype(np.float32)
    noise = np.random.default_rng(0).standard_normal(repeated.shape, dtype=np.float32)
    return {"gaussian": noise, "linear": towards - repeated}


def _counts(cortex: HiddenCortex, images: Bytes, *, day: int, name: str) -> NDArray[np.int64]:
    """Spike counts, shape (repetitions, n_images, n_electrodes), order shuffled in each repetition."""
    rng = np.random.default_rng([cortex.seed, day, *name.encode()])
    order = np.concatenate([rng.permutation(len(images)) for _ in range(REPETITIONS)])
    ordinal = np.arange(len(order))
    sequence = PresentationSequence(images, order, ordinal, ordinal * SLOT_S * 1.5, ordinal % IMAGES_A_TRIAL != 0)
    spikes = rng.poisson(trial_rates_hz(cortex, sequence, day=day) * WINDOW_S)
    back = np.argsort(order.reshape(REPETITIONS, -1), axis=1)
    return np.stack([part[index] for part, index in zip(np.split(spikes, REPETITIONS), back, strict=True)])


def _site_and_image() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Site and anchor of every attack, in the order in which `attack` lists them."""
    site = np.tile(np.repeat(np.arange(N_SITES), len(EPSILONS)), N_ANCHORS)
    return site, np.repeat(np.arange(N_ANCHORS), N_SITES * len(EPSILONS))


def true_responses(subject: Subject, images: Bytes, day: int) -> Responses:
    truth = subject.truth(images, day).astype(np.float32)
    return Responses(images, truth, np.ones(len(images), dtype=np.float32))


def category_balanced(pool: ProceduralPool, n: int, *, first: int) -> Bytes:
    groups = list(images_by_category(pool).values())
    ids = [groups[i % len(groups)][first + i // len(groups)] for i in range(n)]
    return load_images(pool, tuple(ids))


def _by_epsilon(values: Floats) -> list[float]:
    return [float(values[index :: len(EPSILONS)].mean()) for index in range(len(EPSILONS))]


def _line(label: str, *values: float) -> None:
    print(f"{label:12s}", *(f"{value:6.3f}" for value in values), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True)
    parser.add_argument("--layer", default="layer3.0")
    parser.add_argument("--days", type=int, default=6)
    parser.add_argument("--clean", type=int, default=300)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pool-seed", type=int, default=42)
    return parser.parse_args()


if __name__ == "__main__":
    main()
