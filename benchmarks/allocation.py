"""What adaptive shares of arms do to estimates: coverage, bias and false alarms over simulated experiments.

Each experiment has days of pairs of an image and a site that three arms attack; noise, spread and size are those that
`closedloop plan` assumes before anything is recorded, at epsilon 10 and 2.5, and sizes grow from day to day as in the
paper, or stay. The program's own functions deal the pairs out (`stages.arms.allocation`) and estimate
(`analysis.arms`): corrected, session by session, as the pages do where shares were adaptive, and pooled, beside fixed
shares in the same experiments.
Run: ``python -m benchmarks allocation [--experiments 2000] [--only NAME ...]``.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.arms.comparing import ArmChanges, compare_arms
from closedloop.analysis.estimate import Estimate
from closedloop.artifacts.day.queue import QueuedImage
from closedloop.artifacts.protocol.arms.adaptive import Adaptive
from closedloop.artifacts.protocol.arms.section import Arm, Arms
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.tables import Columns
from closedloop.planning import assumed
from closedloop.planning.basis import basis_of
from closedloop.stages.arms.allocation import allocate, pairs_by_arm
from closedloop.stages.arms.rows import pairs_of_day

Floats = NDArray[np.float64]
_ALIKE = 0.5  # correlation of two arms' changes of a pair, and of one arm's on two days


@dataclass(frozen=True)
class Scenario:
    """What is simulated.

    Attributes
    ----------
    name
        Of the row.
    epsilon
        Decides size, spread and noise.
    sizes
        True mean change of each arm, in parts of the size expected.
    grows
        Whether sizes grow from day to day as in the paper; else every day has the last day's.
    moved
        See `Adaptive`.
    """

    name: str
    epsilon: float
    sizes: tuple[float, ...]
    grows: bool = True
    moved: float = 0.5


EQUAL, UNEQUAL = (1.0, 1.0, 1.0), (1.2, 1.0, 1.0)
SCENARIOS = (
    Scenario("unequal-10", 10.0, UNEQUAL),
    Scenario("equal-10", 10.0, EQUAL),
    Scenario("unequal-2.5", 2.5, UNEQUAL),
    Scenario("equal-2.5", 2.5, EQUAL),
    Scenario("equal-10-flat", 10.0, EQUAL, grows=False),
    Scenario("unequal-10-flat", 10.0, UNEQUAL, grows=False),
    Scenario("unequal-10-most", 10.0, UNEQUAL, moved=0.8),
)
PROTOCOL = read_protocol(shipped_protocols()["arms"])
N_DAYS = 5  # with arms, as in a study of six days
N_IMAGES, N_SITES, N_PAIRS = PROTOCOL.images.anchors, PROTOCOL.sites.n_sites, PROTOCOL.arms.n_pairs
IMAGES = [QueuedImage(image_id=f"image {number:02d}", category="") for number in range(N_IMAGES)]
PLACE = {one.image_id: number for number, one in enumerate(IMAGES)}


@dataclass(frozen=True)
class SimulatedMonkey:
    """One experiment's images, sites and noise; a response is the same whichever arms attack a pair besides.

    Attributes
    ----------
    change
        Of each day, arm, image and site, (n_days, n_arms, n_images, n_sites), in sigma, as measured.
    true
        Each arm's mean over all images and sites there could be, of each day, (n_days, n_arms).
    """

    change: Floats
    true: Floats


def draw(scenario: Scenario, random: np.random.Generator) -> SimulatedMonkey:
    """Draw an experiment."""
    law = basis_of((), PROTOCOL, day=N_DAYS, n_sites=N_SITES).law
    variance, size = law.variance_at(scenario.epsilon), law.size_at(scenario.epsilon)
    n_arms = len(scenario.sizes)
    growth = np.array([assumed.grown(day - N_DAYS) if scenario.grows else 1.0 for day in range(1, N_DAYS + 1)])
    by_site, by_image = 1 - assumed.WITHIN_SITES, assumed.SHARED_OF_SPREAD
    shape = (N_DAYS, n_arms, N_IMAGES, N_SITES)

    def alike(part: float, images: int, sites: int) -> Floats:
        """Return a part of the spread: half of it shared by arms, half of either by days."""
        drawn = sum(random.normal(size=(days, arms, images, sites)) for days in (1, N_DAYS) for arms in (1, n_arms))
        return np.asarray(np.sqrt(part * variance.spread / 4) * drawn)

    true = growth[:, None] * size * np.array(scenario.sizes)
    spread = alike(by_site, 1, N_SITES) + alike(by_image, N_IMAGES, 1)
    spread = spread + alike(1 - by_site - by_image, N_IMAGES, N_SITES)
    attacked = np.sqrt(variance.changed / PROTOCOL.arms.repetitions) * random.normal(size=shape)
    clean = np.sqrt(variance.clean / PROTOCOL.images.anchor_repetitions) * random.normal(
        size=(N_DAYS, 1, N_IMAGES, N_SITES)
    )
    return SimulatedMonkey(true[:, :, None, None] + growth[:, None, None, None] * spread + attacked - clean, true)


def measure(
    scenario: Scenario, monkey: SimulatedMonkey, *, seed: int, is_adaptive: bool
) -> tuple[list[ArmChanges], dict[int, float]]:
    """Return what each arm's attacks did on all days, and the weights of the days."""
    names = [f"arm {number}" for number in range(len(scenario.sizes))]
    section = Arms(
        arms=tuple(Arm(name=name.replace(" ", "_")) for name in names),
        n_pairs=N_PAIRS,
        epsilons=(scenario.epsilon,),
        adaptive=Adaptive(moved=scenario.moved) if is_adaptive else None,
    )
    tables = list[Columns]()
    for day in range(1, N_DAYS + 1):
        pairs = pairs_of_day(IMAGES, range(N_SITES), seed=N_DAYS * seed + day)
        numbers = pairs_by_arm(allocate(tables, section, day=day, most=len(pairs)))
        tables.append(_table(section, pairs, numbers, monkey.change[day - 1]))
    return _changes(section, tables), {day: float(len(table["arm"])) for day, table in enumerate(tables)}


def _table(
    section: Arms, pairs: Sequence[tuple[QueuedImage, int]], numbers: Mapping[str, int] | None, change: Floats
) -> Columns:
    rows = [
        (arm.name, image.image_id, f"site {site:02d}", change[number, PLACE[image.image_id], site])
        for number, arm in enumerate(section.arms)
        for image, site in pairs[: numbers[arm.name] if numbers else section.pairs_of(arm)]
    ]
    names, n = ("arm", "image_id", "neuroid_id", "change"), len(rows)
    columns = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
    return columns | {"epsilon": np.full(n, section.epsilons[0]), "predicted_sign": np.ones(n, dtype=np.int64)}


def _changes(section: Arms, tables: Sequence[Columns]) -> list[ArmChanges]:
    joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    session = np.repeat(np.arange(len(tables)), [len(table["arm"]) for table in tables])
    image, site = (np.unique(joined[name], return_inverse=True)[1] for name in ("image_id", "neuroid_id"))
    columns = (joined["change"], image, site, session)
    return [ArmChanges(arm.name, *(column[joined["arm"] == arm.name] for column in columns)) for arm in section.arms]


class Tally:
    """What many estimates of one kind add up to; those of one experiment are no independent ones."""

    def __init__(self) -> None:
        self.rows = defaultdict[int, list[tuple[float, float, bool, bool]]](list)

    def add(self, experiment: int, estimate: Estimate, truth: float) -> None:
        """Count one."""
        low, high = estimate.interval
        self.rows[experiment].append((estimate.mean - truth, high - low, low <= truth <= high, not low <= 0 <= high))

    def said(self, size: float) -> str:
        """Return coverage, bias, width and how often zero is outside, with 95 % of chance."""
        of_experiments = np.array([np.mean(rows, axis=0) for rows in self.rows.values()])
        bias, width, covered, found = of_experiments.mean(axis=0)
        by_chance = 1.96 * of_experiments.std(axis=0) / np.sqrt(len(of_experiments))
        return (
            f"coverage {100 * covered:.1f} +- {100 * by_chance[2]:.1f} %, bias {100 * bias / size:+.2f} +- "
            f"{100 * by_chance[0] / size:.2f} % of the size, width {width:.4f}, zero outside {100 * found:.1f} %"
        )


def run(scenario: Scenario, *, n: int) -> Iterator[str]:
    """Yield the lines of a scenario."""
    tallies = defaultdict[tuple[str, str], Tally](Tally)
    most, share, size = 0, 0.0, float("nan")
    best, has_best = int(np.argmax(scenario.sizes)), len(set(scenario.sizes)) > 1
    for seed in range(n):
        monkey = draw(scenario, np.random.default_rng([seed, *scenario.name.encode()]))
        truth = monkey.true.mean(axis=0)
        size = float(truth.min())
        for design, is_adaptive in (("adaptive", True), ("fixed", False)):
            arms, weights = measure(scenario, monkey, seed=seed, is_adaptive=is_adaptive)
            for way, weighed in (("corrected", weights), ("pooled", None)) if is_adaptive else (("pooled", None),):
                for number, arm in enumerate(arms):
                    kind = "the best arm's mean" if has_best and number == best else "an arm's mean"
                    tallies[f"{design}, {way}", kind].add(seed, arm.mean(seed=0, weights=weighed), truth[number])
                for two, (first, second) in zip(
                    compare_arms(arms, seed=0, weights=weighed), combinations(range(len(arms)), 2), strict=True
                ):
                    is_true = truth[first] != truth[second]
                    kind = "a difference" if is_true else "no difference"
                    tallies[f"{design}, {way}", kind].add(seed, two.difference, truth[first] - truth[second])
            if is_adaptive:
                last = [int((arm.session == N_DAYS - 1).sum()) for arm in arms]
                most += last[best] == max(last)
                share += last[best] / sum(last)
    yield (
        f"{scenario.name}: epsilon {scenario.epsilon:g}, arms {scenario.sizes}, "
        f"{'growing' if scenario.grows else 'flat'}, moved {scenario.moved:g}, {n} experiments; the first best arm has "
        f"most attacks on the last day in {100 * most / n:.1f} %, {100 * share / n:.1f} % of them on average"
    )
    for (way, kind), tally in sorted(tallies.items()):
        yield f"  {kind:<20} {way:<20} {tally.said(size)}"


def main() -> None:
    """Print what each scenario shows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks allocation", description=__doc__)
    parser.add_argument("--experiments", type=int, default=2000, metavar="N", help="of each scenario")
    parser.add_argument("--only", nargs="+", choices=[one.name for one in SCENARIOS], help="some scenarios")
    options = parser.parse_args()
    for scenario in SCENARIOS:
        if not options.only or scenario.name in options.only:
            print("\n".join(run(scenario, n=options.experiments)), flush=True)


if __name__ == "__main__":
    main()
