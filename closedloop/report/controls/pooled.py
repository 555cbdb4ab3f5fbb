"""What controls did, over days as far as they are the same, and what part of a day's growth is better attacks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.bootstrap import bootstrap_difference, bootstrap_mean
from closedloop.analysis.estimate import Estimate, Floats, mean_over_pairs, root
from closedloop.artifacts.protocol.attack import CONTROL_KINDS, SIZE_KINDS
from closedloop.artifacts.tables import Columns
from closedloop.report.reading import DayRecord
from closedloop.report.tables import NAMES, Table
from closedloop.report.wording import DASH, count, number, size, span

SEED = 0  # of the resamples: an interval depends on its pairs alone
_SAME_ON_ALL_DAYS = ("gaussian", "linear", "sham")  # made without the day's model: each day's images are more of them
_ATTACKS = ("attacked", "yesterday")  # of which a sign was sealed


@dataclass(frozen=True)
class PooledControl:
    """What images of a kind and epsilon did, over days.

    Attributes
    ----------
    kind
        attacked, or a kind of control.
    estimate
        In sigma, with its interval over images and sites; of controls without a sign the root mean square.
    truth
        The same of the hidden cortex; None in a real study.
    n_above, n_sites
        Sites whose own 95 % interval over images lies above zero, and all that have one.
    days
        Those that are in it.
    """

    kind: str
    epsilon: float
    estimate: Estimate
    truth: float | None
    n_above: int
    n_sites: int
    days: tuple[int, ...]


def pooled_controls(days: Sequence[DayRecord]) -> list[PooledControl]:
    """Return the last day's attacks on anchors and all controls of a study, as far as its days tell.

    Noise, interpolations and shams are made without a model: those of all days are pooled, as other images on the same
    anchors (each day draws its own). What a model made is another thing every day: of attacks at other sites and
    yesterday's attacks the last day's are taken, as of the attacks themselves.
    """
    with_pairs = [(day.day, day.pairs) for day in days if day.pairs is not None]
    found = []
    for kind in ("attacked", *CONTROL_KINDS):
        own = with_pairs if kind in _SAME_ON_ALL_DAYS else with_pairs[-1:]
        parts = [(day, _of_kind(pairs, kind)) for day, pairs in own]
        for epsilon in sorted({float(value) for _, part in parts for value in part["epsilon"]}):
            at_epsilon = [(day, _rows(part, part["epsilon"] == epsilon)) for day, part in parts]
            shown = [(day, part) for day, part in at_epsilon if len(part["epsilon"])]
            pooled = _pooled(kind, epsilon, shown)
            found += [pooled] if pooled else []
    return found


def pooled_table(pooled: Sequence[PooledControl]) -> Table:
    """Return the controls beside the last day's attacks."""
    return Table(
        columns=("", "ε", "sensitivity (σ)", "95 % interval (σ)", "hidden truth", "sites above zero", "images", "days"),
        rows=tuple(
            (
                NAMES["paper" if one.kind == "attacked" else one.kind],
                DASH if one.kind == "sham" else f"{one.epsilon:g}",
                number(one.estimate.mean) if one.kind in _ATTACKS else size(one.estimate.mean, one.estimate.interval),
                span(one.estimate.interval),
                number(one.truth),
                f"{one.n_above} of {one.n_sites}" if one.n_sites else DASH,
                count(one.estimate.n_images),
                _named(one.days),
            )
            for one in pooled
        ),
        caption="On the anchor images, at the attacks' realised norm. Noise, interpolations and shams of all days "
        "together, each day's as other images; what a model made of the last day. Intervals over images and sites. "
        "Sites above zero: whose own 95 % interval over images lies above zero; of a sham, in which nothing was "
        "changed, these are false alarms, of which 2.5 % are expected."
        + ("" if any(one.truth is not None for one in pooled) else " Hidden truth exists in simulated studies only."),
    )


@dataclass(frozen=True)
class GrowthParts:
    """Growth from one day to the next on the same (anchor, site) pairs, in sigma by the sealed signs.

    Attributes
    ----------
    then, again, now
        Yesterday's attacks on yesterday's animal, the same images today, and today's attacks.
    better_attacks
        Today's minus yesterday's attacks, both on today's animal.
    other_animal
        Yesterday's attacks today minus the same yesterday.
    """

    epsilon: float
    then: Estimate
    again: Estimate
    now: Estimate
    better_attacks: Estimate
    other_animal: Estimate


def growth_parts(before: Columns, after: Columns) -> list[GrowthParts]:
    """Split growth between two days into better attacks and another animal, at each epsilon that was shown again.

    Parameters
    ----------
    before, after
        Columns of `day.evaluation.PAIRS` of a day and the next one; the latter has kind yesterday.
    """
    shown_again = _by_pair(_of_kind(after, "yesterday"))
    then, now = (_by_pair(_of_kind(pairs, "attacked")) for pairs in (before, after))
    found = []
    for epsilon in sorted({pair[2] for pair in shown_again}):
        pairs = [pair for pair in shown_again if pair[2] == epsilon and pair in then and pair in now]
        if pairs:
            found.append(_parts(epsilon, [[one[pair] for pair in pairs] for one in (then, shown_again, now)], pairs))
    return found


def growth_parts_table(parts: Sequence[GrowthParts], *, before: int, after: int) -> Table:
    """Return the parts of the growth between two days.

    Parameters
    ----------
    parts
        By epsilon.
    before, after
        The days.
    """
    return Table(
        columns=(
            "",
            f"day {before}'s attacks on day {before}",
            f"day {before}'s attacks on day {after}",
            f"day {after}'s attacks on day {after}",
            "better attacks",
            "another animal",
            "pairs / images (n)",
        ),
        rows=tuple(
            (
                f"ε = {one.epsilon:g}",
                *(number(each.mean) for each in (one.then, one.again, one.now)),
                *(f"{number(each.mean)} ({span(each.interval)})" for each in (one.better_attacks, one.other_animal)),
                f"{one.better_attacks.n_pairs:,} / {one.better_attacks.n_images:,}",
            )
            for one in parts
        ),
        caption="By the sign that each attack's own model sealed, σ, on the same anchors and sites. Better attacks: "
        "both days' attacks on the same animal. Another animal: the same images on both days, "
        "each in its day's sigma. In brackets 95 % intervals over images and sites, of the paired difference.",
    )


def _parts(epsilon: float, values: Sequence[Sequence[float]], pairs: Sequence[tuple[str, str, float]]) -> GrowthParts:
    then, again, now = (np.array(one) for one in values)
    known = np.isfinite(then) & np.isfinite(again) & np.isfinite(now)
    image, site = (np.unique([pair[place] for pair in pairs], return_inverse=True)[1][known] for place in (0, 1))
    then, again, now = then[known], again[known], now[known]

    def mean(change: Floats) -> Estimate:
        return bootstrap_mean(change, image_index=image, site_index=site, seed=SEED)

    def difference(one: Floats, other: Floats) -> Estimate:
        return bootstrap_difference(one, other, image_index=image, site_index=site, seed=SEED)

    return GrowthParts(epsilon, mean(then), mean(again), mean(now), difference(again, now), difference(then, again))


def _by_pair(pairs: Columns) -> dict[tuple[str, str, float], float]:
    """Return the signed change by (image, site, epsilon), the mean over the day's sessions."""
    names = zip(*(pairs[name].tolist() for name in ("image_id", "neuroid_id", "epsilon")), strict=True)
    changes: dict[tuple[str, str, float], list[float]] = {}
    for pair, change in zip(names, _values(pairs, "attacked").tolist(), strict=True):
        changes.setdefault(pair, []).append(change)
    return {pair: sum(found) / len(found) for pair, found in changes.items()}


def _of_kind(pairs: Columns, kind: str) -> Columns:
    return _rows(pairs, (pairs["kind"] == kind) & (pairs["role"] == "anchor"))


def _rows(pairs: Columns, keep: NDArray[np.bool_]) -> Columns:
    return {name: column[keep] for name, column in pairs.items()}


def _values(pairs: Columns, kind: str) -> Floats:
    """Return what each pair contributes: its change by the sealed sign, or its square without the noise's."""
    signed = np.sign(pairs["predicted_sign"]) * pairs["change"]
    return np.asarray(pairs["square"] if kind in SIZE_KINDS else signed, dtype=np.float64)


def _pooled(kind: str, epsilon: float, days: Sequence[tuple[int, Columns]]) -> PooledControl | None:
    values = np.concatenate([_values(part, kind) for _, part in days])
    if not np.isfinite(values).any():
        return None  # no image of the kind has two showings, or an older version evaluated all
    image, site = (_index(part[name] for _, part in days) for name in ("image_id", "neuroid_id"))
    estimate = bootstrap_mean(values, image_index=image, site_index=site, seed=SEED)
    intervals = list(_site_intervals(values, image, site))
    true = np.concatenate([_true_values(part, kind) for _, part in days])
    return PooledControl(
        kind=kind,
        epsilon=epsilon,
        estimate=root(estimate) if kind in SIZE_KINDS else estimate,
        truth=_truth(true[np.isfinite(true)], kind),
        n_above=sum(low > 0 for low in intervals),
        n_sites=len(intervals),
        days=tuple(day for day, _ in days),
    )


def _index(columns: Iterable[NDArray[np.str_]]) -> NDArray[np.int64]:
    return np.unique(np.concatenate(list(columns)), return_inverse=True)[1].astype(np.int64)


def _site_intervals(values: Floats, image: NDArray[np.int64], site: NDArray[np.int64]) -> Iterator[float]:
    """Yield the lower end of each site's interval over images."""
    for one in np.unique(site):
        own = site == one
        low = mean_over_pairs(values[own], image_index=image[own], site_index=site[own]).interval[0]
        if np.isfinite(low):
            yield low


def _true_values(pairs: Columns, kind: str) -> Floats:
    """Return what each pair's true change contributes: of yesterday's attacks by their sign, as they are measured."""
    change = np.asarray(pairs["true_change"], dtype=np.float64)
    if kind in SIZE_KINDS:
        return np.asarray(change**2)
    return np.asarray(np.abs(change) if kind == "attacked" else np.sign(pairs["predicted_sign"]) * change)


def _truth(values: Floats, kind: str) -> float | None:
    if not values.size:
        return None
    mean = float(values.mean())
    return math.sqrt(mean) if kind in SIZE_KINDS else mean


def _named(days: Sequence[int]) -> str:
    """Return ``0 to 5``, or the days one by one where some between are missing."""
    if len(days) > 1 and list(days) == list(range(days[0], days[-1] + 1)):
        return f"{days[0]} to {days[-1]}"
    return ", ".join(map(str, days))
