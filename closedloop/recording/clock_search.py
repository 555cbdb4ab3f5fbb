"""Find roughly where one list of codes lies in another, when neither offset nor drift is known.

Every pair of equal codes, one sent and one received, votes for an offset between the clocks. True pairs agree;
accidental ones, such as a code that comes round again, are spread out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MOST_PAIRS = 5_000_000  # 40 MB an array; above, only some of the sent codes vote
_FINE_S = 0.02  # width of the bins in which the drift is told
_FINE_VOTERS = 5_000
_GOLDEN = (5**0.5 - 1) / 2
_N_PLACES = 8  # a regular session fits almost as well one round of codes earlier or later


def rough_clock(
    sent_code: NDArray[np.int64],
    sent_s: NDArray[np.float64],
    received_code: NDArray[np.int64],
    received_s: NDArray[np.float64],
    *,
    largest_drift_ppm: float,
) -> tuple[float, float] | None:
    """Find offset and drift of the received clock, within about 20 ms over the whole session.

    Parameters
    ----------
    sent_code, sent_s
        Codes and their times on the rig's clock, shape (n_sent,).
    received_code, received_s
        Codes and their times on the array's clock, shape (n_received,).
    largest_drift_ppm
        Bound of the drift, either way.

    Returns
    -------
    tuple of float or None
        ``offset_s`` and ``drift`` (a fraction) of ``received = offset + (1 + drift) * sent``; None where no code occurs
        on both sides.
    """
    sent, received = _equal_pairs(sent_code, received_code)
    if len(sent) == 0:
        return None
    center = float(sent_s.mean())
    x, lag = sent_s[sent] - center, received_s[received] - sent_s[sent]
    width = largest_drift_ppm * 1e-6 * float(np.ptp(sent_s)) + _FINE_S
    few = _voters(sent, _FINE_VOTERS / len(sent_code))
    x_few, lag_few = (x[few], lag[few]) if few.any() else (x, lag)
    best = max(_best_drift(x_few, lag_few, span, largest_drift_ppm * 1e-6) for span in _fullest(lag, width, _N_PLACES))
    return best.level - best.drift * center, best.drift


def _equal_pairs(sent_code: NDArray[np.int64], received_code: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Index pairs with equal codes, thinned evenly over the sent list where there are too many."""
    order = np.argsort(received_code, kind="stable")
    ordered = received_code[order]
    first, last = (np.searchsorted(ordered, sent_code, side=side) for side in ("left", "right"))
    n_pairs = int((last - first).sum())
    everyone = np.arange(len(sent_code))
    voters = everyone[_voters(everyone, _MOST_PAIRS / max(n_pairs, 1))]
    first, counts = first[voters], (last - first)[voters]
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(voters, counts), order[np.repeat(first, counts) + place]


def _voters(index: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Choose a share of the sent codes, evenly but in step with no period of the session."""
    chosen: NDArray[np.bool_] = (index * _GOLDEN) % 1 < share
    return chosen


def _fullest(values: NDArray[np.float64], width: float, n: int) -> list[tuple[float, float]]:
    """Bounds of the `n` fullest pairs of neighbouring bins of `width`: no cluster as wide as a bin is cut."""
    low = float(values.min())
    counts = np.bincount(((values - low) / width).astype(np.int64))
    pairs = counts + np.append(counts[1:], 0)
    best = np.argsort(-pairs, kind="stable")[:n]
    return [(low + k * width, low + (k + 2) * width) for k in best.tolist() if pairs[k]]


class _Vote(NamedTuple):
    """How many pairs agree on a clock, how closely, and the clock: compared in this order."""

    n_pairs: int
    closeness_s: float
    level: float
    drift: float


def _best_drift(x: NDArray[np.float64], lag: NDArray[np.float64], span: tuple[float, float], largest: float) -> _Vote:
    """Try drifts so fine that neighbours differ by half a fine bin over the session; keep the one that agrees best."""
    inside = (lag >= span[0]) & (lag < span[1])
    x, lag = x[inside], lag[inside]
    if len(x) == 0:
        return _Vote(0, 0.0, 0.0, 0.0)
    n_drifts = 2 * int(np.ceil(largest * float(np.abs(x).max()) / (_FINE_S / 2))) + 1
    return max(_vote(lag - drift * x, float(drift)) for drift in np.linspace(-largest, largest, n_drifts))


def _vote(level: NDArray[np.float64], drift: float) -> _Vote:
    ((low, high),) = _fullest(level, _FINE_S, 1)
    agreeing = level[(level >= low) & (level < high)]
    return _Vote(len(agreeing), -float(agreeing.std()), float(np.median(agreeing)), drift)
