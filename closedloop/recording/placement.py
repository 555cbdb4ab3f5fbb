"""Which segment of the rig lies where on which epoch: the chain of runs that explains most codes in the order of both.

A segment may span several epochs (the recorder's clock was reset), an epoch several segments (the rig was restarted),
and a clock may jump within both. Runs that another chain could replace at little loss are not accepted: their codes
could lie elsewhere. What lies between accepted runs is searched again by itself, where fewer places are left.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from closedloop.recording.codes import WordLists
from closedloop.recording.run_search import (
    AlignmentRules,
    Region,
    Run,
    candidate_runs,
    equal_pairs,
    run_of,
)

_LEAST_GAIN = 2.0  # codes by which a run must beat the best chain without it
_GAIN_SDS = 3.0  # and by so many SDs of the count that the best other place reaches
_LEAST_AFTER_JUMP = 5  # codes of a run that claims that a clock jumped


def place_runs(lists: WordLists, rules: AlignmentRules) -> list[Run]:
    """Place the segments on the epochs; give the runs in their order, each with its clock, wander included."""
    everything = Region((0, len(lists.code)), (0, len(lists.value)))
    runs = _without_doubtful_jumps(_joined(_placed(lists, everything, rules), lists))
    if not runs:
        return []
    drift_ppm = max(runs, key=lambda run: run.n_equal).clock.fit.drift_ppm
    fitted = (
        _final(lists, run, region, rules, drift_ppm) for run, region in zip(runs, rooms(runs, everything), strict=True)
    )
    return [run for run in fitted if run is not None]


def _placed(lists: WordLists, region: Region, rules: AlignmentRules) -> list[Run]:
    if region.sent[0] >= region.sent[1] or region.received[0] >= region.received[1]:
        return []
    accepted = _accepted(candidate_runs(lists, region, rules), lists)
    if not accepted:
        return []
    runs: list[Run] = []
    for run, gap in zip([*accepted, None], _gaps(accepted, region), strict=True):
        runs += _placed(lists, gap, rules)
        runs += [run] if run is not None else []
    return runs


def _gaps(runs: list[Run], region: Region) -> list[Region]:
    """List what lies before, between and after runs."""
    sent = [region.sent[0], *(edge for run in runs for edge in (run.sent[0], run.sent[1] + 1)), region.sent[1]]
    received = [
        region.received[0],
        *(edge for run in runs for edge in (run.received[0], run.received[1] + 1)),
        region.received[1],
    ]
    return [Region((sent[k], sent[k + 1]), (received[k], received[k + 1])) for k in range(0, 2 * len(runs) + 1, 2)]


def rooms(runs: list[Run], region: Region) -> list[Region]:
    """List what belongs to each run or to nobody: from the end of the one before to the start of the one after."""
    gaps = _gaps(runs, region)
    return [
        Region((before.sent[0], after.sent[1]), (before.received[0], after.received[1]))
        for before, after in pairwise(gaps)
    ]


def _accepted(candidates: list[Run], lists: WordLists) -> list[Run]:
    """Take the best chain, without the runs that other places of the same codes could replace."""
    total, chain = _best_chain(candidates)
    kept = []
    for run in chain:
        middle_s = float(lists.rig_s[(run.sent[0] + run.sent[1]) // 2])
        without, _ = _best_chain([other for other in candidates if not other.agrees_with(run, middle_s)])
        gain = total - without
        if gain >= max(_LEAST_GAIN, _GAIN_SDS * float(np.sqrt(max(run.n_equal - gain, 0)))):
            kept.append(run)
    return kept


def _best_chain(candidates: list[Run]) -> tuple[float, list[Run]]:
    """Find the chain of runs, in the order of both lists, with most equal codes."""
    totals: list[float] = []
    before: list[int] = []
    for k, run in enumerate(candidates):
        chains = [
            (totals[m], m)
            for m in range(k)
            if candidates[m].sent[1] < run.sent[0] and candidates[m].received[1] < run.received[0]
        ]
        best, previous = max(chains, default=(0.0, -1))
        totals.append(best + run.n_equal)
        before.append(previous)
    k = int(np.argmax(totals)) if totals else -1
    total, chain = (totals[k] if totals else 0.0), []
    while k >= 0:
        chain.append(candidates[k])
        k = before[k]
    return total, chain[::-1]


def _joined(runs: list[Run], lists: WordLists) -> list[Run]:
    """Join neighbours that are one run, parted by a pause."""
    joined: list[Run] = []
    for run in runs:
        last = joined[-1] if joined else None
        if last is not None and last.agrees_with(run, float(lists.rig_s[run.sent[0]])):
            larger = max(last, run, key=lambda part: part.n_equal)
            joined[-1] = replace(
                larger,
                sent=(last.sent[0], run.sent[1]),
                received=(last.received[0], run.received[1]),
                n_equal=last.n_equal + run.n_equal,
            )
        else:
            joined.append(run)
    return joined


def _without_doubtful_jumps(runs: list[Run]) -> list[Run]:
    """Leave out the runs of a few codes that would have a clock jump within a segment and an epoch."""
    largest: dict[tuple[int, int], int] = {}
    for run in runs:
        place = (run.segment, run.epoch)
        largest[place] = max(largest.get(place, 0), run.n_equal)
    return [run for run in runs if run.n_equal >= min(_LEAST_AFTER_JUMP, largest[run.segment, run.epoch])]


def _final(lists: WordLists, run: Run, room: Region, rules: AlignmentRules, drift_ppm: float) -> Run | None:
    """Fit a run's clock on all equal codes in its room."""
    sent, heard = np.arange(*room.sent), np.arange(*room.received)
    sent = sent[lists.segment[sent] == run.segment]
    heard = heard[(lists.epoch[heard] == run.epoch) & ~(lists.is_echo | lists.is_rest)[heard]]
    expected_s = run.clock.fit.array_s(lists.rig_s[sent])
    pairs = equal_pairs(lists, sent, heard, expected_s, window_s=rules.matching.exact_window_s)
    return run_of(lists, pairs, rules, drift_ppm=drift_ppm)
