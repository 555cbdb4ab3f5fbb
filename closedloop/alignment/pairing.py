"""Sent and received codes in pairs, with the clocks that the pairs give at last."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.clock import fit_clock, local_clock
from closedloop.alignment.code_lists import CodeLists
from closedloop.alignment.code_matching import UNPAIRED, CandidatePairs, MatchingRules, match_codes, near_pairs
from closedloop.alignment.placement import RunPlacement, rooms
from closedloop.alignment.run_search import AlignmentRules, CodeRun, Region
from closedloop.recording.lookup import take_or

_ENOUGH_CODES = 10  # below, the codes' jitter is that of the whole day
_SAME_DRIFT_PPM = 20.0  # the first fit of a run found its drift already

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Pairing:
    """Which received code is which sent one, all arrays of shape (n_sent,).

    `received` is the index of the received code and `run` that of the run, -1 where the code was lost; `late_s` is
    received minus expected time, NaN where lost; `trusted` marks where it is no more than usual; `doubtful` marks lost
    codes around which a few codes fit a clock that jumped. `runs` have the clocks that follow from the trusted pairs.
    """

    received: Integers
    run: Integers
    late_s: Floats
    trusted: NDArray[np.bool_]
    doubtful: NDArray[np.bool_]
    runs: tuple[CodeRun, ...]

    def clock_segment_of(self, run: Integers) -> Integers:
        """Return the clock segment of runs by their index, -1 where that is -1; any shape."""
        return take_or(np.array([own.clock_segment for own in self.runs], np.int64), run, UNPAIRED)


def pair_codes(lists: CodeLists, placement: RunPlacement, rules: AlignmentRules) -> Pairing:
    """Pair the codes of every run, and fit its clock on the pairs that are on time.

    Parameters
    ----------
    lists
        Both lists of codes.
    placement
        The runs, each with a first clock.
    rules
        What is accepted.
    """
    runs = placement.runs
    pairs = _all_pairs(lists, runs, rules.matching)
    chosen = match_codes(lists.code, lists.value, pairs, is_echo=lists.is_echo, rules=rules.matching)
    received = take_or(pairs.received, chosen, UNPAIRED)
    run = take_or(pairs.run, chosen, UNPAIRED)
    late_s = take_or(pairs.late_s, chosen, np.nan)
    trusted = np.abs(late_s) <= take_or(pairs.on_time_s, chosen, 0.0)
    fitted = tuple(_refit(lists, old, received, (run == k) & trusted) for k, old in enumerate(runs))
    on_time_s = _on_time_s(fitted, rules.matching)
    for k, new in enumerate(fitted):
        own = run == k
        late_s[own] = lists.array_s[received[own]] - new.clock.array_s(lists.rig_s[own])
        trusted[own] = np.abs(late_s[own]) <= on_time_s[k]
    doubtful = np.zeros(len(received), bool)
    for first, last in placement.doubtful:
        doubtful[first : last + 1] = received[first : last + 1] == UNPAIRED
    return Pairing(received, run, late_s, trusted, doubtful, fitted)


def _all_pairs(lists: CodeLists, runs: tuple[CodeRun, ...], matching: MatchingRules) -> CandidatePairs:
    on_time_s = _on_time_s(runs, matching)
    whole = Region((0, len(lists.code)), (0, len(lists.value)))
    parts = [
        _pairs_of(lists, run, room, number=k, on_time_s=on_time_s[k], window_s=matching.exact_window_s)
        for k, (run, room) in enumerate(zip(runs, rooms(runs, whole), strict=True))
    ]
    columns = ("sent", "received", "run", "late_s", "on_time_s")
    return CandidatePairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


def _pairs_of(
    lists: CodeLists, run: CodeRun, room: Region, *, number: int, on_time_s: float, window_s: float
) -> CandidatePairs:
    sent, heard = np.arange(*room.sent), np.arange(*room.received)
    sent, heard = sent[lists.launch[sent] == run.launch], heard[lists.clock_segment[heard] == run.clock_segment]
    expected_s = run.clock.array_s(lists.rig_s[sent])
    i, j = near_pairs(expected_s, lists.array_s[heard], window_s)
    late_s = lists.array_s[heard[j]] - expected_s[i]
    return CandidatePairs(sent[i], heard[j], np.full(len(i), number), late_s, np.full(len(i), on_time_s))


def _on_time_s(runs: tuple[CodeRun, ...], matching: MatchingRules) -> list[float]:
    """Return how late a code of each run may be and still time a presentation, seconds."""
    usual = max(runs, key=lambda run: run.n_equal).clock.jitter_s
    return [matching.on_time_s(run.clock.jitter_s if run.n_equal >= _ENOUGH_CODES else usual) for run in runs]


def _refit(lists: CodeLists, run: CodeRun, received: Integers, rows: NDArray[np.bool_]) -> CodeRun:
    """Fit a run's clock on the codes that came on time; one without any follows no clock."""
    rig_s, array_s = lists.rig_s[rows], lists.array_s[received[rows]]
    if not rows.any():
        return replace(run, clock=replace(run.clock, rig_s=rig_s, residual_drift_s=rig_s))
    fit = fit_clock(rig_s, array_s, drift_ppm=run.clock.fit.drift_ppm, drift_sd_ppm=_SAME_DRIFT_PPM)
    return replace(run, clock=local_clock(fit, rig_s, array_s))
