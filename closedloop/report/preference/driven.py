"""Rates of the sites to images that attacks were to raise, the same at every epsilon, beside the preferred level."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.categories.reached import ReachedBySites, epsilon_reached, reached_by_sites
from closedloop.artifacts.day.evaluation import EvaluationReport
from closedloop.artifacts.day_use import PREFERENCE
from closedloop.artifacts.tables import Columns

LevelSource: TypeAlias = Literal["fresh", "cross_validated", "largest_mean"]
"""How a preferred level is known: by fresh images of a category chosen before, by halves of the clean images, or as the
largest of many means, which is too large."""


@dataclass(frozen=True)
class DrivenRates:
    """Rates of the sites to images whose attacks were meant to raise them, the same images at every epsilon.

    Attributes
    ----------
    sites
        Their neuroid_id.
    epsilons
        0 (clean) and the study's epsilons, ascending, (n_epsilons,).
    rates_hz
        Mean rate of each site to its images, clean and attacked, (n_sites, n_epsilons).
    preferred_hz
        Each site's level of its preferred category, (n_sites,).
    n_images
        Images behind each site's rates, (n_sites,).
    n_raised
        Attacked images that were to raise a site at all, of which those count whose image was raised at every epsilon.
    of_least
        Whether the images are of the categories that each site likes least; else they are of any.
    source
        How the levels are known.
    """

    sites: tuple[str, ...]
    epsilons: NDArray[np.float64]
    rates_hz: NDArray[np.float64]
    preferred_hz: NDArray[np.float64]
    n_images: NDArray[np.int64]
    n_raised: int
    of_least: bool = False
    source: LevelSource = "largest_mean"

    @property
    def rises_hz(self) -> NDArray[np.float64]:
        """Mean rise of each site over the clean twins of the same images, (n_sites, n_epsilons)."""
        return self.rates_hz - self.rates_hz[:, :1]

    @property
    def n_pairs(self) -> int:
        """Attacked images behind the rates."""
        return int(self.n_images.sum()) * (len(self.epsilons) - 1)

    @property
    def crossings(self) -> NDArray[np.float64]:
        """Epsilon, linear in between, at which each site comes to its preferred level; infinite if never."""
        curves = zip(self.rates_hz, self.preferred_hz, strict=True)
        return np.array([epsilon_reached(self.epsilons, rates, level) for rates, level in curves])

    @property
    def reached(self) -> ReachedBySites:
        """The same over sites."""
        return reached_by_sites(self.crossings)


def driven_rates(pairs: Columns, evaluation: EvaluationReport) -> DrivenRates | None:
    """Average the attacks that were to raise a site's rate, each beside its own clean twin.

    Of a day with attacks on images of least preferred categories these, else the ordinary ones whose sealed sign is up.
    A site's images are those that were to raise it at every epsilon and were measured clean and at every epsilon, so
    that no difference between epsilons is one between images.

    Parameters
    ----------
    pairs
        Columns of the day's `day.evaluation.PAIRS`.
    evaluation
        The day's preferred categories.

    Returns
    -------
    DrivenRates or None
        None where no site has such an image.
    """
    of_least = bool((pairs["kind"] == PREFERENCE).any()) and len(evaluation.preference) > 0
    source, levels = _levels(evaluation, of_least=of_least)
    measured = np.isfinite(pairs["rate_changed_hz"]) & np.isfinite(pairs["rate_clean_hz"])
    kind = PREFERENCE if of_least else "attacked"
    raising = np.flatnonzero((pairs["kind"] == kind) & (pairs["predicted_sign"] > 0) & measured)
    epsilons = np.unique(pairs["epsilon"][raising])
    rates_of: defaultdict[tuple[str, str], dict[float, tuple[float, float]]] = defaultdict(dict)
    for row in raising.tolist():
        of_pair = rates_of[str(pairs["neuroid_id"][row]), str(pairs["image_id"][row])]
        of_pair[float(pairs["epsilon"][row])] = (pairs["rate_clean_hz"][row], pairs["rate_changed_hz"][row])
    found = []
    for site, preferred_hz in levels.items():
        whole = [of for (own, _), of in rates_of.items() if own == site and len(of) == len(epsilons)]
        if whole and preferred_hz is not None:
            rates_hz = np.array([[of[epsilons[0]][0], *(of[epsilon][1] for epsilon in epsilons)] for of in whole])
            found.append((site, rates_hz.mean(axis=0), preferred_hz, len(whole)))
    if not found:
        return None
    names, means, preferred, n_images = zip(*found, strict=True)
    return DrivenRates(
        sites=names,
        epsilons=np.array([0.0, *epsilons]),
        rates_hz=np.array(means),
        preferred_hz=np.array(preferred),
        n_images=np.array(n_images),
        n_raised=len(raising),
        of_least=of_least,
        source=source,
    )


def _levels(evaluation: EvaluationReport, *, of_least: bool) -> tuple[LevelSource, dict[str, float | None]]:
    """Return the least biased level that the day has of each site, and how it is known."""
    if of_least:
        return "fresh", {one.neuroid_id: one.mean_hz for one in evaluation.preference}
    if any(level is not None for level in evaluation.preferred_cross_validated_hz.values()):
        return "cross_validated", evaluation.preferred_cross_validated_hz
    return "largest_mean", evaluation.preferred_hz
