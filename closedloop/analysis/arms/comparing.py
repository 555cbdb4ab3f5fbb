"""Which arm moved the sites most: each arm's mean change in its sealed direction, and differences on the same pairs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedloop.analysis.arms.by_session import mean_of_sessions
from closedloop.analysis.estimate import Estimate, Floats, Indices
from closedloop.analysis.intervals import student_p
from closedloop.analysis.slopes import holm


@dataclass(frozen=True)
class ArmChanges:
    """What an arm's attacks did.

    Attributes
    ----------
    name
        The arm's.
    change
        Of each pair, in the direction that was sealed, (n_pairs,), in sigma; NaN where a response is missing.
    image_index, site_index
        Clean image and site of each pair, (n_pairs,).
    session
        In which each was shown, (n_pairs,): two arms are compared on the same image, site and session.
    """

    name: str
    change: Floats
    image_index: Indices
    site_index: Indices
    session: Indices

    @property
    def keys(self) -> list[tuple[int, int, int]]:
        """Image, site and session of each pair, by which those of several arms are joined."""
        return list(
            zip(*(column.tolist() for column in (self.image_index, self.site_index, self.session)), strict=True)
        )

    def mean(self, *, seed: int, weights: Mapping[int, float] | None = None) -> Estimate:
        """Return the mean change with its interval over images and sites.

        Parameters
        ----------
        seed
            Decides the resamples.
        weights
            Of the sessions, where earlier ones decided how much an arm attacks; None: pairs are pooled.
        """
        return mean_of_sessions(
            self.change,
            image_index=self.image_index,
            site_index=self.site_index,
            session=self.session,
            weights=weights,
            seed=seed,
        )


@dataclass(frozen=True)
class ArmDifference:
    """One arm against another on the pairs that both attacked.

    Attributes
    ----------
    first, second
        Their names.
    difference
        Mean of first minus second, with its interval over images and sites.
    p
        Two-sided, of no difference.
    corrected_p
        Holm's, over all pairs of arms.
    """

    first: str
    second: str
    difference: Estimate
    p: float
    corrected_p: float


def compare_arms(
    arms: Sequence[ArmChanges], *, seed: int, weights: Mapping[int, float] | None = None
) -> tuple[ArmDifference, ...]:
    """Compare every two arms on the pairs of image and site that both attacked.

    Parameters
    ----------
    arms
        With names that differ; each has a pair of image and site in a session at most once.
    seed
        Decides the resamples.
    weights
        Of the sessions, where earlier ones decided how much an arm attacks; None: pairs are pooled.

    Examples
    --------
    >>> import numpy as np
    >>> images, sites = np.tile(np.arange(12), 6), np.repeat(np.arange(6), 12)
    >>> noise = 0.1 * np.random.default_rng(0).normal(size=(2, 72))
    >>> names, session = ("weak", "strong"), np.zeros(72, dtype=int)
    >>> arms = [ArmChanges(name, size + noise[size], images, sites, session) for size, name in enumerate(names)]
    >>> [found] = compare_arms(arms, seed=0)
    >>> found.first, found.second, round(found.difference.mean), found.corrected_p < 0.001
    ('weak', 'strong', -1, True)
    """
    found = [
        _difference(first, second, seed=seed, weights=weights) for first, second in itertools.combinations(arms, 2)
    ]
    corrected = holm(np.array([one.p for one in found]))
    return tuple(replace(one, corrected_p=float(p)) for one, p in zip(found, corrected, strict=True))


def _difference(
    first: ArmChanges, second: ArmChanges, *, seed: int, weights: Mapping[int, float] | None
) -> ArmDifference:
    of_second = {key: row for row, key in enumerate(second.keys)}
    rows = [(row, of_second[key]) for row, key in enumerate(first.keys) if key in of_second]
    own, others = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    difference = mean_of_sessions(
        first.change[own] - second.change[others],
        image_index=first.image_index[own],
        site_index=first.site_index[own],
        session=first.session[own],
        weights=weights,
        seed=seed,
    )
    t = difference.mean / difference.standard_error if difference.standard_error > 0 else np.nan
    p = student_p(float(t), min(difference.n_images, difference.n_sites) - 1)
    return ArmDifference(first.name, second.name, difference, p, p)
