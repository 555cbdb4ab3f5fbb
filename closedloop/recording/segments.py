"""Where each run of the rig lies in the recording, and how its clock relates to the array's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.clock import ClockFit, fit_clock
from closedloop.recording.clock_search import rough_clock
from closedloop.recording.code_matching import UNPAIRED, MatchingRules, echoes, match_codes, shortest_repeat_s
from closedloop.recording.codes import ReceivedCodes, SentCodes
from closedloop.recording.photodiode import WINDOW_MS

_ROUGH_WINDOW_S = 0.1  # the vote is right to some 20 ms


@dataclass(frozen=True)
class AlignmentRules:
    """What is accepted. `smallest_share` of the codes must arrive unchanged; the clocks may drift by either sign."""

    matching: MatchingRules = field(default_factory=MatchingRules)
    largest_drift_ppm: float = 200.0
    smallest_share: float = 0.5
    photodiode_window_ms: tuple[float, float] = WINDOW_MS


def find_echoes(sent: SentCodes, received: ReceivedCodes, matching: MatchingRules) -> NDArray[np.bool_]:
    """Mark the received codes that merely repeat the one before, shape (n_received,)."""
    repeats_s = shortest_repeat_s(sent.code, sent.time_s)
    return echoes(received.value, received.time_s, sent_repeats_s=repeats_s, echo_s=matching.echo_s)


def place_segments(
    sent: SentCodes, received: ReceivedCodes, is_echo: NDArray[np.bool_], rules: AlignmentRules
) -> dict[int, ClockFit]:
    """Place the segments, the one with most codes first, each between those already placed around it."""
    segments, sizes = np.unique(sent.segment_ids, return_counts=True)
    heard = np.flatnonzero(~is_echo)
    fits: dict[int, ClockFit] = {}
    taken: dict[int, tuple[int, int]] = {}
    for segment in segments[np.argsort(-sizes, kind="stable")].tolist():
        low = max((last for other, (_, last) in taken.items() if other < segment), default=-1)
        high = min((first for other, (first, _) in taken.items() if other > segment), default=len(received.tick))
        free = heard[(heard > low) & (heard < high)]
        rows = np.flatnonzero(sent.segment_ids == segment)
        placed = _place(sent.code[rows], sent.time_s[rows], received, free, rules)
        if placed is not None:
            fits[segment], taken[segment] = placed
    return fits


def _place(
    code: NDArray[np.int64],
    time_s: NDArray[np.float64],
    received: ReceivedCodes,
    free: NDArray[np.int64],
    rules: AlignmentRules,
) -> tuple[ClockFit, tuple[int, int]] | None:
    """Fit one segment's clock on equal codes; give it with the first and last received index that it takes."""
    value, array_s = received.value[free], received.time_s[free]
    rough = rough_clock(code, time_s, value, array_s, largest_drift_ppm=rules.largest_drift_ppm)
    if rough is None:
        return None
    offset_s, drift = rough
    no_echo = np.zeros(len(free), bool)
    only_equal = replace(rules.matching, exact_window_s=_ROUGH_WINDOW_S, most_changed_bits=0)
    index = match_codes(code, offset_s + time_s + drift * time_s, value, array_s, is_echo=no_echo, rules=only_equal)
    found = index != UNPAIRED
    if found.mean() < rules.smallest_share:
        return None
    return fit_clock(time_s[found], array_s[index[found]]), (int(free[index[found][0]]), int(free[index[found][-1]]))


def expected_s(sent: SentCodes, fits: dict[int, ClockFit]) -> NDArray[np.float64]:
    """Time every sent code on the array's clock, seconds, shape (n_sent,); NaN where its segment has no place."""
    expected = np.full(len(sent.code), np.nan)
    for segment, fit in fits.items():
        rows = sent.segment_ids == segment
        expected[rows] = fit.array_s(sent.time_s[rows])
    return expected


def refit_segments(
    sent: SentCodes, received: ReceivedCodes, index: NDArray[np.int64], fits: dict[int, ClockFit]
) -> dict[int, ClockFit]:
    """Fit every placed segment again on all codes that were matched at last."""
    refitted = {}
    for segment, fit in fits.items():
        rows = np.flatnonzero((sent.segment_ids == segment) & (index != UNPAIRED))
        refitted[segment] = fit_clock(sent.time_s[rows], received.time_s[index[rows]]) if len(rows) else fit
    return refitted
