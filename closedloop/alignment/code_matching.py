"""Which received code is which sent one: the alignment of two lists by dynamic programming.

Lists are never compared by position. A sent and a received code may be paired when their times agree; among all
pairings that keep the order of both lists, the one with the largest total score is taken. Leaving out a sent code
(lost) or a received one (doubled, foreign) scores nothing, so this is an edit distance over (code, interval).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNPAIRED = -1

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class MatchingRules:
    """When two codes may be the same.

    Of each code `code_bits` are compared. A code is on time within `on_time_jitters` times the SD of the codes
    around the clock, at least `least_on_time_s`: then up to `most_changed_bits` of it may have flipped. An equal code
    may also come late (or early) by `exact_window_s`; it is the one that was sent, but does not time anything. An echo
    is a received code equal to the one before it, within `echo_s`: the first of the two scores more, but the second
    may be a code of its own that follows one whose flipped bits made it look the same.
    """

    code_bits: int = 16
    exact_window_s: float = 0.050
    least_on_time_s: float = 0.0003
    on_time_jitters: float = 5.0
    most_changed_bits: int = 2
    echo_s: float = 1.0

    def on_time_s(self, jitter_s: float) -> float:
        """Return how far a code may be from its time and still count as on time, seconds."""
        return min(max(self.least_on_time_s, self.on_time_jitters * jitter_s), self.exact_window_s)


@dataclass(frozen=True)
class CandidatePairs:
    """Pairs of a sent and a received code that may be the same, all arrays of shape (n_pairs,).

    `late_s` is received minus expected time, `on_time_s` how much of it is usual, `run` which run's clock expects it.
    """

    sent: Integers
    received: Integers
    run: Integers
    late_s: Floats
    on_time_s: Floats


def near_pairs(expected_s: Floats, received_s: Floats, window_s: float) -> tuple[Integers, Integers]:
    """List all index pairs whose times agree.

    Parameters
    ----------
    expected_s
        When each sent code should have come, seconds, shape (n_sent,).
    received_s
        When codes came, seconds, not decreasing, shape (n_received,).
    window_s
        Largest distance of a pair, seconds, inclusive.

    Returns
    -------
    tuple of NDArray
        Sent and received index of each pair, shape (n_pairs,) each.
    """
    first = np.searchsorted(received_s, expected_s - window_s, side="left")
    last = np.searchsorted(received_s, expected_s + window_s, side="right")
    counts = last - first
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(np.arange(len(expected_s)), counts), np.repeat(first, counts) + place


def match_codes(
    code: Integers, value: Integers, pairs: CandidatePairs, *, is_echo: NDArray[np.bool_], rules: MatchingRules
) -> Integers:
    """Choose pairs, keeping the order of both lists.

    Parameters
    ----------
    code, value
        Sent codes, shape (n_sent,), and received ones, shape (n_received,).
    pairs
        What may be paired.
    is_echo
        Which received codes repeat the one before, shape (n_received,).
    rules
        Windows and edits that are allowed.

    Returns
    -------
    NDArray[np.int64]
        For each sent code the row of its pair in `pairs`, or -1, shape (n_sent,).
    """
    score = pair_scores(code[pairs.sent] ^ value[pairs.received], pairs, is_echo[pairs.received], rules)
    rows = np.flatnonzero(score > 0)
    rows = rows[np.lexsort((-pairs.received[rows], pairs.sent[rows]))]
    chosen = np.full(len(code), UNPAIRED)
    chain = rows[_best_chain(pairs.received[rows], score[rows])]
    chosen[pairs.sent[chain]] = chain
    return chosen


def pair_scores(changed: Integers, pairs: CandidatePairs, is_echo: NDArray[np.bool_], rules: MatchingRules) -> Floats:
    """Score pairs, the more the nearer in time.

    On time and equal 4 to 5, an equal echo 3 to 4, changed on time 2 to 3, equal but not on time 0 to 1; others 0.

    Parameters
    ----------
    changed
        Bits in which the two codes of each pair differ, shape (n_pairs,).
    pairs
        The pairs.
    is_echo
        Whether the received code repeats the one before, shape (n_pairs,).
    rules
        Windows and edits that are allowed.

    Returns
    -------
    NDArray[np.float64]
        Shape (n_pairs,).
    """
    distance = np.abs(pairs.late_s)
    n_changed = np.bitwise_count(changed)
    on_time, equal = distance <= pairs.on_time_s, n_changed == 0
    kinds = [
        on_time & equal & ~is_echo,
        on_time & equal,
        on_time & (n_changed <= rules.most_changed_bits),
        equal & (distance <= rules.exact_window_s),
    ]
    base = np.select(kinds, [4.0, 3.0, 2.0, 0.0], -1.0)
    closeness = 1 - distance / np.where(on_time, pairs.on_time_s, rules.exact_window_s)
    return np.where(base < 0, 0.0, base + closeness)


def _best_chain(received: Integers, score: Floats) -> Integers:
    """Choose pairs, ordered by sent index, then received index downwards, of the largest total score.

    The best chains so far are kept by their last received index, neither it nor the totals decreasing: ``last`` and
    ``total`` and, for the way back, ``pair``. Within one sent index received ones come downwards, so
    that no two of them chain.
    """
    last: list[int] = []
    total: list[float] = []
    pair: list[int] = []
    before = [UNPAIRED] * len(received)
    for k, (j, own) in enumerate(zip(received.tolist(), score.tolist(), strict=True)):
        at = bisect_left(last, j)
        if at:
            before[k] = pair[at - 1]
        gain = own + (total[at - 1] if at else 0.0)
        end = at
        while end < len(last) and total[end] <= gain:
            end += 1
        last[at:end], total[at:end], pair[at:end] = [j], [gain], [k]
    return _trace(before, pair[-1] if pair else UNPAIRED)


def _trace(before: list[int], k: int) -> Integers:
    chain = []
    while k != UNPAIRED:
        chain.append(k)
        k = before[k]
    return np.array(chain[::-1], np.int64)
