"""Which launch of the rig lies where on which clock segment: the chain of runs, in order, that explains most codes.

A launch may span several clock segments (the recorder's clock was reset), a clock segment several launches (the rig was
restarted), and a clock may jump within both. Runs that another chain could replace at little loss are not accepted:
their codes could lie elsewhere. What lies between accepted runs is searched again by itself, where fewer places are
left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from closedloop.alignment.code_lists import CodeLists
from closedloop.alignment.run_search import (
    AlignmentRules,
    CodeRun,
    Region,
    candidate_runs,
    equal_pairs,
    fit_run,
)

_LEAST_GAIN = 2.0  # codes by which a run must beat the best chain without it, if that has none of them
_GAIN_OVER_OTHERS = 5.0  # and if that explains some: trials of a session look alike
_AFTER_JUMP = 50  # codes of a run that shows that a clock jumped: several trials, whose intervals differ


@dataclass(frozen=True)
class RunPlacement:
    """The runs in their order, each with its clock, and the rows of the sent list whose clock is in doubt.

    `doubtful` holds first and last rows of segments that fit, by a few codes, a clock that jumped.
    """

    runs: tuple[CodeRun, ...]
    doubtful: tuple[tuple[int, int], ...]


def place_runs(lists: CodeLists, rules: AlignmentRules) -> RunPlacement:
    """Place the launches on the clock segments."""
    everything = Region((0, len(lists.code)), (0, len(lists.value)))
    sure, doubtful = _place(lists, everything, rules, known=[])
    runs = _join(sure, lists)
    if not runs:
        return RunPlacement((), ())
    drift_ppm = max(runs, key=lambda run: run.n_equal).clock.fit.drift_ppm
    fitted = (
        _refit(lists, run, room, rules, drift_ppm) for run, room in zip(runs, rooms(runs, everything), strict=True)
    )
    return RunPlacement(tuple(run for run in fitted if run is not None), tuple(run.sent for run in doubtful))


def _place(
    lists: CodeLists, region: Region, rules: AlignmentRules, *, known: list[CodeRun]
) -> tuple[list[CodeRun], list[CodeRun]]:
    """Find the runs within a region, and those that are in doubt; `known` are the runs around it."""
    if region.sent[0] >= region.sent[1] or region.received[0] >= region.received[1]:
        return [], []
    accepted = _accept(candidate_runs(lists, region, rules), lists)
    sure = _select_sure(accepted, known, lists)
    doubtful = [run for run in accepted if run not in sure]
    runs: list[CodeRun] = []
    for k, gap in enumerate(_gaps(sure, region) if sure else ()):
        inner, more = _place(lists, gap, rules, known=[*known, *sure])
        runs += [*inner, *sure[k : k + 1]]
        doubtful += more
    return runs, doubtful


def _select_sure(accepted: list[CodeRun], known: list[CodeRun], lists: CodeLists) -> list[CodeRun]:
    """Keep the runs that do not have a clock jump within a launch and a clock segment because of a few codes."""
    sure: list[CodeRun] = []
    for run in sorted(accepted, key=lambda run: -run.n_equal):
        others = [other for other in (*known, *sure) if other.place == run.place]
        middle_s = float(lists.rig_s[(run.sent[0] + run.sent[1]) // 2])
        agrees = any(run.agrees_with(other, middle_s) for other in others)
        if not others or agrees or run.n_equal >= _AFTER_JUMP:
            sure.append(run)
    return sorted(sure, key=lambda run: run.sent)


def _gaps(runs: Sequence[CodeRun], region: Region) -> list[Region]:
    """List what lies before, between and after runs."""
    sent = [region.sent[0], *(edge for run in runs for edge in (run.sent[0], run.sent[1] + 1)), region.sent[1]]
    received = [
        region.received[0],
        *(edge for run in runs for edge in (run.received[0], run.received[1] + 1)),
        region.received[1],
    ]
    return [Region((sent[k], sent[k + 1]), (received[k], received[k + 1])) for k in range(0, 2 * len(runs) + 1, 2)]


def rooms(runs: Sequence[CodeRun], region: Region) -> list[Region]:
    """List what belongs to each run or to none: from the end of the one before to the start of the one after."""
    gaps = _gaps(runs, region)
    return [
        Region((before.sent[0], after.sent[1]), (before.received[0], after.received[1]))
        for before, after in pairwise(gaps)
    ]


def _accept(candidates: list[CodeRun], lists: CodeLists) -> list[CodeRun]:
    """Take the best chain, without the runs that other places of the same codes could replace."""
    total, chain = _best_chain(candidates)
    kept = []
    for run in chain:
        middle_s = float(lists.rig_s[(run.sent[0] + run.sent[1]) // 2])
        without, _ = _best_chain([other for other in candidates if not other.agrees_with(run, middle_s)])
        gain = total - without
        if gain >= (_LEAST_GAIN if gain >= run.n_equal else _GAIN_OVER_OTHERS):
            kept.append(run)
    return kept


def _best_chain(candidates: list[CodeRun]) -> tuple[float, list[CodeRun]]:
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


def _join(runs: list[CodeRun], lists: CodeLists) -> list[CodeRun]:
    """Join neighbours that are one run, parted by a pause."""
    joined: list[CodeRun] = []
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


def _refit(lists: CodeLists, run: CodeRun, room: Region, rules: AlignmentRules, drift_ppm: float) -> CodeRun | None:
    """Fit a run's clock on all equal codes in its room."""
    sent, heard = np.arange(*room.sent), np.arange(*room.received)
    sent = sent[lists.launch[sent] == run.launch]
    heard = heard[(lists.clock_segment[heard] == run.clock_segment) & ~(lists.is_echo | lists.is_rest)[heard]]
    expected_s = run.clock.fit.array_s(lists.rig_s[sent])
    pairs = equal_pairs(lists, sent, heard, expected_s, window_s=rules.matching.exact_window_s)
    return fit_run(lists, pairs, rules, drift_ppm=drift_ppm)
