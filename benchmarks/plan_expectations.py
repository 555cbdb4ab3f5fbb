"""What `closedloop plan` expects against what simulated days measure: standard errors, and the power to see growth.

Standard errors, every day planned from those before it: of subjects in memory, attacked through models fitted to them
(`benchmarks.fitted_days`, two minutes a subject), of subjects whose attacks agree with the cortex by a stated
quality everywhere (`benchmarks.simulated_days`), and of finished studies on disk, given by --studies. Power: studies of
which each draws its anchors anew from a bank of images, and growth of known size tested as the report does,
`anchor_difference` and its interval.
Run: ``python -m benchmarks plan_expectations [--studies FOLDER ...] [--fitted N] [--subjects N] [--differences N]``.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from benchmarks.fitted_days import FittedLoop
from benchmarks.simulated_days import Bank, SimulatedDay, make_bank, simulate_day
from closedloop.analysis.estimate import Estimate
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.planning.design import ALL
from closedloop.planning.of_study import plan_of_study, predicted_changes
from closedloop.planning.pace import SessionPace
from closedloop.planning.past import Past
from closedloop.planning.plan import Plan, PlannedFor, make_plan
from closedloop.report.tables import anchor_difference
from closedloop.stages.evaluate.rows import measured_rows
from closedloop.study.loop import read_identity

QUALITIES = (0.0, 0.25, 0.31, 0.34, 0.36, 0.37)
"""Agreement of the attacks with the cortex's gradient on days 0 to 5, as the dry run's models have it."""

GROWN = (1.0, 1.15, 1.3, 1.6)
"""Quality on the day that growth is tested on, in parts of that on the first day."""


@dataclass(frozen=True)
class Comparison:
    """A standard error that was planned and what the day measured."""

    source: str
    day: int
    epsilon: float
    image_set: str
    planned: float
    measured: float

    @property
    def ratio(self) -> float:
        """Planned over measured."""
        return self.planned / self.measured


@dataclass(frozen=True)
class Rejections:
    """How often a growth was seen, and how often that was planned; growth in sigma, true and as measured on average."""

    epsilon: float
    effect: float
    n: int
    planned: float
    seen: float
    mean_difference: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=Path, nargs="*", default=[], help="finished simulated studies")
    parser.add_argument("--fitted", type=int, default=4, help="subjects with models fitted to them, in memory")
    parser.add_argument("--fitted-days", type=int, default=6, help="days of each, day 0 included")
    parser.add_argument("--subjects", type=int, default=4, help="subjects with attacks of stated quality, in memory")
    parser.add_argument("--differences", type=int, default=200, help="simulated at each size of growth")
    options = parser.parse_args()
    on_disk = [one for folder in options.studies for one in compare_study(StudyPaths(folder))]
    fitted = [one for seed in range(options.fitted) for one in compare_fitted(seed, n_days=options.fitted_days)]
    in_memory = [one for seed in range(options.subjects) for one in compare_subject(seed)]
    for name, found in (
        ("on disk", on_disk),
        ("in memory, models fitted", fitted),
        ("in memory, attacks of stated quality", in_memory),
    ):
        if found:
            print_comparisons(name, found)
    if options.differences:
        print_power(power_of_growth(seed=100, n=options.differences))


def compare_study(paths: StudyPaths) -> Iterator[Comparison]:
    """Plan every day of a finished study from the days before it, and compare."""
    study, protocol = read_identity(paths)
    for day in range(protocol.days):
        plan = plan_of_study(paths, study, protocol, session=Block(day))
        for one in plan.measured:
            yield from _compared(plan, one.epsilon, one.image_set, one.standard_error, source=paths.root.name)


def compare_subject(seed: int, *, protocol: Protocol | None = None) -> Iterator[Comparison]:
    """Simulate a study of six days in memory, and plan every day from those before it."""
    protocol = protocol or dry_run()
    epsilons = protocol.attack.epsilons
    random = np.random.default_rng([seed, *b"days"])
    n_anchors = protocol.images.anchors
    bank = make_bank(seed, n_images=n_anchors + protocol.images.clean_per_day, qualities=QUALITIES, epsilons=epsilons)
    anchors = random.choice(len(bank.clean_hz), size=n_anchors, replace=False)
    days: list[SimulatedDay] = []
    for number, quality in enumerate(QUALITIES):
        plan = plan_after(days, protocol, day=number)
        days.append(simulate_day(bank, protocol, number=number, quality=quality, anchors=anchors, random=random))
        yield from _measured(plan, days[-1], source=f"subject {seed}")


def compare_fitted(seed: int, *, n_days: int, protocol: Protocol | None = None) -> Iterator[Comparison]:
    """Simulate a study with a model that is fitted day by day, and plan every day when its attacks are made.

    Parameters
    ----------
    seed
        Of the subject.
    n_days
        Day 0 included.
    protocol
        None: the dry run's.
    """
    protocol = protocol or dry_run()
    loop = FittedLoop.begin(seed, protocol)
    for number in range(n_days):
        shown = loop.prepare()
        predicted = predicted_changes(shown.stimuli.columns, counted=range(protocol.sites.n_sites))
        plan = plan_after(loop.days, protocol, day=number, predicted=predicted)
        yield from _measured(plan, loop.show(shown), source=f"fitted {seed}")


def _measured(plan: Plan, day: SimulatedDay, *, source: str) -> Iterator[Comparison]:
    for row in measured_rows(day.pairs):
        if row["estimate"] == "paper":
            yield from _compared(
                plan, row["epsilon"], row["image_set"], row["standard_error"], source=source, site=row["site"]
            )


def _compared(
    plan: Plan, epsilon: float, image_set: str, measured: float, *, source: str, site: str = ""
) -> Iterator[Comparison]:
    (own,) = [one for one in plan.epsilons if one.epsilon == epsilon]
    if site:
        planned = [one.standard_error for one in own.sites if one.site == site and image_set == ALL]
    else:
        planned = [one.standard_error for one in own.means if one.image_set == image_set]
    name = f"{image_set}, single sites" if site else image_set
    for error in planned:
        if measured > 0:
            yield Comparison(source, plan.day, epsilon, name, error, measured)


def plan_after(
    days: Sequence[SimulatedDay], protocol: Protocol, *, day: int, predicted: Mapping[float, float] | None = None
) -> Plan:
    """Plan a day of a study in memory.

    Parameters
    ----------
    days, protocol, day
        Those before it, and which.
    predicted
        Mean change that its model predicts, by epsilon; None where there is no model.
    """
    sites = tuple(range(protocol.sites.n_sites))
    observed = tuple(one.observed() for one in days)
    past = Past(observed, SessionPace((), 0.0), sites, protocol, predicted=predicted or {})
    return make_plan(protocol, past, PlannedFor(), day=day, hours=None)


_FIT = {"readout_start": "random", "epochs": 5, "batch_size": 32, "base_learning_rate": 0.001}
_FIT |= {"readout_learning_rate": 0.01, "weight_decay": 0.3, "ridge": 0.1}
"""Of one network and no probes: what is planned is the measurement, whatever taught the model."""


def dry_run(**attack: object) -> Protocol:
    """Return the dry run's protocol, with other numbers of the section attack."""
    plain = yaml.safe_load(shipped_protocols()["dry_run"].read_text())
    for taught_otherwise in ("ensemble", "probes", "fit"):
        plain.pop(taught_otherwise, None)
    plain["fit"] = _FIT
    plain["images"]["clean_per_day"], plain["attack"]["fresh_images_per_site"] = 300, 4
    plain["attack"]["gradient"] = {"shift": 0.094, "blur": 0.025}
    plain["attack"] |= attack
    return Protocol.model_validate(plain)


def power_of_growth(
    *, seed: int, n: int, epsilons: Sequence[float] = (2.5, 10.0), grown: Sequence[float] = GROWN, first: float = 0.25
) -> list[Rejections]:
    """Test growth of known size again and again, each time by a study with anchors of its own.

    A study has a first fitted day, a second one like it, and the day that is tested, planned from the two.

    Parameters
    ----------
    seed
        Of the subject.
    n
        Studies at each size.
    epsilons
        Of the attacks.
    grown
        Quality on the last day, in parts of that on the first.
    first
        Quality on the first two days.
    """
    protocol = dry_run(epsilons=list(epsilons))
    qualities = sorted({first, *(first * one for one in grown)})
    bank = make_bank(seed, n_images=384, qualities=qualities, epsilons=epsilons)
    random = np.random.default_rng([seed, *b"differences"])
    planned: dict[tuple[float, float], list[float]] = defaultdict(list)
    seen: dict[tuple[float, float], list[bool]] = defaultdict(list)
    means: dict[tuple[float, float], list[float]] = defaultdict(list)
    effects = {(one, epsilon): true_growth(bank, first, first * one, epsilon) for one in grown for epsilon in epsilons}
    for _ in range(n):
        anchors = random.choice(len(bank.clean_hz), size=protocol.images.anchors, replace=False)

        def day(
            number: int, quality: float, anchors: np.ndarray[tuple[int], np.dtype[np.int64]] = anchors
        ) -> SimulatedDay:
            return simulate_day(bank, protocol, number=number, quality=quality, anchors=anchors, random=random)

        days = [day(1, first), day(2, first)]
        plan = plan_after(days, protocol, day=3)
        for one in grown:
            last = day(3, first * one)
            for own in plan.epsilons:
                difference = anchor_difference(days[0].pairs.table(), last.pairs.table(), epsilon=own.epsilon)
                if difference is not None and own.growth is not None:
                    planned[one, own.epsilon].append(own.growth.power_of(effects[one, own.epsilon]))
                    seen[one, own.epsilon].append(is_seen(difference))
                    means[one, own.epsilon].append(difference.mean)
    return [
        Rejections(
            epsilon,
            effects[one, epsilon],
            len(found),
            float(np.mean(planned[one, epsilon])),
            float(np.mean(found)),
            float(np.mean(means[one, epsilon])),
        )
        for (one, epsilon), found in seen.items()
    ]


def is_seen(difference: Estimate) -> bool:
    """Return whether the 95 % interval does not hold zero: the test of the report's intervals."""
    low, high = difference.interval
    return not low <= 0 <= high


def true_growth(bank: Bank, before: float, after: float, epsilon: float) -> float:
    """Return by how much the mean signed change grows between two qualities, in sigma, over the whole bank.

    Sigma is measured over the means of two noisy repetitions, so that it holds their noise: that of Poisson counts,
    and of gains of 15 % or so, as the simulated days have.
    """
    clean = bank.clean_hz[:, bank.sites]
    change = [bank.true_change(quality, epsilon).mean(axis=0) for quality in (before, after)]
    return float(((change[1] - change[0]) / measured_sigma_hz(clean)).mean())


def measured_sigma_hz(
    clean: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    noise = (clean / 0.1 + (0.15 * clean) ** 2).mean(axis=0) / 2
    return np.asarray(np.sqrt(clean.var(axis=0, ddof=1) + noise))


def print_comparisons(name: str, found: Sequence[Comparison]) -> None:
    """Print planned over measured standard errors, by epsilon: mean over days, and how far single days are off."""
    groups: dict[tuple[str, float, str], list[Comparison]] = defaultdict(list)
    for one in found:
        groups[
            one.image_set, one.epsilon, "day 1" if one.day == 1 else "day 0" if one.day == 0 else "days 2 on"
        ].append(one)
    print(f"\n{name}\n| pairs | epsilon | planned | n | SE planned | SE measured | ratio of means | middle 90 % |")
    print("|---|---|---|---|---|---|---|---|")
    for (image_set, epsilon, days), own in sorted(groups.items()):
        planned, measured = (float(np.mean([getattr(one, part) for one in own])) for part in ("planned", "measured"))
        low, high = np.quantile([one.ratio for one in own], [0.05, 0.95])
        print(
            f"| {image_set} | {epsilon:g} | {days} | {len(own)} | {planned:.4f} | {measured:.4f} | "
            f"{planned / measured:.3f} | {low:.2f} to {high:.2f} |"
        )


def print_power(found: Sequence[Rejections]) -> None:
    """Print how often growth was planned to be seen and was."""
    print("\n| epsilon | true growth (sigma) | measured, mean | n | planned power | seen | difference | binomial SE |")
    print("|---|---|---|---|---|---|---|---|")
    for one in sorted(found, key=lambda each: (each.epsilon, each.effect)):
        error = math.sqrt(max(one.seen * (1 - one.seen), 0.01) / one.n)
        print(
            f"| {one.epsilon:g} | {one.effect:.3f} | {one.mean_difference:.3f} | {one.n} | {one.planned:.3f} | "
            f"{one.seen:.3f} | {one.seen - one.planned:+.3f} | {error:.3f} |"
        )


if __name__ == "__main__":
    main()
