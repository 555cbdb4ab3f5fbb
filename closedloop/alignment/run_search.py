"""Where one launch of the rig may lie on one clock segment of the recorder: candidate runs, with clock and evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.clock import LocalClock, fit_clock, local_clock
from closedloop.alignment.clock_search import rough_clocks
from closedloop.alignment.code_lists import CodeLists
from closedloop.alignment.code_matching import MatchingRules

_ROUGH_WINDOW_S = 0.1  # the vote is right to some 20 ms
_SAME_CLOCK_S = 0.05
_LOOK_AROUND = range(-3, 3)  # received codes around the expected time: an equal one may stand behind copies and zeros
_PRICE_OF_A_MISS = 0.1  # true runs hold half of their codes and more, accidental ones a hundredth

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class AlignmentRules:
    """What is accepted.

    `smallest_share` of the codes of a run, on the side that has fewer, must be equal; the clocks may drift by either
    sign; `same_quartz_ppm` is how much the drift of two runs of a day differs. A photodiode edge is
    searched in `photodiode_window_ms` after the marker; `frame_ms` is the display's frame, by a multiple of which it
    may be late (None where unknown). A lost code is timed up to `farthest_s` from the next trusted one, and up to
    `widest_gap_s` from either where it lies between two.

    Examples
    --------
    >>> from closedloop.alignment import AlignmentRules
    >>> AlignmentRules(frame_ms=1000 / 60).photodiode_window_ms
    (0.0, 50.0)
    """

    matching: MatchingRules = field(default_factory=MatchingRules)
    largest_drift_ppm: float = 200.0
    same_quartz_ppm: float = 20.0
    smallest_share: float = 0.5
    photodiode_window_ms: tuple[float, float] = (0.0, 50.0)
    frame_ms: float | None = None
    farthest_s: float = 120.0
    widest_gap_s: float = 600.0


@dataclass(frozen=True)
class Region:
    """A part of both lists, half-open index ranges."""

    sent: tuple[int, int]
    received: tuple[int, int]


@dataclass(frozen=True)
class CodeRun:
    """A segment of sent codes of one launch that was received on one clock segment.

    `sent` and `received` are the first and last index of its equal codes, `n_equal` of them; `clock` gives seconds from
    the clock segment's first code.
    """

    launch: int
    clock_segment: int
    clock: LocalClock
    sent: tuple[int, int]
    received: tuple[int, int]
    n_equal: int

    @property
    def place(self) -> tuple[int, int]:
        """Launch and clock segment."""
        return self.launch, self.clock_segment

    def agrees_with(self, other: CodeRun, at_s: float) -> bool:
        """Return whether two runs of one launch and clock segment have the same clock at a rig time."""
        here = np.array([at_s])
        return (
            self.place == other.place
            and abs(float((self.clock.fit.array_s(here) - other.clock.fit.array_s(here))[0])) < _SAME_CLOCK_S
        )


def candidate_runs(lists: CodeLists, region: Region, rules: AlignmentRules) -> list[CodeRun]:
    """Find every place where a launch may lie on a clock segment, within a region of both lists.

    Parameters
    ----------
    lists
        Both lists of codes.
    region
        Where in them is looked.
    rules
        What is accepted.
    """
    sent = np.arange(*region.sent)
    heard = np.arange(*region.received)
    heard = heard[~(lists.is_echo | lists.is_rest)[heard]]
    found = [
        run
        for launch in np.unique(lists.launch[sent]).tolist()
        for clock_segment in np.unique(lists.clock_segment[heard]).tolist()
        for run in _candidates(
            lists, sent[lists.launch[sent] == launch], heard[lists.clock_segment[heard] == clock_segment], rules
        )
    ]
    return sorted(found, key=lambda run: run.sent)


def _candidates(lists: CodeLists, sent: Integers, heard: Integers, rules: AlignmentRules) -> list[CodeRun]:
    roughs = rough_clocks(
        lists.code[sent],
        lists.rig_s[sent],
        lists.value[heard],
        lists.array_s[heard],
        largest_drift_ppm=rules.largest_drift_ppm,
    )
    runs = []
    for rough in roughs:
        pairs = equal_pairs(lists, sent, heard, rough.array_s(lists.rig_s[sent]), window_s=_ROUGH_WINDOW_S)
        run = fit_run(lists, _dense(sent, pairs), rules)
        if run is not None:
            pairs = equal_pairs(lists, sent, heard, run.clock.fit.array_s(lists.rig_s[sent]), window_s=_SAME_CLOCK_S)
            run = fit_run(lists, _dense(sent, pairs), rules)
        if run is not None and _fills_its_place(run, heard, rules):
            runs.append(run)
    return runs


def equal_pairs(
    lists: CodeLists, sent: Integers, heard: Integers, expected_s: Floats, *, window_s: float
) -> tuple[Integers, Integers]:
    """Pair each sent code with the nearest equal one within the window of its time, if there is any.

    Parameters
    ----------
    lists
        Both lists.
    sent, heard
        Indices into them, of one launch and one clock segment.
    expected_s
        When each of `sent` should have come.
    window_s
        How far from that an equal code may be.

    Returns
    -------
    tuple of NDArray
        Sent and received index of each pair.
    """
    array_s, value = lists.array_s[heard], lists.value[heard]
    at = np.searchsorted(array_s, expected_s)
    best, partner = np.full(len(sent), np.inf), np.zeros(len(sent), np.int64)
    for step in _LOOK_AROUND:
        j = np.clip(at + step, 0, len(heard) - 1)
        distance = np.where(value[j] == lists.code[sent], np.abs(array_s[j] - expected_s), np.inf)
        nearer = distance < best
        best, partner = np.where(nearer, distance, best), np.where(nearer, j, partner)
    found = best <= window_s
    return sent[found], heard[partner[found]]


def fit_run(
    lists: CodeLists, pairs: tuple[Integers, Integers], rules: AlignmentRules, *, drift_ppm: float | None = None
) -> CodeRun | None:
    """Fit the clock of a run on its pairs; None if there are fewer than two.

    Parameters
    ----------
    lists
        Both lists of codes.
    pairs
        Sent and received index of each pair, shape (n_pairs,) each.
    rules
        Bounds of the drift.
    drift_ppm
        What is known of the quartzes from a longer run, parts per million; None in a first search.
    """
    sent, received = pairs
    if len(sent) < 2:
        return None
    rig_s, array_s = lists.rig_s[sent], lists.array_s[received]
    known = (0.0, rules.largest_drift_ppm) if drift_ppm is None else (drift_ppm, rules.same_quartz_ppm)
    fit = fit_clock(rig_s, array_s, drift_ppm=known[0], drift_sd_ppm=known[1])
    return CodeRun(
        launch=int(lists.launch[sent[0]]),
        clock_segment=int(lists.clock_segment[received[0]]),
        clock=LocalClock(fit, rig_s[:0], rig_s[:0], 0.0) if drift_ppm is None else local_clock(fit, rig_s, array_s),
        sent=(int(sent[0]), int(sent[-1])),
        received=(int(received.min()), int(received.max())),
        n_equal=len(sent),
    )


def _dense(sent: Integers, pairs: tuple[Integers, Integers]) -> tuple[Integers, Integers]:
    """Keep the pairs of the segment of the sent list that holds most of them for its length."""
    hit = np.isin(sent, pairs[0])
    rise = np.concatenate([[0.0], np.cumsum(hit - _PRICE_OF_A_MISS)])
    lowest = np.minimum.accumulate(rise)
    stop = int(np.argmax(rise - lowest))
    start = int(np.argmin(rise[: stop + 1]))
    kept = (pairs[0] >= sent[min(start, len(sent) - 1)]) & (pairs[0] <= sent[max(stop - 1, 0)])
    return pairs[0][kept], pairs[1][kept]


def _fills_its_place(run: CodeRun, heard: Integers, rules: AlignmentRules) -> bool:
    """Whether enough of what was sent, or received, in its place is equal."""
    n_sent = run.sent[1] - run.sent[0] + 1
    n_heard = int(np.count_nonzero((heard >= run.received[0]) & (heard <= run.received[1])))
    return run.n_equal >= rules.smallest_share * min(n_sent, n_heard)
