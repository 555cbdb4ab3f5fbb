"""Find roughly where one list of codes lies in another, when neither offset nor drift is known.

Every pair of equal codes, one sent and one received, votes for an offset between the clocks. True pairs agree;
accidental ones, such as a code that comes round again, are spread out. A regular session agrees almost as well one
round of codes earlier or later, so that several clocks are given, for `placement` to choose among.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MOST_PAIRS = 3_000_000  # 24 MB an array; above, only some of the sent codes vote
_MOST_BINS = 4_000_000
_FINE_S = 0.02  # width of the bins in which the drift is found
_FINE_VOTERS = 5_000
_GOLDEN = (5**0.5 - 1) / 2

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class RoughClock(NamedTuple):
    """A clock that some pairs agree on, and how closely: the better one is the larger.

    ``array_s = level_s + rig_s + drift * (rig_s - center_s)``
    """

    n_pairs: int
    closeness_s: float
    level_s: float
    drift: float
    center_s: float

    def array_s(self, rig_s: Floats) -> Floats:
        """Convert rig times to array times, seconds."""
        return self.level_s + rig_s + self.drift * (rig_s - self.center_s)


def rough_clocks(
    sent_code: Integers,
    sent_s: Floats,
    received_code: Integers,
    received_s: Floats,
    *,
    largest_drift_ppm: float,
    n_clocks: int = 8,
) -> list[RoughClock]:
    """Find the offsets and drifts on which most pairs of equal codes agree, within about 20 ms.

    Parameters
    ----------
    sent_code, sent_s
        Codes and their times on the rig's clock, shape (n_sent,), times not decreasing.
    received_code, received_s
        Codes and their times on the array's clock, shape (n_received,), times not decreasing.
    largest_drift_ppm
        Bound of the drift, either way.
    n_clocks
        How many to give at most.

    Returns
    -------
    list of RoughClock
        None where no code occurs on both sides. In a long session only a share of the pairs votes: their order is not
        that of the clocks' worth.
    """
    sent, received = _equal_pairs(sent_code, received_code)
    if len(sent) == 0:
        return []
    rig_s, lag = sent_s[sent], received_s[received] - sent_s[sent]
    together_s = min(float(np.ptp(sent_s)), float(np.ptp(received_s)))  # true pairs spread over no more than this
    width = max(largest_drift_ppm * 1e-6 * together_s + _FINE_S, float(np.ptp(lag)) / _MOST_BINS)
    spans = _fullest(lag, width, n_clocks)
    return [_best_drift(rig_s, lag, span, largest_drift_ppm * 1e-6) for span in spans]


def _equal_pairs(sent_code: Integers, received_code: Integers) -> tuple[Integers, Integers]:
    """Index pairs with equal codes, thinned evenly over the sent list where there are too many."""
    order = np.argsort(received_code, kind="stable")
    ordered = received_code[order]
    first, last = (np.searchsorted(ordered, sent_code, side=side) for side in ("left", "right"))
    n_pairs = int((last - first).sum())
    voters = np.flatnonzero(_choose(len(sent_code), _MOST_PAIRS / max(n_pairs, 1)))
    first, counts = first[voters], (last - first)[voters]
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(voters, counts), order[np.repeat(first, counts) + place]


def _choose(n: int, share: float) -> NDArray[np.bool_]:
    """Choose a share of n, evenly but in step with no period of the session."""
    chosen: NDArray[np.bool_] = (np.arange(n) * _GOLDEN) % 1 < share
    return chosen


def _fullest(values: Floats, width: float, n: int) -> list[tuple[float, float]]:
    """Bounds of the `n` fullest pairs of neighbouring bins of `width`: no cluster as wide as a bin is cut."""
    low = float(values.min())
    pairs = _in_two_bins(values - low, width)
    several = min(3 * n, len(pairs))  # a cluster fills up to three overlapping pairs
    best = np.argpartition(-pairs, several - 1)[:several]
    taken: list[int] = []
    for k in best[np.argsort(-pairs[best], kind="stable")].tolist():
        if pairs[k] and all(abs(k - other) > 1 for other in taken):
            taken.append(k)
    return [(low + k * width, low + (k + 2) * width) for k in taken[:n]]


def _in_two_bins(values: Floats, width: float) -> Integers:
    """Count the values, zero or more, in each bin and the next one."""
    counts = np.bincount((values / width).astype(np.int64))
    counts[:-1] += counts[1:]
    return counts


def _best_drift(rig_s: Floats, lag: Floats, span: tuple[float, float], largest: float) -> RoughClock:
    """Try drifts so fine that neighbours differ by half a fine bin over the session; keep the one that agrees best."""
    inside = np.flatnonzero((lag >= span[0]) & (lag < span[1]))
    inside = inside[_choose(len(inside), _FINE_VOTERS / len(inside))]
    center = float(rig_s[inside].mean())
    x, own = rig_s[inside] - center, lag[inside]
    n_drifts = 2 * int(np.ceil(largest * float(np.abs(x).max()) / (_FINE_S / 2))) + 1
    return max(_vote(own, x, float(drift), center) for drift in np.linspace(-largest, largest, n_drifts))


def _vote(lag: Floats, x: Floats, drift: float, center: float) -> RoughClock:
    level = lag - drift * x
    above = level - level.min()
    low = int(np.argmax(_in_two_bins(above, _FINE_S))) * _FINE_S
    agreeing = level[(above >= low) & (above < low + 2 * _FINE_S)]
    return RoughClock(len(agreeing), -float(agreeing.std()), float(np.median(agreeing)), drift, center)
