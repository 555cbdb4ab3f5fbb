"""The numbers that a day's expectations rest on: what past days measured, else what is assumed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats
from closedloop.analysis.expected.variance_parts import RepeatedPairs, difference_spread, pair_variance
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.protocol.rounds import clean_of_session
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.planning import assumed
from closedloop.planning.assumed import AssumedChange, AssumedReliability
from closedloop.planning.law import ChangeLaw, SeenPairs, fit_law, uniform_law
from closedloop.planning.observed import ObservedDay, ObservedPairs

_DAY_BEFORE = 0.5  # weight of a day in parts of the next one's: the model, and with it the spread, goes on
_MOST_CORRELATED = 0.95


@dataclass(frozen=True)
class FirstDay:
    """The first day that counts whose attacks followed a fitted model: growth is measured from it."""

    day: int
    law: ChangeLaw


@dataclass(frozen=True)
class DayBasis:
    """What the expectations of a day rest on.

    Attributes
    ----------
    law
        Of its changes and their noise.
    sigma_error
        Relative standard error of each site's sigma over as many clean images as are planned, (n_sites,).
    site_names
        Of the sites, in the same order; numbers before there are any.
    used
        Part of the presentations that count.
    correlation
        Of a pair's changes on two days, over pairs.
    first
        None before it is evaluated.
    days
        Days that were observed.
    assumptions
        What was not observed, a line each.
    """

    law: ChangeLaw
    sigma_error: Floats
    site_names: tuple[str, ...]
    used: float
    correlation: float
    first: FirstDay | None
    days: tuple[int, ...]
    assumptions: tuple[str, ...]


def basis_of(
    days: Sequence[ObservedDay],
    protocol: Protocol,
    *,
    day: int,
    n_sites: int,
    block: int = 1,
    reliability: AssumedReliability | None = None,
    predicted: Mapping[float, float] | None = None,
    quiet: Sequence[ObservedDay] = (),
) -> DayBasis:
    """Gather what a day's expectations rest on.

    Parameters
    ----------
    days
        Evaluated ones that tell of changes, ascending.
    protocol
        What is planned.
    day
        Which is planned.
    n_sites
        Outputs of the model up to the last one that is attacked.
    block
        Which of the day's sessions.
    reliability
        Assumed of the sites where nothing was recorded; None: `assumed.RELIABILITY` over the protocol's repetitions.
    predicted
        Mean change that the day's model predicts of its own attacks, z, by epsilon; None or empty before there are any.
    quiet
        Evaluated ones that tell of none, but of the sites' noise.
    """
    n_clean = clean_of_session(protocol, day=day, number=block)
    change = assumed.assumed_change(day, predicted or {}, is_fitted=Block(day, block) != FIRST)
    if not days and quiet:
        return _by_noise(quiet, change, n_clean=n_clean)
    if not days:
        usual = AssumedReliability(assumed.RELIABILITY, protocol.images.clean_repetitions)
        return _assumed(change, n_clean=n_clean, n_sites=n_sites, reliability=reliability or usual)
    fitted = [one for one in days if one.is_fitted]
    compared = [one for one in fitted if one.has_anchors or protocol.rounds == 1]  # growth is of anchors
    law, lines = _law_of(fitted or days), []
    if not fitted:
        law = _with_change(law, change)
        lines.append(f"{change.says}; the noise is that of day 0.")
    correlation = _correlation_of_days(compared)
    if correlation is None:
        correlation = assumed.CORRELATION_OF_DAYS
        lines.append(_assumed_correlation())
    shown = {epsilon for one in days for epsilon in one.by_epsilon}
    if new := [f"{epsilon:g}" for epsilon in protocol.attack.epsilons if epsilon not in shown]:
        lines.append(f"Epsilon {', '.join(new)}, not shown yet: as those that were, by a power of epsilon.")
    return DayBasis(
        law=law,
        sigma_error=_sigma_error(days, n_clean=n_clean),
        site_names=days[-1].site_names,
        used=float(np.mean([one.used for one in days])),
        correlation=correlation,
        first=FirstDay(compared[0].day, _law_of(compared[:1])) if compared else None,
        days=tuple(dict.fromkeys(one.day for one in days)),
        assumptions=tuple(lines),
    )


def _assumed(change: AssumedChange, *, n_clean: int, n_sites: int, reliability: AssumedReliability) -> DayBasis:
    noise = assumed.noise_of(reliability.value, repetitions=reliability.repetitions)
    return DayBasis(
        law=_with_change(uniform_law(size=0.0, spread=0.0, clean=noise, n_sites=n_sites), change),
        sigma_error=np.full(n_sites, 1 / math.sqrt(2 * n_clean)),
        site_names=tuple(f"site {number}" for number in range(n_sites)),
        used=1.0,
        correlation=assumed.CORRELATION_OF_DAYS,
        first=None,
        days=(),
        assumptions=(
            f"Reliability of every site {reliability.value:g} (over {reliability.repetitions} repetitions of a clean "
            "image).",
            f"{change.says}.",
            _assumed_correlation(),
        ),
    )


def _by_noise(quiet: Sequence[ObservedDay], change: AssumedChange, *, n_clean: int) -> DayBasis:
    """Take the noise from what sites repeated on days without attacks, and the changes as they are assumed."""
    noise = np.array([one.noise for one in quiet])
    known = np.isfinite(noise)
    n = known.sum(axis=0)
    mean = float(noise[known].mean())
    of_site = np.divide(np.where(known, noise, 0.0).sum(axis=0), n, out=np.full(noise.shape[1], mean), where=n > 0)
    law = _with_change(uniform_law(size=0.0, spread=0.0, clean=mean, n_sites=len(of_site)), change)
    days = tuple(dict.fromkeys(one.day for one in quiet))
    return DayBasis(
        law=replace(law, site_clean=of_site),
        sigma_error=_sigma_error(quiet, n_clean=n_clean),
        site_names=quiet[-1].site_names,
        used=float(np.mean([one.used for one in quiet])),
        correlation=assumed.CORRELATION_OF_DAYS,
        first=None,
        days=days,
        assumptions=(
            f"{change.says}; the noise is that of day {', '.join(map(str, days))}, as its clean images repeated.",
            _assumed_correlation(),
        ),
    )


def _assumed_correlation() -> str:
    return f"Changes of a pair on two days correlate by {assumed.CORRELATION_OF_DAYS:g} over pairs."


def _with_change(law: ChangeLaw, change: AssumedChange) -> ChangeLaw:
    """Keep the noise, and take the changes as they are assumed, the same at all sites."""
    n_sites = len(law.site_clean)
    return replace(
        law,
        exponent=change.exponent,
        size=change.size,
        spread=change.spread**2,
        shared=assumed.SHARED_OF_SPREAD * change.spread**2,
        site_size=np.full(n_sites, change.size),
        site_spread=np.full(n_sites, assumed.WITHIN_SITES * change.spread**2),
    )


def _sigma_error(days: Sequence[ObservedDay], *, n_clean: int) -> Floats:
    """Return the error of sigma over some clean images, from the session that showed most of them."""
    most = max(reversed(days), key=lambda one: one.n_clean)
    return np.asarray(most.sigma_error * math.sqrt(most.n_clean / n_clean))


def _law_of(days: Sequence[ObservedDay]) -> ChangeLaw:
    seen = [
        SeenPairs(epsilon, own.pairs, _DAY_BEFORE ** (days[-1].day - one.day))
        for one in days
        for epsilon, own in one.by_epsilon.items()
    ]
    return fit_law(seen, n_sites=len(days[-1].site_names))


def _correlation_of_days(fitted: Sequence[ObservedDay]) -> float | None:
    """Return how alike a pair's changes of the first fitted day and of later ones are; None where it is not known.

    Of two days ``1 - spread of the difference / (sum of both spreads)``, the parts summed over epsilons and days: it is
    told where the changes are large.
    """
    of_difference = of_both = 0.0
    for later in fitted[1:]:
        for epsilon in fitted[0].by_epsilon.keys() & later.by_epsilon.keys():
            before, after = _common_anchors(fitted[0].by_epsilon[epsilon], later.by_epsilon[epsilon])
            if len(before.sign):
                parts = difference_spread(before, after), pair_variance(before).spread, pair_variance(after).spread
                if all(math.isfinite(part) for part in parts):
                    of_difference += parts[0]
                    of_both += parts[1] + parts[2]
    if of_both <= 0:
        return None
    return float(np.clip(1 - of_difference / of_both, 0.0, _MOST_CORRELATED))


def _common_anchors(before: ObservedPairs, after: ObservedPairs) -> tuple[RepeatedPairs, RepeatedPairs]:
    """Return the anchor pairs of both days, in one order."""
    places = []
    for one in (before, after):
        rows = np.flatnonzero(one.is_anchor)
        places.append({(str(one.image_id[row]), int(one.pairs.site_index[row])): int(row) for row in rows})
    common = sorted(places[0].keys() & places[1].keys())
    old, new = (np.array([own[pair] for pair in common], dtype=np.int64) for own in places)
    return _rows(before.pairs, old), _rows(after.pairs, new)


def _rows(pairs: RepeatedPairs, rows: NDArray[np.int64]) -> RepeatedPairs:
    return RepeatedPairs(**{field.name: getattr(pairs, field.name)[rows] for field in fields(pairs)})
