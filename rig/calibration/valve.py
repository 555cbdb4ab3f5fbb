"""What an opening of the valve gives: batches of openings are weighed, and a line is drawn through them.

A batch of n openings of t ms gives n (a + b t) ml: a is what opening and closing add or cost, b the flow. What a batch
is off by has two parts: the scale's, the same for each, and the flow's own (pressure, drops, the valve), which grows
with the volume and soon outweighs the scale's. So batches are weighted by the inverse variance of both (Aitken 1936),
or the long openings' errors would decide what the short ones give: of 2,000 simulated valves the volume of 25 ms is
within .8 %, and was within 1.8 % with all batches alike. The standard errors come from what is left over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from closedloop.artifacts.rig.calibrations import ValveVolume
from closedloop.errors import RigError

LEAST_BATCHES = 3
_OFF_THE_LINE, _SURPRISE = 0.05, 4.0  # share of a batch's volume, and standard errors of what the others foresee
_DRIFT = 0.05
_LEAK_SHARE = 0.01  # of the flow of the open valve
_SCALE_ALONE_ML = 5.0
"""A batch of so much is off by as much through its flow as through the scale: a scale of .01 g, a flow steady to .2 %.
From .2 to twice as much, simulated valves' volumes come out alike."""
_N_WEIGHTINGS = 3
_LIKELY_ML_PER_MS = (1e-5, 0.05)  # a drop of a tenth of a second, and a garden hose


@dataclass(frozen=True)
class WeighedBatch:
    """Openings of one length, and what they gave together.

    Attributes
    ----------
    duration_ms
        Of each, as the device confirmed it.
    n_openings
        How many; 0 for a time in which the valve stayed closed.
    ml
        What came.
    seconds
        How long the batch took: what leaked in it is taken off. 0 where nobody knows.
    """

    duration_ms: float
    n_openings: int
    ml: float
    seconds: float = 0.0


def leak_of(batches: Sequence[WeighedBatch]) -> float | None:
    """Return what came of the closed valve, ml a minute; None where nobody watched it."""
    closed = [one for one in batches if not one.n_openings and one.seconds > 0]
    if not closed:
        return None
    return 60.0 * sum(one.ml for one in closed) / sum(one.seconds for one in closed)


def fit_valve(batches: Sequence[WeighedBatch]) -> ValveVolume:
    """Return the line through what was weighed.

    Raises
    ------
    RigError
        There are too few batches or lengths, or longer openings give no more.
    """
    opened = _without_leak(batches)
    lengths = {round(one.duration_ms, 1) for one in opened}
    if len(opened) < LEAST_BATCHES or len(lengths) < 2:
        raise RigError(
            f"valve: expected {LEAST_BATCHES} batches of at least two lengths, found {len(opened)} of {len(lengths)}. "
            "Weigh more."
        )
    zero, slope, zero_error, slope_error = _line(opened)
    if slope <= 0:
        raise RigError(
            f"valve: expected more of longer openings, found {1000 * slope:.3g} ml for each 1,000 ms. Look whether the "
            "valve opens and the bottle is full, then weigh again."
        )
    leak = leak_of(batches)
    return ValveVolume(
        ml_per_ms=slope,
        ml_at_zero=zero,
        ml_per_ms_error=slope_error,
        ml_at_zero_error=zero_error,
        shortest_ms=min(one.duration_ms for one in opened),
        longest_ms=max(one.duration_ms for one in opened),
        leak_ml_per_min=leak,
    )


def _without_leak(batches: Sequence[WeighedBatch]) -> list[WeighedBatch]:
    leak = leak_of(batches) or 0.0
    return [replace(one, ml=one.ml - leak * one.seconds / 60.0) for one in batches if one.n_openings]


def _line(batches: Sequence[WeighedBatch]) -> tuple[float, float, float, float]:
    """Return a and b of n (a + b t) by weighted least squares, and their standard errors.

    The weights need the volumes of the line and the line the weights: from equal weights on, three times over.
    """
    weights = [1.0] * len(batches)
    for _ in range(_N_WEIGHTINGS):
        zero, slope, *errors = _weighted_line(batches, weights)
        volumes = [one.n_openings * (zero + slope * one.duration_ms) for one in batches]
        weights = [1.0 / (1.0 + (ml / _SCALE_ALONE_ML) ** 2) for ml in volumes]
    zero, slope, *errors = _weighted_line(batches, weights)
    return zero, slope, errors[0], errors[1]


def _weighted_line(batches: Sequence[WeighedBatch], weights: Sequence[float]) -> tuple[float, float, float, float]:
    roots = [math.sqrt(weight) for weight in weights]
    n = [root * one.n_openings for root, one in zip(roots, batches, strict=True)]
    x = [one * batch.duration_ms for one, batch in zip(n, batches, strict=True)]
    y = [root * one.ml for root, one in zip(roots, batches, strict=True)]
    nn, nx, xx = _dot(n, n), _dot(n, x), _dot(x, x)
    determinant = nn * xx - nx * nx
    zero = (xx * _dot(n, y) - nx * _dot(x, y)) / determinant
    slope = (nn * _dot(x, y) - nx * _dot(n, y)) / determinant
    left = [ml - zero * one - slope * two for one, two, ml in zip(n, x, y, strict=True)]
    variance = _dot(left, left) / max(len(batches) - 2, 1)
    return zero, slope, math.sqrt(variance * xx / determinant), math.sqrt(variance * nn / determinant)


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def doubts_of_valve(batches: Sequence[WeighedBatch], fitted: ValveVolume) -> list[str]:
    """Return in words what is implausible about what was weighed; empty where nothing is.

    Parameters
    ----------
    batches
        In the order in which they were weighed.
    fitted
        The line through them.
    """
    low, high = _LIKELY_ML_PER_MS
    found = []
    if not low <= fitted.ml_per_ms <= high:
        found.append(
            f"{1000 * fitted.ml_per_ms:.3g} ml in 1,000 ms is no reward valve's flow: are the weights in grams, and is "
            "each batch's own number of openings right?"
        )
    if fitted.ml_at_zero + fitted.ml_per_ms * fitted.shortest_ms <= 0:
        found.append(f"openings of {fitted.shortest_ms:g} ms give nothing by this line: leave the shortest out")
    leak = fitted.leak_ml_per_min
    if leak is not None and leak > _LEAK_SHARE * fitted.ml_per_ms * 60_000:
        found.append(f"the closed valve leaks {leak:.2g} ml a minute: clean its seat, or replace it, and weigh again")
    opened = _without_leak(batches)
    off = _off_the_line(opened)
    return [*found, *off.values(), *_drift(opened, off.keys())]


def _off_the_line(opened: Sequence[WeighedBatch]) -> dict[int, str]:
    """Compare each batch with the line through the others; those that lie beside it, by their places."""
    found = {}
    for place, one in enumerate(opened):
        others = [other for at, other in enumerate(opened) if at != place]
        if len(others) < LEAST_BATCHES or len({round(other.duration_ms, 1) for other in others}) < 2:
            continue
        zero, slope, zero_error, slope_error = _line(others)
        foreseen = one.n_openings * (zero + slope * one.duration_ms)
        # the errors of a and b go against each other: their sum is more than what the line may be wrong by
        may_be = one.n_openings * (zero_error + slope_error * one.duration_ms)
        if abs(one.ml - foreseen) > max(_OFF_THE_LINE * abs(foreseen), _SURPRISE * may_be):
            found[place] = (
                f"batch {place + 1}, {one.n_openings} x {one.duration_ms:g} ms, gave {one.ml:.3g} ml where the others "
                f"foresee {foreseen:.3g}: weigh it again"
            )
    return found


def _drift(opened: Sequence[WeighedBatch], off: Set[int]) -> list[str]:
    """Compare the first of each length with the last: a bottle that runs empty gives less and less.

    One that lies beside the line is left out, for its weight alone is wrong. But a bottle that runs empty puts many
    beside it: where too few others are left, all are compared.
    """
    pairs = _pairs([one for place, one in enumerate(opened) if place not in off])
    if len(pairs) < 2:
        pairs = _pairs(opened)
    if len(pairs) < 2:
        return []
    # the line through the pairs alone: what lies beside it would bend it, until it foresees next to nothing
    zero, slope, _, _ = _line([one for pair in pairs for one in pair])

    def share(one: WeighedBatch) -> float:
        return one.ml / (one.n_openings * (zero + slope * one.duration_ms))

    change = sum(share(last) - share(first) for first, last in pairs) / len(pairs)
    if abs(change) <= _DRIFT:
        return []
    return [
        f"what came {'rose' if change > 0 else 'fell'} by {abs(100 * change):.0f} % from the first batches to the "
        "last: let the bottle stand at one height, without air in the tube, and weigh again"
    ]


def _pairs(batches: Sequence[WeighedBatch]) -> list[tuple[WeighedBatch, WeighedBatch]]:
    """Return the first and the last of each length that was weighed more than once."""
    lengths: dict[float, list[WeighedBatch]] = {}
    for one in batches:
        lengths.setdefault(round(one.duration_ms, 1), []).append(one)
    return [(same[0], same[-1]) for same in lengths.values() if len(same) > 1]


def valve_lines(fitted: ValveVolume) -> list[str]:
    """Return what a person reads of a fit."""
    lines = [
        f"an opening of t ms gives {fitted.ml_at_zero:+.4f} ml + {fitted.ml_per_ms:.6f} ml x t "
        f"(standard errors {fitted.ml_at_zero_error:.4f} and {fitted.ml_per_ms_error:.6f}), measured from "
        f"{fitted.shortest_ms:g} to {fitted.longest_ms:g} ms"
    ]
    for duration_ms in (fitted.shortest_ms, fitted.longest_ms):
        lines.append(f"  {duration_ms:g} ms: {fitted.ml(duration_ms):.4f} ml")
    if fitted.leak_ml_per_min is not None:
        lines.append(f"  closed: {fitted.leak_ml_per_min:.3f} ml a minute")
    return lines
