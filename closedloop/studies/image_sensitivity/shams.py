"""Experiments without any effect: how often the tests ring where no image moves any site.

Twice, as noise has two descriptions. Counts are drawn about the mean of an image and its attacks, with the ratio of
variance to mean that the site's repetitions have: Poisson where it is one, negative binomial above. And the study's own
repetitions, each about its own mean, are dealt anew to the clean image and its attacks, whatever their distribution.
Everything else is as in the study: its images, sites, epsilons, numbers of repetitions and sealed signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.analysis.single_images.curves import image_slopes
from closedloop.analysis.slopes import SlopeTest, pair_slopes, slopes_by_site
from closedloop.artifacts.naming import derive_seed
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.execution.shards import made_once, shard_name
from closedloop.storage import sha256_bytes
from closedloop.studies.image_sensitivity.gather import GatheredPairs

Floats = NDArray[np.float64]

NOISES = ("counts", "repetitions")
OF = ("image", "site")
TESTS = ("any", "positive", "corrected")

_FORMAT = "image sensitivity shams 1"
_LEVEL = 0.05
_A_SHARD = 10
_NAMES = ("alarms", "n")


@dataclass(frozen=True)
class ShamShard:
    """Some experiments without an effect.

    Attributes
    ----------
    pairs
        The study's, by whose noise they are made.
    window_s
        In which spikes were counted.
    experiments
        Their numbers.
    seed
        Of the study.
    folder
        Where its file goes.
    """

    pairs: GatheredPairs
    window_s: float
    experiments: tuple[int, ...]
    seed: int
    folder: Path

    @property
    def path(self) -> Path:
        """Its file, named by all that decides what is in it."""
        arrays = (self.pairs.clean, self.pairs.changed, self.pairs.sign, self.pairs.epsilon, self.pairs.sigma_hz)
        content = sha256_bytes(b"".join(np.ascontiguousarray(one).tobytes() for one in arrays))
        name = shard_name(_FORMAT, __version__, content, self.window_s, repr(self.experiments), self.seed)
        return self.folder / f"{name}.npz"


def sham_shards(pairs: GatheredPairs, folder: Path, *, window_s: float, n: int, seed: int) -> list[ShamShard]:
    """Return the pieces of the work.

    Parameters
    ----------
    pairs, window_s
        See `ShamShard`.
    folder
        Where their files go.
    n
        Experiments.
    seed
        Of the study.
    """
    return [
        ShamShard(pairs, window_s, tuple(range(start, min(start + _A_SHARD, n))), seed, folder)
        for start in range(0, n, _A_SHARD)
    ]


def leave_shard(shard: ShamShard) -> None:
    """Make a piece's experiments, unless its file is there, and leave the file."""
    if not shard.path.exists():
        made_once(shard.path, partial(write_shard, _made(shard)))


def read_alarms(shards: list[ShamShard]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return alarms and tests of all pieces, (n_noises, n_of, n_tests) each.

    Raises
    ------
    DocumentError
        A file is missing, or not what a piece leaves.
    """
    found = [read_shard(shard.path, names=_NAMES) for shard in shards]
    alarms, n = (np.stack([part[name] for part in found]).sum(axis=0) for name in _NAMES)
    return np.asarray(alarms, dtype=np.int64), np.asarray(n, dtype=np.int64)


def _made(shard: ShamShard) -> dict[str, NDArray[Any]]:
    shape = (len(NOISES), len(OF), len(TESTS))
    alarms, n = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for experiment in shard.experiments:
        for place, noise in enumerate(NOISES):
            generator = np.random.default_rng(derive_seed(shard.seed, "image sensitivity", noise, str(experiment)))
            clean, changed = (
                draw_counts(shard.pairs, window_s=shard.window_s, generator=generator)
                if noise == "counts"
                else deal_repetitions(shard.pairs, generator=generator)
            )
            rang, tested = count_alarms(shard.pairs, clean, changed)
            alarms[place] += rang
            n[place] += tested
    return {"alarms": alarms, "n": n}


def count_alarms(pairs: GatheredPairs, clean: Floats, changed: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the tests of one experiment that ring, and all of them, (n_of, n_tests) each.

    Parameters
    ----------
    pairs
        Which images, sites, epsilons and signs.
    clean, changed
        Repetitions, (n_pairs, n_repetitions).
    """
    indices = {"image_index": pairs.image_index, "site_index": pairs.site_index}
    by_image = [
        site.tests for site in image_slopes(clean, changed, pairs.sign, pairs.epsilon, **indices)
    ]  # a family of tests a site
    by_site = [slopes_by_site(pair_slopes(clean, changed, pairs.sign, pairs.epsilon, **indices))]
    counted = [_counted(families) for families in (by_image, by_site)]
    return np.array([rang for rang, _ in counted]), np.array([tested for _, tested in counted])


def _counted(families: list[tuple[SlopeTest, ...]]) -> tuple[list[int], list[int]]:
    tests = [test for family in families for test in family if np.isfinite(test.p)]
    low = [test for test in tests if test.p < _LEVEL]
    false = sum(any(test.is_sure and test.slope > 0 for test in family) for family in families)
    rang = [len(low), sum(test.slope > 0 for test in low), false]
    return rang, [len(tests), len(tests), len(families)]


def draw_counts(pairs: GatheredPairs, *, window_s: float, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw an experiment's counts, in sigma, of images that no attack changes the response to.

    Parameters
    ----------
    pairs
        Their mean rates, and their sites' ratios of variance to mean.
    window_s
        In which spikes are counted.
    generator
        Of the draws.

    Returns
    -------
    tuple[ndarray, ndarray]
        Clean and changed repetitions, (n_pairs, n_repetitions) each; a clean image's are the same in all of its pairs.
    """
    per_count = 1 / (window_s * pairs.sigma_hz[pairs.site_index])
    cells, cell = np.unique(np.stack([pairs.site_index, pairs.image_index]), axis=1, return_inverse=True)
    n_counts = len(cells[0])
    ratio = _variance_over_mean(pairs, per_count)[cells[0]]
    mean = _mean_by_cell(pairs, cell, n_counts) / per_count[_first_of(cell, n_counts)]
    clean = _drawn(mean, ratio, pairs.clean.shape[1], generator)[cell]
    changed = _drawn(mean[cell], ratio[cell], pairs.changed.shape[1], generator)
    scale = per_count[:, None]
    return (
        np.where(np.isfinite(pairs.clean), clean * scale, np.nan),
        np.where(np.isfinite(pairs.changed), changed * scale, np.nan),
    )


def deal_repetitions(pairs: GatheredPairs, *, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Deal an image's own repetitions at a site, each about its own mean, anew to the image and its attacks.

    Parameters
    ----------
    pairs
        The study's.
    generator
        Of the order.

    Returns
    -------
    tuple[ndarray, ndarray]
        Clean and changed repetitions, (n_pairs, n_repetitions) each.
    """
    cells, cell = np.unique(np.stack([pairs.site_index, pairs.image_index]), axis=1, return_inverse=True)
    clean, changed = _residuals(pairs.clean), _residuals(pairs.changed)
    for one in range(len(cells[0])):
        rows = np.flatnonzero(cell == one)
        own = np.concatenate([clean[rows[:1]].ravel(), changed[rows].ravel()])
        known = np.flatnonzero(np.isfinite(own))
        own[known] = own[generator.permutation(known)]
        n_clean = clean.shape[1]
        clean[rows], changed[rows] = own[:n_clean], own[n_clean:].reshape(len(rows), -1)
    return clean, changed


def _residuals(rates: Floats) -> Floats:
    """Return repetitions about their mean, widened so that their variance is not the smaller for it."""
    known = np.isfinite(rates)
    n = known.sum(axis=1, keepdims=True)
    mean = np.where(known, rates, 0.0).sum(axis=1, keepdims=True) / np.maximum(n, 1)
    return np.asarray((rates - mean) * np.sqrt(n / np.maximum(n - 1, 1)))


def _variance_over_mean(pairs: GatheredPairs, per_count: Floats) -> Floats:
    """Return each site's ratio, at least 1, over the repetitions of all of its images, (n_sites,)."""
    n_sites = len(pairs.sites)
    total, variance = np.zeros(n_sites), np.zeros(n_sites)
    for rates in (pairs.clean, pairs.changed):
        counts = rates / per_count[:, None]
        known = np.isfinite(counts)
        n = known.sum(axis=1)
        mean = np.where(known, counts, 0.0).sum(axis=1) / np.maximum(n, 1)
        squares = np.where(known, (counts - mean[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(n - 1, 1)
        usable = n > 1
        np.add.at(total, pairs.site_index[usable], mean[usable])
        np.add.at(variance, pairs.site_index[usable], squares[usable])
    return np.maximum(np.divide(variance, total, out=np.ones(n_sites), where=total > 0), 1.0)


def _mean_by_cell(pairs: GatheredPairs, cell: NDArray[np.int64], n_cells: int) -> Floats:
    values = np.nanmean(np.concatenate([pairs.clean, pairs.changed], axis=1), axis=1)
    known = np.isfinite(values)
    total = np.bincount(cell[known], weights=values[known], minlength=n_cells)
    return np.asarray(total / np.maximum(np.bincount(cell[known], minlength=n_cells), 1))


def _first_of(cell: NDArray[np.int64], n_cells: int) -> NDArray[np.int64]:
    first = np.zeros(n_cells, dtype=np.int64)
    first[cell[::-1]] = np.arange(len(cell))[::-1]
    return first


def _drawn(mean: Floats, ratio: Floats, n: int, generator: np.random.Generator) -> Floats:
    """Draw counts of these means, whose variance is the ratio times the mean, (n_means, n)."""
    above = ratio > 1 + 1e-9
    shape = np.where(above, mean / np.maximum(ratio - 1, 1e-9), 1.0)
    gain = generator.gamma(np.maximum(shape, 1e-9)[:, None], size=(len(mean), n))
    rates = np.where(above[:, None], gain * np.maximum(ratio - 1, 0.0)[:, None], mean[:, None])
    return generator.poisson(np.maximum(rates, 0.0)).astype(np.float64)
