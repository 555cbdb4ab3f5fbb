"""Preferred levels of simulated sites against the truth: their error, and how often the interval holds it.

In memory, on counts alone, by the function that the study, the day's evaluation and its page call. A subject's clean
images of 30 categories are drawn with replacement from 300 of each, so that the truth, a category's mean rate over its
300 images times the session's mean gain, is exact. The truth of an estimate is the mean over its choices of that rate
of the categories chosen; of the largest mean that of the category it names.
Run: ``python -m benchmarks preference [--subjects 20]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from closedloop.analysis.categories.preferred import category_means, preferred_level
from closedloop.analysis.reliability import mean_response, split_half_reliability
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.trials import PresentationSequence, presented_rates_hz
from closedloop.stimuli.pools import ProceduralPool, load_images

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

N_SITES, N_CATEGORIES, N_PER_CATEGORY = 21, 30, 300
WINDOW_S, SLOT_S, A_TRIAL = 0.1, 0.29, 6
_POOL_SEED, _FIRST_SUBJECT = 777, 1000
SHOWN = ((10, 2), (20, 2), (40, 2), (20, 4))  # images of each category, and showings of each image


@dataclass(frozen=True)
class Judged:
    """One subject's sites: errors of the level, of its ends and of the largest mean, in Hz, (n_sites,) each."""

    level: Floats
    low: Floats
    high: Floats
    largest: Floats
    below_best: Floats

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Whether the interval holds the truth."""
        return (self.low <= 0) & (self.high >= 0)


@dataclass(frozen=True)
class Subject:
    """A simulated cortex and what its electrodes would answer to every image of the pool, (n_images, n_electrodes)."""

    seed: int
    cortex: HiddenCortex
    rates_hz: Floats
    category: Integers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| images a category | showings | preference | error (Hz) | interval holds | largest mean, error (Hz) | ",
        end="",
    )
    print("below the best category (Hz) |")
    print("|---|---|---|---|---|---|---|")
    found: dict[tuple[int, int, int], list[Judged]] = {}
    for subject in subjects(options.subjects):
        for n_images, repetitions in SHOWN:
            for side in (1, -1):
                one = judge(subject, n_images=n_images, repetitions=repetitions, side=side)
                found.setdefault((n_images, repetitions, side), []).append(one)
    for (n_images, repetitions, side), judged in found.items():
        print(row(judged, n_images=n_images, repetitions=repetitions, side=side), flush=True)


def subjects(n: int) -> Iterator[Subject]:
    """Yield simulated subjects, each with its answers to all images of the pool."""
    pool = ProceduralPool(_POOL_SEED, n_categories=N_CATEGORIES, n_per_category=N_PER_CATEGORY)
    images = pool.images()
    pixels = load_images(pool, tuple(image.image_id for image in images))
    _, category = np.unique([image.category for image in images], return_inverse=True)
    for seed in range(n):
        cortex = HiddenCortex(_FIRST_SUBJECT + seed)
        yield Subject(seed, cortex, cortex.rates_hz(pixels, day=0), category.astype(np.int64))


def judge(subject: Subject, *, n_images: int, repetitions: int, side: int) -> Judged:
    """Show a subject clean images, estimate its preferred levels, and compare them with the truth.

    Parameters
    ----------
    subject
        Who.
    n_images, repetitions
        Of each category, and showings of each.
    side
        1 for the most preferred category, -1 for the least.
    """
    rng = np.random.default_rng([subject.seed, n_images, repetitions])
    own = [np.flatnonzero(subject.category == place) for place in range(N_CATEGORIES)]
    drawn = np.concatenate([rng.choice(rows, n_images) for rows in own])
    counted, gain = _counted(subject, drawn, repetitions, rng)
    order = np.argsort(-np.nan_to_num(split_half_reliability(counted.rates, counted.image, seed=0), nan=-1.0))
    sites = order[:N_SITES]
    responses = mean_response(counted.rates[:, sites], counted.image, n_images=len(drawn))
    truth = category_means(subject.rates_hz[:, sites], subject.category, n_categories=N_CATEGORIES) * gain[sites]
    found = preferred_level(side * responses, subject.category[drawn], seed=subject.seed)
    own_truth = (found.choices * truth).sum(axis=0)
    named = truth[found.category, np.arange(N_SITES)]
    best = (side * truth).max(axis=0) * side
    return Judged(
        level=side * found.level - own_truth,
        low=side * (found.low if side > 0 else found.high) - own_truth,
        high=side * (found.high if side > 0 else found.low) - own_truth,
        largest=side * found.naive - named,
        below_best=side * (own_truth - best),
    )


@dataclass(frozen=True)
class _Counted:
    """Rates at every presentation, (n_presentations, n_electrodes), and which image it showed."""

    rates: Floats
    image: Integers


def _counted(subject: Subject, drawn: Integers, repetitions: int, rng: np.random.Generator) -> tuple[_Counted, Floats]:
    """Return counts as rates, and each electrode's mean gain over the session, adaptation in it."""
    image = rng.permutation(np.repeat(np.arange(len(drawn)), repetitions))
    place, hidden = np.arange(len(image)), subject.rates_hz[drawn]
    sequence = PresentationSequence(
        np.empty((0, 1, 1, 3), dtype=np.uint8),
        image,
        place + int(rng.integers(2**40)),
        place * SLOT_S,
        place % A_TRIAL != 0,
    )
    rates = presented_rates_hz(subject.cortex, hidden, sequence, day=0)
    counts = rng.poisson(rates * WINDOW_S) / WINDOW_S
    return _Counted(counts, image), rates.mean(axis=0) / hidden[image].mean(axis=0)


def row(judged: list[Judged], *, n_images: int, repetitions: int, side: int) -> str:
    """Return a line of the table: means over sites, with the standard error over subjects."""

    def mean(name: str) -> str:
        of_subjects = np.array([getattr(one, name).mean() for one in judged])
        error = of_subjects.std(ddof=1) / np.sqrt(len(of_subjects)) if len(of_subjects) > 1 else float("nan")
        return f"{of_subjects.mean():+.2f} ± {error:.2f}"

    covered = 100 * np.mean([one.covered.mean() for one in judged])
    what = "most" if side > 0 else "least"
    return (
        f"| {n_images} | {repetitions} | {what} | {mean('level')} | {covered:.1f} % of {len(judged) * N_SITES} | "
        f"{mean('largest')} | {mean('below_best')} |"
    )
