"""The refit against a plain loop of PyTorch's, and by several processes: the half-wide ResNet-50 at 224 px to layer4.0.

Run: ``python -m benchmarks refit`` on a machine with two free cores (twenty minutes; ``--rounds 1 --images 64`` is
shorter). The plain loop is what one writes by hand: the same network, images, order and batches, autograd and
torch.optim.AdamW, one thread. All take turns within a round. The clock runs from the first image that goes into the
network for a step to the end of the last step: what a refit does around its steps (held-out correlations) is no part of
a plain loop. CPU is the processor time of all processes, which others on the machine disturb less; what several
processes gain is in the wall clock, which means little where the machine is not free; beside it the processor time of
the busiest of them, which is what they would take on free processors that do not slow each other down.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

from benchmarks.networks import photographs, trained_site_model
from closedloop.models.checkpoints import open_base_model
from closedloop.models.site_model import SiteModel, build_site_model, calibrate_readout, images_to_tensor, predict
from closedloop.stimuli.pools import ProceduralPool, load_images
from closedloop.training.end_to_end import RefitRecipe, Responses, refit
from closedloop.training.resumable import epoch_order

N_SITES, SEED = 21, 3
_COSTS = ("wall_s", "cpu_s", "busiest_s")
END_TO_END = RefitRecipe(epochs=1, batch_size=32)
FROZEN = replace(END_TO_END, epochs=5, train="from layer4")


@dataclass(frozen=True)
class Timed:
    """What a fit's steps cost, and the hash of the weights that they left."""

    wall_s: float
    cpu_s: float
    busiest_s: float
    weights: str


@dataclass
class Clock:
    """Runs from the first image that goes into a network for a step to the end of the last step.

    Attributes
    ----------
    n_before
        Passes through the network before the first step.
    """

    n_before: int = 0
    began: tuple[float, dict[int, float]] | None = None
    ended: tuple[float, dict[int, float]] = (0.0, {})

    def enter(self, *_: object) -> None:
        """See a pass through the network begin."""
        if self.n_before:
            self.n_before -= 1
        elif self.began is None:
            self.began = _now()

    def step(self, *_: object) -> None:
        """See a step end."""
        self.ended = _now()


Contestant = Callable[[SiteModel, Clock], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=128, help="that are fitted")
    parser.add_argument("--part", choices=["all", "end-to-end", "frozen", "precision"], default="all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    train = _train(options.images)
    if options.part in ("all", "end-to-end"):
        _end_to_end(train, rounds=options.rounds)
    if options.part in ("all", "frozen"):
        _frozen(train, rounds=options.rounds)
    if options.part in ("all", "precision"):
        _precision()


def _end_to_end(train: Responses, *, rounds: int) -> None:
    print(f"## End to end, {len(train.images)} images, batches of {END_TO_END.batch_size}\n")
    in_four = replace(END_TO_END, shards=4)
    contestants = {
        "plain loop": lambda model, clock: plain_loop(model, clock, train, END_TO_END),
        "closedloop, 1 shard": lambda model, clock: _ours(model, clock, train, END_TO_END),
        "closedloop, 4 shards": lambda model, clock: _ours(model, clock, train, in_four),
        "closedloop, 4 shards, 2 processes": lambda model, clock: _ours(model, clock, train, in_four, n_processes=2),
        "closedloop, 4 shards, 4 processes": lambda model, clock: _ours(model, clock, train, in_four, n_processes=4),
    }
    runs = _take_turns(contestants, rounds=rounds)
    _print_table(runs)
    hashes = {name: {run.weights for run in found} for name, found in runs.items()}
    names = list(contestants)
    print(f"\n1 shard has the plain loop's bytes: {hashes[names[0]] == hashes[names[1]]};", end=" ")
    alike = hashes[names[2]] == hashes[names[3]] == hashes[names[4]]
    print(f"4 shards have the same bytes by 1, 2 and 4 processes: {alike}")
    by_wall, by_busiest = (
        statistics.median(
            getattr(one, what) / getattr(two, what) for one, two in zip(runs[names[2]], runs[names[3]], strict=True)
        )
        for what in ("wall_s", "busiest_s")
    )
    print(
        f"2 processes are {by_wall:.2f} x as fast as one by the wall clock (load of this machine: {_load():.1f}),",
        end="",
    )
    print(f" {by_busiest:.2f} x by the busiest process's processor time")


def _frozen(train: Responses, *, rounds: int) -> None:
    print(f"\n## {FROZEN.train}, {FROZEN.epochs} epochs\n")
    in_four = replace(FROZEN, shards=4)
    contestants = {
        "plain loop": lambda model, clock: plain_loop(model, clock, train, FROZEN),
        "closedloop": lambda model, clock: _with_features(model, clock, train, FROZEN),
        "closedloop, 4 shards": lambda model, clock: _with_features(model, clock, train, in_four),
    }
    _print_table(_take_turns(contestants, rounds=rounds))


def _precision() -> None:
    """Compare bfloat16 with float32 by what counts: held-out correlation; beside it what another seed changes."""
    print("\n## bfloat16 against float32, small_resnet, 600 images, 5 epochs\n")
    pool = ProceduralPool(seed=1, n_per_category=30)
    pixels = load_images(pool, tuple(image.image_id for image in pool.images()))
    mixed = np.random.default_rng(0).permutation(len(pixels))
    teacher = _small(seed=50)
    noise = np.random.default_rng(1)
    parts = []
    for rows in (mixed[:600], mixed[600:900]):
        answers = predict(teacher, pixels[rows])
        noisy = answers + noise.standard_normal(answers.shape).astype(np.float32)
        parts.append(Responses(pixels[rows], noisy, np.ones(len(rows), dtype=np.float32)))
    found = {}
    for name, precision, seed in (("float32", "float32", 1), ("bfloat16", "bfloat16", 1), ("other seed", "float32", 2)):
        model = _small(seed=2)
        recipe = replace(RefitRecipe(), precision=precision)
        found[name] = (
            refit(model, *parts, recipe=recipe, seed=seed).correlation_after,
            predict(model, parts[1].images),
        )
    exact_r, exact = found["float32"]
    print("| | largest change of a site's held-out r | r with the predictions in float32, least site |\n|---|---|---|")
    for name, (r, predicted) in list(found.items())[1:]:
        alike = min(np.corrcoef(predicted[:, site], exact[:, site])[0, 1] for site in range(exact.shape[1]))
        print(f"| {name} | {np.abs(r - exact_r).max():.4f} | {alike:.5f} |")


def plain_loop(model: SiteModel, clock: Clock, train: Responses, recipe: RefitRecipe) -> None:
    """Fit as one does by hand, in evaluation mode; what the recipe freezes has no gradient."""
    model.eval().requires_grad_(True)
    if recipe.train != "all":
        kept = recipe.train.removeprefix("from ")
        for name, child in model.trunk.named_children():
            child.requires_grad_(name >= kept if name.startswith("layer") else False)
    groups = [
        {"params": list(model.trunk.parameters()), "lr": recipe.base_learning_rate},
        {"params": list(model.readout.parameters()), "lr": recipe.readout_learning_rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    for epoch in range(recipe.epochs):
        order = epoch_order(len(train.images), seed=SEED, epoch=epoch)
        for start in range(0, len(order), recipe.batch_size):
            rows = np.sort(order[start : start + recipe.batch_size])
            images = images_to_tensor(train.images[rows], device=torch.device("cpu"))
            loss: Tensor = (model(images) - torch.from_numpy(train.responses[rows])).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clock.step()


def _ours(model: SiteModel, clock: Clock, train: Responses, recipe: RefitRecipe, *, n_processes: int = 1) -> None:
    clock.n_before = 1  # the correlations before
    few = _few(train)
    refit(model, train, few, recipe=recipe, seed=SEED, n_processes=n_processes, progress=clock.step)


def _with_features(model: SiteModel, clock: Clock, train: Responses, recipe: RefitRecipe) -> None:
    clock.n_before = 1
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, few = Path(folder) / "refit.pt", _few(train)
        refit(model, train, few, recipe=recipe, seed=SEED, checkpoint=checkpoint, progress=clock.step)


def _take_turns(contestants: dict[str, Contestant], *, rounds: int) -> dict[str, list[Timed]]:
    runs: dict[str, list[Timed]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            runs[name].append(_timed(contestant))
    return runs


def _timed(contestant: Contestant) -> Timed:
    model, clock = trained_site_model(n_sites=N_SITES), Clock()
    watched = next(iter(model.trunk.children())).register_forward_pre_hook(clock.enter)
    contestant(model, clock)
    watched.remove()
    digest = hashlib.sha256()
    for weight in model.state_dict().values():
        digest.update(weight.numpy().tobytes())
    (began_s, before), (ended_s, after) = clock.began or clock.ended, clock.ended
    used_s = [after[pid] - before.get(pid, 0.0) for pid in after]
    return Timed(ended_s - began_s, sum(used_s), max(used_s), digest.hexdigest())


def _now() -> tuple[float, dict[int, float]]:
    """Return the wall clock, and the processor time of this process and of each that it started and that still is."""
    own = psutil.Process()
    used = {one.pid: one.cpu_times() for one in (own, *own.children(recursive=True))}
    return time.perf_counter(), {pid: times.user + times.system for pid, times in used.items()}


def _print_table(runs: dict[str, list[Timed]]) -> None:
    print("| | wall s | CPU-s | busiest process | plain loop / this: wall | CPU | busiest |")
    print("|---|---|---|---|---|---|---|")
    plain = runs["plain loop"]
    for name, found in runs.items():
        cost = " | ".join(f"{_median(found, what):.1f}" for what in _COSTS)
        # within a round, so that what disturbed one disturbed the other
        ratios = [
            statistics.median(getattr(one, what) / getattr(own, what) for one, own in zip(plain, found, strict=True))
            for what in _COSTS
        ]
        print(f"| {name} | {cost} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |", flush=True)


def _median(found: list[Timed], what: str) -> float:
    return float(statistics.median(getattr(run, what) for run in found))


def _load() -> float:
    return float(Path("/proc/loadavg").read_text().split()[0])


def _train(n: int) -> Responses:
    """Photographs, again and again with another brightness, and responses of noise."""
    photos, drawn = photographs(), np.random.default_rng(0)
    images = np.stack([photos[place % len(photos)] // (1 + place // len(photos)) for place in range(n)])
    return Responses(images, drawn.standard_normal((n, N_SITES)).astype(np.float32), np.ones(n, dtype=np.float32))


def _few(train: Responses) -> Responses:
    return Responses(train.images[:4], train.responses[:4], train.weights[:4])


def _small(*, seed: int) -> SiteModel:
    model = build_site_model(
        open_base_model("small_resnet_robust", layer="layer3.0"), n_sites=12, side_px=32, seed=seed
    )
    pool = ProceduralPool(seed=9, n_per_category=4)
    calibrate_readout(model, load_images(pool, tuple(image.image_id for image in pool.images())))
    return model


if __name__ == "__main__":
    main()
