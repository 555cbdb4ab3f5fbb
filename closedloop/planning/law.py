"""How changes and their noise go with epsilon and differ by site: a few numbers, fitted to the pairs of past days.

A day's spread at one epsilon is known within a tenth of the whole variance, which at a small epsilon is nearly all
noise: taken as it is, it would say more of chance than of the next day. So the epsilons share what they can: the mean
change is ``c epsilon^p``, its spread over pairs ``a epsilon^2p``, the noise of an attacked image's presentation that of
a clean one times ``1 + k epsilon``. What holds at an epsilon that was never shown follows from the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats
from closedloop.analysis.expected.variance_parts import PairVariance, RepeatedPairs, pair_variance

_EXPONENTS = np.linspace(0.5, 1.5, 41)
_USUAL_EXPONENT, _EXPONENT_SD = 1.0, 0.2  # few pairs leave it near 1; the simulated subject has 1.15


@dataclass(frozen=True)
class ChangeLaw:
    """What attacks of any epsilon are expected to do.

    Attributes
    ----------
    exponent
        Of epsilon in the mean change.
    size, spread, shared
        Mean change, its variance over pairs, and the covariance of two sites' changes of one image, at epsilon 1.
    clean
        Noise variance of one presentation of a clean image.
    noisier
        By which part of it the noise of an attacked image is more, a unit of epsilon.
    shared_clean
        See `PairVariance`.
    site_size, site_spread, site_clean
        The same site by site, (n_sites,); the spread is over a site's own pairs.
    """

    exponent: float
    size: float
    spread: float
    shared: float
    clean: float
    noisier: float
    shared_clean: float
    site_size: Floats
    site_spread: Floats
    site_clean: Floats

    def size_at(self, epsilon: float) -> float:
        """Return the mean change, sigma."""
        return self.size * self._grown(epsilon)

    def variance_at(self, epsilon: float) -> PairVariance:
        """Return the variance of a pair of any site."""
        grown = self._grown(epsilon) ** 2
        return PairVariance(
            spread=self.spread * grown,
            clean=self.clean,
            changed=self._noise_at(epsilon) * self.clean,
            shared=self.shared * grown,
            shared_clean=self.shared_clean,
        )

    def site_sizes_at(self, epsilon: float) -> Floats:
        """Return each site's mean change, sigma, (n_sites,)."""
        return np.asarray(self.site_size * self._grown(epsilon))

    def site_variance_at(self, epsilon: float, site: int) -> PairVariance:
        """Return the variance of one site's pairs, which are of different images."""
        clean = float(self.site_clean[site])
        return PairVariance(
            spread=float(self.site_spread[site]) * self._grown(epsilon) ** 2,
            clean=clean,
            changed=self._noise_at(epsilon) * clean,
            shared=0.0,
            shared_clean=0.0,
        )

    def _grown(self, epsilon: float) -> float:
        return float(epsilon**self.exponent)

    def _noise_at(self, epsilon: float) -> float:
        return max(1 + self.noisier * epsilon, 0.0)


def uniform_law(*, size: float, spread: float, clean: float, n_sites: int) -> ChangeLaw:
    """Return a law in which all sites are alike, and share nothing.

    Parameters
    ----------
    size, spread, clean
        As in `ChangeLaw`.
    n_sites
        How many.
    """
    sites = (np.full(n_sites, value) for value in (size, spread, clean))
    return ChangeLaw(1.0, size, spread, 0.0, clean, 0.0, 0.0, *sites)


@dataclass(frozen=True)
class SeenPairs:
    """The pairs of one day and epsilon, and how much they count."""

    epsilon: float
    pairs: RepeatedPairs
    weight: float


def fit_law(seen: Sequence[SeenPairs], *, n_sites: int) -> ChangeLaw:
    """Fit the numbers to past days, every measurement weighed by how sure it is.

    Parameters
    ----------
    seen
        Of one day or several.
    n_sites
        Outputs of the model.
    """
    total = _variances(seen)
    told = [_TakenApart.of(one, total[one.epsilon]) for one in seen if _is_enough(one.pairs)]
    exponent = _fit_exponent(told)
    of_site = [
        [
            _TakenApart.of(SeenPairs(one.epsilon, own, one.weight), total[one.epsilon])
            for one in seen
            if _is_enough(own := _of_site(one.pairs, site))
        ]
        for site in range(n_sites)
    ]
    clean = _average(told, "clean")
    site_clean = np.array([_average(own, "clean") for own in of_site])
    site_size, site_spread = _site_changes(of_site, exponent)
    return ChangeLaw(
        exponent=exponent,
        size=_at_one(told, "mean", exponent)[0],
        spread=max(_at_one(told, "spread", 2 * exponent)[0], 0.0),
        shared=_at_one(told, "shared", 2 * exponent)[0],
        clean=clean,
        noisier=_noisier(told, clean),
        shared_clean=_average(told, "shared_clean", otherwise=0.0),
        site_size=site_size,
        site_spread=site_spread,
        site_clean=np.where(np.isfinite(site_clean), site_clean, clean),
    )


@dataclass(frozen=True)
class _TakenApart:
    """What the pairs of one day and epsilon say: values, and the variance of the error of each."""

    epsilon: float
    weight: float
    n_pairs: int
    values: Mapping[str, float]
    errors: Mapping[str, float]

    @staticmethod
    def of(one: SeenPairs, total: float) -> _TakenApart:
        """Take the pairs' variance apart.

        The errors are those of normal values with the variance of all pairs of the epsilon: by a variance of its own
        each day and site would weigh the more the smaller it came out by chance.
        """
        parts, change = pair_variance(one.pairs), one.pairs.signed_change
        n = int(np.isfinite(change).sum())
        names = ("spread", "shared", "clean", "changed", "shared_clean")
        values = {name: float(getattr(parts, name)) for name in names} | {"mean": float(np.nanmean(change))}
        errors = {"mean": total / n, "spread": 2 * total**2 / (n - 1), "shared": total**2 / n}
        return _TakenApart(one.epsilon, one.weight, n, values, errors)


def _variances(seen: Sequence[SeenPairs]) -> dict[float, float]:
    """Return the variance over pairs at each epsilon, averaged over days."""
    found = {}
    for epsilon in {one.epsilon for one in seen}:
        own = [one for one in seen if one.epsilon == epsilon and _is_enough(one.pairs)]
        weights = [one.weight for one in own]
        values = [float(np.nanvar(one.pairs.signed_change, ddof=1)) for one in own]
        found[epsilon] = float(np.average(values, weights=weights)) if own else float("nan")
    return found


def _is_enough(pairs: RepeatedPairs) -> bool:
    return bool(np.isfinite(pairs.signed_change).sum() > 2 and np.nanvar(pairs.signed_change) > 0)


def _of_site(pairs: RepeatedPairs, site: int) -> RepeatedPairs:
    return pairs.select(np.asarray(pairs.site_index == site))


def _fit_exponent(told: Sequence[_TakenApart]) -> float:
    """Return the exponent that the mean changes tell, drawn towards 1 where they tell little."""
    if len({one.epsilon for one in told}) < 2:
        return _USUAL_EXPONENT
    losses = [
        sum(one.weight * (one.values["mean"] - size * one.epsilon**exponent) ** 2 / one.errors["mean"] for one in told)
        + ((exponent - _USUAL_EXPONENT) / _EXPONENT_SD) ** 2
        for exponent, size in ((each, _at_one(told, "mean", each)[0]) for each in _EXPONENTS.tolist())
    ]
    return float(_EXPONENTS[int(np.argmin(losses))])


def _at_one(told: Sequence[_TakenApart], name: str, power: float) -> tuple[float, float]:
    """Return what is in proportion to a power of epsilon, at epsilon 1, and the variance of its error."""
    above = below = noise = 0.0
    for one in told:
        value, error = one.values[name], one.errors[name]
        if math.isfinite(value) and error > 0:
            above += one.weight * value * one.epsilon**power / error
            below += one.weight * one.epsilon ** (2 * power) / error
            noise += one.weight**2 * one.epsilon ** (2 * power) / error
    return (above / below, noise / below**2) if below else (0.0, math.inf)


def _average(told: Sequence[_TakenApart], name: str, *, otherwise: float = float("nan")) -> float:
    """Average over days and epsilons, a pair as much as another."""
    known = [(one.values[name], one.weight * one.n_pairs) for one in told if math.isfinite(one.values[name])]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total else otherwise


def _noisier(told: Sequence[_TakenApart], clean: float) -> float:
    """Return by which part of a clean image's noise an attacked one has more, a unit of epsilon."""
    known = [one for one in told if math.isfinite(one.values["changed"])]
    below = sum(one.weight * one.n_pairs * one.epsilon**2 for one in known) * clean
    if not below > 0:
        return 0.0
    return sum(one.weight * one.n_pairs * one.epsilon * (one.values["changed"] - clean) for one in known) / below


def _site_changes(of_site: Sequence[Sequence[_TakenApart]], exponent: float) -> tuple[Floats, Floats]:
    """Return each site's change and spread at epsilon 1, as far as its few pairs tell more than those of all sites."""
    found = []
    for name, power in (("mean", exponent), ("spread", 2 * exponent)):
        values, errors = (
            np.array(column) for column in zip(*(_at_one(own, name, power) for own in of_site), strict=True)
        )
        found.append(_drawn(np.where(np.isfinite(errors), values, np.nan), errors))
    return found[0], np.maximum(found[1], 0.0)


def _drawn(values: Floats, errors: Floats) -> Floats:
    """Draw values towards their mean by the part of their variance that is their error (empirical Bayes)."""
    known: NDArray[np.bool_] = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values))
    mean = float(np.average(values[known], weights=1 / errors[known]))
    between = max(float(values[known].var()) - float(errors[known].mean()), 0.0) if known.sum() > 2 else 0.0
    kept = np.where(known, between / (between + np.where(known, errors, 1.0)), 0.0)
    return np.asarray(mean + kept * (np.where(known, values, mean) - mean))
