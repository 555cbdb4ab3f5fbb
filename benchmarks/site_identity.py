"""Site identity over days: steady sites that are called changed, and changed ones that are found, on simulated days.

In each subject two sites are exchanged from day 3 on, one falls silent and one comes to hear other cells; all other
electrodes drift as the simulated cortex does. In memory, on counts alone, by the functions that ingest calls.
Run: ``python -m benchmarks site_identity [--subjects 20]``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.simulated_loop import category_balanced
from closedloop.analysis.identity import ElectrodeIdentity, compare_identity
from closedloop.analysis.reliability import split_half_reliability
from closedloop.analysis.signatures import DayAnswers
from closedloop.simulation.cortex.electrodes import CortexBiology
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.trials import PresentationSequence, trial_rates_hz
from closedloop.stimuli.pools import ProceduralPool

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

N_SITES, N_DAYS, FIRST_CHANGED = 21, 6, 3
WINDOW_S, SLOT_S, A_TRIAL = 0.1, 0.6, 6
CHANGED = ("moved", "retuned", "lost", "dead")


@dataclass(frozen=True)
class Shown:
    """What a protocol shows every day: normalizers and anchors with their repetitions."""

    name: str
    normalizers: tuple[int, int]
    anchors: tuple[int, int]

    @property
    def repetitions(self) -> NDArray[np.int64]:
        """Of each image, (n_images,)."""
        return np.repeat([self.normalizers[1], self.anchors[1]], [self.normalizers[0], self.anchors[0]])


PROTOCOLS = (
    Shown("guo2022", (25, 10), (168, 4)),
    Shown("dry_run", (25, 4), (84, 4)),
    Shown("normalizers alone, 10 times", (25, 10), (0, 4)),
    Shown("normalizers alone, 4 times", (25, 4), (0, 4)),
)


@dataclass(frozen=True)
class Changes:
    """The electrodes that are others from `FIRST_CHANGED` on."""

    exchanged: tuple[int, int]
    dead: int
    retuned: int

    @property
    def all(self) -> frozenset[int]:
        """All of them."""
        return frozenset((*self.exchanged, self.dead, self.retuned))


@dataclass(frozen=True)
class Judged:
    """A day of a subject: what was said of each of its sites.

    Attributes
    ----------
    found
        By electrode.
    changes
        What was done to it; from `FIRST_CHANGED` on.
    new_tuning
        True correlation over the images of the retuned electrode's new tuning with its tuning of day 0.
    """

    day: int
    found: dict[int, ElectrodeIdentity]
    changes: Changes
    new_tuning: float

    @property
    def is_changed(self) -> bool:
        """Whether the changes were made by then."""
        return self.day >= FIRST_CHANGED

    @property
    def steady(self) -> list[ElectrodeIdentity]:
        """What was said of sites to which nothing was done."""
        return [one for e, one in self.found.items() if not (self.is_changed and e in self.changes.all)]

    @property
    def exchange_is_found(self) -> bool:
        """Whether each of the two is said to answer as the other did."""
        one, other = self.changes.exchanged
        return (self.found[one].partner, self.found[other].partner) == (_name(other), _name(one))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| shown every day | steady sites called changed | not told | exchanged | dead | retuned | of these unlike |")
    print("|---|---|---|---|---|---|---|")
    for shown in PROTOCOLS:
        days = [day for seed in range(options.subjects) for day in judge_subject(seed, shown)]
        print(row(shown, days), flush=True)


def row(shown: Shown, days: list[Judged]) -> str:
    """Return a line of the table."""
    steady = [one for day in days for one in day.steady]
    said = Counter[str](one.state for one in steady)
    changed = [day for day in days if day.is_changed]
    unlike = [day for day in changed if day.new_tuning < 0.5]
    cells = [
        shown.name,
        f"{sum(said[state] for state in CHANGED)} of {len(steady)}",
        f"{said['unknown']}",
        _part([day.exchange_is_found for day in changed]),
        _part([day.found[day.changes.dead].state == "dead" for day in changed]),
        _part([day.found[day.changes.retuned].state == "retuned" for day in changed]),
        _part([day.found[day.changes.retuned].state == "retuned" for day in unlike]),
    ]
    return f"| {' | '.join(cells)} |"


def judge_subject(seed: int, shown: Shown, *, days: range = range(1, N_DAYS)) -> Iterator[Judged]:
    """Yield what is said of each day of a subject.

    Parameters
    ----------
    seed
        The subject.
    shown
        What it sees every day.
    days
        Which, from 1.
    """
    images = category_balanced(ProceduralPool(42), len(shown.repetitions), first=seed % 20)
    first = _answers(HiddenCortex(seed), images, shown, day=0)
    reliability = split_half_reliability(first.rates_hz, first.stimulus_id.astype(np.int64), seed=seed)
    sites = np.argsort(-reliability, kind="stable")[:N_SITES].tolist()
    one, other, dead, retuned = np.random.default_rng([seed, *b"changes"]).permutation(sites)[:4].tolist()
    changes = Changes((one, other), dead, retuned)
    cortex = HiddenCortex(seed, biology=CortexBiology(retuned=((retuned, FIRST_CHANGED),)))
    tuning = cortex.rates_hz(images, day=0)[:, retuned]
    for day in days:
        now = _answers(cortex, images, shown, day=day)
        if day >= FIRST_CHANGED:
            _change(now.rates_hz, changes)
        found = compare_identity(first, now).electrodes
        new_tuning = float(np.corrcoef(tuning, cortex.rates_hz(images, day=day)[:, retuned])[0, 1])
        yield Judged(day, {e: found[e] for e in sites}, changes, new_tuning)


def _answers(cortex: HiddenCortex, images: Bytes, shown: Shown, *, day: int) -> DayAnswers:
    rng = np.random.default_rng([cortex.seed, day, *b"session"])
    order = rng.permutation(np.repeat(np.arange(len(images)), shown.repetitions))
    ordinal = np.arange(len(order))
    sequence = PresentationSequence(images, order, ordinal, np.asarray(ordinal * SLOT_S), ordinal % A_TRIAL != 0)
    counts = rng.poisson(trial_rates_hz(cortex, sequence, day=day) * WINDOW_S)
    names = np.array([_name(e) for e in range(cortex.n_electrodes)])
    return DayAnswers(names, order.astype(str), counts / WINDOW_S)


def _change(rates_hz: Floats, changes: Changes) -> None:
    one, other = changes.exchanged
    rates_hz[:, [one, other]] = rates_hz[:, [other, one]]
    rates_hz[:, changes.dead] = 0.0


def _name(electrode: int) -> str:
    return f"array1-{electrode + 1:03d}"


def _part(found: list[bool]) -> str:
    return f"{sum(found)} of {len(found)}"


if __name__ == "__main__":
    main()
