"""What attacks on the fitted model do to the hidden cortex: each gradient estimator at equal numbers of gradients.

A simulated subject is recorded for some days, two base models are fitted to it, and the last day's anchors are attacked
through the real synthesis. The hidden cortex is asked what the shown bytes really change.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.simulated_loop import (
    EPSILONS,
    N_ANCHORS,
    N_SITES,
    Bytes,
    Day,
    Floats,
    Subject,
    attack,
    category_balanced,
    fit,
    screened,
    shown,
    true_responses,
)
from closedloop.attacks.gradients.estimators import Averaged, Blurred, Ensemble, GradientEstimator, Plain, SoftRelu
from closedloop.attacks.gradients.transforms import Noise, Scale, Shift
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE, PAPER31
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.checkpoints import open_base_model
from closedloop.models.site_model import SiteModel, build_site_model, calibrate_readout, freeze_for_attack
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.stimuli.pools import ProceduralPool
from closedloop.training.end_to_end import RefitRecipe

RECIPE = RefitRecipe(weight_decay=0.3, batch_size=32)  # protocols/dry_run.yaml
BASES = ("small_resnet_robust", "small_resnet_vanilla")

SHIFT, BLUR = Shift(0.094), 0.025  # 3 px and .8 px of 32
SLOPE = 3.0  # of soft rectifiers
REFERENCE = "paper31, plain"
DEFAULT = "cosine, shift + blur (the default)"


@dataclass(frozen=True)
class Row:
    """A method for a number of gradients, and where its float optimum goes on the lattice."""

    name: str
    method: Callable[[int], Method]
    lattice_steps: int = 0
    of_both_bases: bool = False


def _cosine(name: str, estimator: GradientEstimator, **more: bool) -> Row:
    return Row(name, lambda n: Method(replace(COSINE, steps=max(1, n // estimator.n_gradients)), estimator), **more)


ROWS = (
    Row(REFERENCE, lambda n: Method(replace(PAPER31, steps=n))),
    _cosine("cosine, plain", Plain()),
    _cosine(DEFAULT, Blurred(BLUR, Averaged((SHIFT,)))),
    Row("paper31, shift + blur", lambda n: Method(replace(PAPER31, steps=n), Blurred(BLUR, Averaged((SHIFT,))))),
    _cosine("cosine, shift + blur, 5 samples a step", Blurred(BLUR, Averaged((SHIFT,), samples=5))),
    _cosine("cosine, soft ReLU", SoftRelu(SLOPE)),
    _cosine("cosine, shift + blur + soft ReLU", Blurred(BLUR, SoftRelu(SLOPE, Averaged((SHIFT,))))),
    _cosine("cosine, blur", Blurred(BLUR)),
    _cosine("cosine, shift", Averaged((SHIFT,))),
    _cosine("cosine, shift, 5 samples a step", Averaged((SHIFT,), samples=5)),
    _cosine("cosine, noise .1", Averaged((Noise(0.1),))),
    _cosine("cosine, scale .1", Averaged((Scale(0.1),))),
    _cosine("cosine, shift + noise .1", Averaged((SHIFT, Noise(0.1)))),
    _cosine("cosine, shift + noise .1 + blur", Blurred(BLUR, Averaged((SHIFT, Noise(0.1))))),
    _cosine("cosine, shift + scale .1 + blur", Blurred(BLUR, Averaged((Scale(0.1), SHIFT)))),
    Row("two bases, cosine, plain", lambda n: Method(replace(COSINE, steps=n // 2)), of_both_bases=True),
    Row(
        "two bases, cosine, shift + blur",
        lambda n: Method(replace(COSINE, steps=n // 2), Blurred(BLUR, Averaged((SHIFT,)))),
        of_both_bases=True,
    ),
    Row("paper31, plain, 4 steps on the lattice", lambda n: Method(replace(PAPER31, steps=n)), lattice_steps=4),
    Row(
        "cosine, shift + blur, 4 steps on the lattice",
        lambda n: Method(replace(COSINE, steps=n), Blurred(BLUR, Averaged((SHIFT,)))),
        lattice_steps=4,
    ),
)


@dataclass(frozen=True)
class Fitted:
    """A subject, its last day, and the two models fitted to the days before."""

    subject: Subject
    day: Day
    models: tuple[SiteModel, ...]

    @property
    def anchors(self) -> Bytes:
        """Images that are attacked and were shown every day."""
        return self.day.clean[:N_ANCHORS]


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    rows = [row for row in ROWS if not options.only or row.name in (REFERENCE, *options.only)]
    for seed in options.subjects:
        started = time.process_time()
        fitted = fitted_subject(seed, n_days=options.days)
        print(
            f"\nsubject {seed}, day {options.days}, {N_SITES} sites x {options.anchors} anchors: true change in sigma"
        )
        print("(share of the reference at as many gradients +- standard error over pairs) [predicted]\n")
        _print_line("gradient", "gradients", *(f"epsilon {epsilon:g}" for epsilon in EPSILONS))
        _print_line(*["---"] * (2 + len(EPSILONS)))
        _report_white_box(fitted, n_anchors=options.anchors)
        for n in options.budgets:
            _report(fitted, rows, n, n_anchors=options.anchors)
        print(f"\n{time.process_time() - started:.0f} CPU-s")


def fitted_subject(seed: int, *, n_days: int) -> Fitted:
    """Record some days with attacks by the paper's search on the first base, and fit both bases to them."""
    pool = ProceduralPool(42 + seed)
    anchors, unseen, calibration = (category_balanced(pool, n, first=f) for n, f in ((8, 0), (150, 2), (300, 20)))
    subject = screened(HiddenCortex(seed), calibration)
    models = [
        build_site_model(open_base_model(base, layer="layer3.0"), n_sites=N_SITES, side_px=32, seed=seed)
        for base in BASES
    ]
    for model in models:
        calibrate_readout(model, calibration)
    days: list[Day] = []
    for number in range(n_days + 1):
        clean = np.concatenate([anchors, category_balanced(pool, 300, first=100 + 40 * number)])
        attacks = attack(models[0].eval(), anchors, steps=10, day=number)
        days.append(Day(number, clean, attacks, shown(subject, np.concatenate([clean, attacks.attacked]), day=number)))
        if number < n_days:
            held_out = true_responses(subject, unseen, number)
            fit(models[0], days, held_out=held_out, recipe=RECIPE)
    fit(models[1], days[:-1], held_out=true_responses(subject, unseen, n_days - 1), recipe=RECIPE)
    return Fitted(subject, days[-1], tuple(models))


def _report_white_box(fitted: Fitted, *, n_anchors: int) -> None:
    cells = []
    for epsilon in EPSILONS:
        items = _items(epsilon, n_anchors)
        result = _attacked(fitted.subject.white_box(fitted.day.number), items, fitted.anchors, ROWS[1], n=40)
        cells.append(f"{np.abs(_true(fitted, items, result.attacked)).mean():.3f}")
    _print_line("white box: the cortex's own gradient", "40", *cells)


def _report(fitted: Fitted, rows: Iterable[Row], n: int, *, n_anchors: int) -> None:
    reference: dict[float, Floats] = {}
    single, both = (freeze_for_attack(copy.deepcopy(model)) for model in (fitted.models[0], Ensemble(fitted.models)))
    for row in rows:
        cells = []
        for epsilon in EPSILONS:
            items = _items(epsilon, n_anchors)
            result = _attacked(both if row.of_both_bases else single, items, fitted.anchors, row, n=n)
            change = np.sign(result.predicted_change) * _true(fitted, items, result.attacked)
            cells.append(_cell(change, reference.setdefault(epsilon, change), result))
        _print_line(row.name, str(n), *cells)


def _cell(change: Floats, reference: Floats, result: SynthesisResult) -> str:
    share = change.mean() / reference.mean()
    error = (change - share * reference).std() / np.sqrt(len(change)) / reference.mean()
    return f"{change.mean():.4f} ({share:.2f} +- {error:.2f}) [{np.abs(result.predicted_change).mean():.3f}]"


def _items(epsilon: float, n_anchors: int) -> list[AttackItem]:
    return [
        AttackItem(f"image {image} site {site} epsilon {epsilon}", image, site, epsilon)
        for image in range(n_anchors)
        for site in range(N_SITES)
    ]


def _attacked(model: torch.nn.Module, items: list[AttackItem], anchors: Bytes, row: Row, *, n: int) -> SynthesisResult:
    with tempfile.TemporaryDirectory() as folder:
        result = synthesize(
            InMemory(model, "now"),
            items,
            anchors,
            method=row.method(n),
            lattice=LatticeSettings(steps=row.lattice_steps),
            shard_folder=Path(folder),
        )
        return replace(result, attacked=np.array(result.attacked))


def _true(fitted: Fitted, items: list[AttackItem], attacked: NDArray[np.uint8]) -> Floats:
    """Hidden change of each item's own site, in the day's sigma."""
    image, site = (
        np.array(places) for places in zip(*((one.image_index, one.site_index) for one in items), strict=True)
    )
    after = fitted.subject.truth(attacked, fitted.day.number)[np.arange(len(items)), site]
    before = fitted.subject.truth(fitted.anchors, fitted.day.number)[image, site]
    return np.asarray((after - before) / fitted.day.sigma[site])


def _print_line(*cells: str) -> None:
    print("|", " | ".join(cells), "|", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--days", type=int, default=3, help="recorded and fitted before the attacks")
    parser.add_argument("--budgets", type=int, nargs="+", default=[10, 25], help="gradients of each attack")
    parser.add_argument("--anchors", type=int, default=N_ANCHORS, choices=range(1, N_ANCHORS + 1), metavar="1-8")
    parser.add_argument("--only", nargs="+", choices=[row.name for row in ROWS], help="rows beside the reference")
    return parser.parse_args()


if __name__ == "__main__":
    main()
