"""Which received code is which sent one: the alignment of two lists by dynamic programming.

Lists are never compared by position. A sent and a received code may be paired when their times agree (within
`exact_window_s` if the codes are equal, within `changed_window_s` if a few bits differ); among all pairings that keep
the order of both lists, the one with the largest total score is taken. Leaving out a sent code (lost) or a received
one (doubled, foreign) scores nothing, so this is an edit distance over (code, interval).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNPAIRED = -1


@dataclass(frozen=True)
class MatchingRules:
    """When two codes may be the same.

    The score of equal codes exceeds that of changed ones whatever their times; `most_changed_bits` of a code may have
    flipped. An echo is a received code equal to the one before it, within `echo_s`; the first of the two
    scores more, but the second may be a code of its own that follows one whose flipped bits made it look the same.
    """

    exact_window_s: float = 0.050
    changed_window_s: float = 0.003
    most_changed_bits: int = 2
    echo_s: float = 1.0


def echoes(
    received_code: NDArray[np.int64], received_s: NDArray[np.float64], *, sent_repeats_s: float, echo_s: float
) -> NDArray[np.bool_]:
    """Mark received codes that repeat the one before, sooner than the rig ever sends the same code twice in a row.

    Parameters
    ----------
    received_code, received_s
        Shape (n_received,).
    sent_repeats_s
        Shortest interval between equal neighbours of the sent list; infinite where there are none.
    echo_s
        Longest interval of an echo.
    """
    same = np.diff(received_code, prepend=UNPAIRED) == 0
    marked: NDArray[np.bool_] = same & (np.diff(received_s, prepend=-np.inf) < min(echo_s, sent_repeats_s / 2))
    return marked


def shortest_repeat_s(sent_code: NDArray[np.int64], sent_s: NDArray[np.float64]) -> float:
    """Shortest interval between neighbours of the sent list with the same code."""
    intervals = np.diff(sent_s)[np.diff(sent_code) == 0]
    return float(intervals.min(initial=np.inf))


def match_codes(
    sent_code: NDArray[np.int64],
    expected_s: NDArray[np.float64],
    received_code: NDArray[np.int64],
    received_s: NDArray[np.float64],
    *,
    is_echo: NDArray[np.bool_],
    rules: MatchingRules,
) -> NDArray[np.int64]:
    """Pair sent and received codes, keeping the order of both.

    Parameters
    ----------
    sent_code, expected_s
        Codes and the array times at which they should have arrived, shape (n_sent,).
    received_code, received_s
        Codes and array times, shape (n_received,), times increasing.
    is_echo
        Which received codes repeat the one before, shape (n_received,).
    rules
        Windows and edits that are allowed.

    Returns
    -------
    NDArray[np.int64]
        For each sent code the index of its received one, or -1, shape (n_sent,).
    """
    sent, received = _near_pairs(expected_s, received_s, rules.exact_window_s)
    distance = np.abs(received_s[received] - expected_s[sent])
    changed = sent_code[sent] ^ received_code[received]
    score = _scores(changed, distance, is_echo[received], rules)
    keep = score > 0
    return _best_chain(sent[keep], received[keep], score[keep], n_sent=len(sent_code))


def _near_pairs(
    expected_s: NDArray[np.float64], received_s: NDArray[np.float64], window_s: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All index pairs within the window, ordered by sent index, then by received index downwards."""
    first = np.searchsorted(received_s, expected_s - window_s, side="left")
    last = np.searchsorted(received_s, expected_s + window_s, side="right")
    counts = last - first
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(np.arange(len(expected_s)), counts), np.repeat(last - 1, counts) - place


def _scores(
    changed: NDArray[np.int64], distance_s: NDArray[np.float64], is_echo: NDArray[np.bool_], rules: MatchingRules
) -> NDArray[np.float64]:
    """Score equal codes 3 to 4, equal echoes 2 to 3, changed codes 1 to 2, the more the nearer in time; others 0."""
    n_changed = np.bitwise_count(changed)
    equal = (n_changed == 0) & (distance_s <= rules.exact_window_s)
    near = (n_changed <= rules.most_changed_bits) & (distance_s <= rules.changed_window_s)
    closeness = 1 - distance_s / np.where(equal, rules.exact_window_s, rules.changed_window_s)
    return np.select([equal & ~is_echo, equal, near], [3.0, 2.0, 1.0], 0.0) + np.where(equal | near, closeness, 0.0)


def _best_chain(
    sent: NDArray[np.int64], received: NDArray[np.int64], score: NDArray[np.float64], *, n_sent: int
) -> NDArray[np.int64]:
    """Choose pairs, increasing in both indices, of the largest total score.

    The best chains so far are kept by their last received index, neither it nor the totals decreasing: ``last`` and
    ``total`` and, for the way back, ``pair``. Within one sent index received ones come downwards, so
    that no two of them chain.
    """
    last: list[int] = []
    total: list[float] = []
    pair: list[int] = []
    before = np.full(len(sent), UNPAIRED)
    for k, (j, own) in enumerate(zip(received.tolist(), score.tolist(), strict=True)):
        at = bisect_left(last, j)
        before[k] = pair[at - 1] if at else UNPAIRED
        gain = own + (total[at - 1] if at else 0.0)
        end = at
        while end < len(last) and total[end] <= gain:
            end += 1
        last[at:end], total[at:end], pair[at:end] = [j], [gain], [k]
    return _trace(sent, received, before, pair[-1] if pair else UNPAIRED, n_sent)


def _trace(
    sent: NDArray[np.int64], received: NDArray[np.int64], before: NDArray[np.int64], k: int, n_sent: int
) -> NDArray[np.int64]:
    matched = np.full(n_sent, UNPAIRED)
    while k != UNPAIRED:
        matched[sent[k]] = received[k]
        k = int(before[k])
    return matched
