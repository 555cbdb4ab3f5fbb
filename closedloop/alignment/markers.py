"""When every sent code came or should have come on a device, and why that is unknown where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.code_lists import CodeLists
from closedloop.alignment.code_matching import UNPAIRED
from closedloop.alignment.pairing import Pairing
from closedloop.alignment.run_search import AlignmentRules
from closedloop.recording.lookup import take_or
from closedloop.recording.segments import Segment

NOT_PLACED = "no codes of this rig launch were found in the recording"
NOT_RECORDED = "the recorder was not recording"
NO_COVER = "digital code lost where no other code shows that the recorder was running"
AT_BORDER = "digital code lost next to a reset or jump of the recorder's clock"
TOO_FAR = "digital code lost too far from any received code to be timed"
NO_CLOCK = "the few codes nearby do not agree on a clock"

_SPANS_BEYOND = 4.0  # a short run's drift is known well enough for so many times its length
_SAME_TIME_S = 0.0004

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Markers:
    """The moment of every sent code on one device, all arrays of shape (n_sent,).

    `run` is the run's index, `array_s` seconds from its clock segment's first code: received ("code" in `source`) or
    expected ("fit"). Where neither is known the source is "none", `run` -1 and `array_s` NaN, with the reason.
    `choices` are the runs and times between which an undecided code lies, pairs of shape (n_sent,), -1 and NaN where
    there is none.
    """

    run: Integers
    array_s: Floats
    source: NDArray[np.str_]
    reason: NDArray[np.str_]
    choices: tuple[tuple[Integers, Floats], tuple[Integers, Floats]]


@dataclass(frozen=True)
class _Side:
    """What the nearest trusted code before (or after) each sent one in its launch gives, arrays of shape (n_sent,).

    Its `run` and the time on that run's clock, -1 and NaN without one; how far it is apart; the residual drift there;
    whether the device recorded at that time; and whether the run's clock reaches that far.
    """

    run: Integers
    array_s: Floats
    apart_s: Floats
    residual_drift_s: Floats
    covered: Flags
    reached: Flags


def mark_codes(
    lists: CodeLists, pairing: Pairing, segments: Sequence[Segment] | None, rules: AlignmentRules
) -> Markers:
    """Time every sent code.

    Parameters
    ----------
    lists, pairing
        Both lists of codes and their pairs.
    segments
        Uninterrupted periods of recording, in order. If None, only the time from the first to the last code of each
        clock segment is taken for recorded.
    rules
        How far a clock is trusted.
    """
    before, after = (_side(lists, pairing, segments, rules, step=step) for step in (-1, 1))
    one_place = _one_place(pairing, before, after)
    own = pairing.trusted
    not_covered = NO_COVER if segments is None else NOT_RECORDED
    doubt = _doubts(before, after, one_place, rules, not_covered=not_covered)
    nowhere = (before.run == UNPAIRED) & (after.run == UNPAIRED)
    reasons: list[NDArray[np.str_] | str] = ["", _why_nowhere(lists, pairing), AT_BORDER]
    reason = np.select([own, nowhere, pairing.doubtful], reasons, doubt)
    known = reason == ""
    run = np.where(before.covered, before.run, after.run)
    array_s = np.where(before.covered, before.array_s, after.array_s)
    received_s = take_or(lists.array_s, pairing.received, np.nan)
    return Markers(
        run=np.select([own, known], [pairing.run, run], UNPAIRED),
        array_s=np.select([own, known], [received_s, array_s], np.nan),
        source=np.select([own, known], ["code", "fit"], "none"),
        reason=reason,
        choices=(_choice(before, ~known), _choice(after, ~known & ~one_place)),
    )


def _doubts(
    before: _Side, after: _Side, one_place: Flags, rules: AlignmentRules, *, not_covered: str
) -> NDArray[np.str_]:
    """Return why the clocks cannot time a code that did not come; empty where they can."""
    two_places = before.covered & after.covered & ~one_place
    jumped = one_place & _jumped(before, after, rules)
    bridged = (before.run == after.run) & (np.fmax(before.apart_s, after.apart_s) <= rules.widest_gap_s)
    near = bridged | (before.covered & before.reached) | (after.covered & after.reached)
    tests = [~(before.covered | after.covered), two_places | jumped, ~near]
    return np.select(tests, [not_covered, AT_BORDER, TOO_FAR], "")


def _one_place(pairing: Pairing, before: _Side, after: _Side) -> Flags:
    """Whether both sides put the code at the same moment."""
    at_once = np.abs(before.array_s - after.array_s) <= _SAME_TIME_S
    same = (before.run == after.run) | (
        (pairing.clock_segment_of(before.run) == pairing.clock_segment_of(after.run)) & at_once
    )
    return np.asarray(same & (before.run != UNPAIRED))


def _jumped(before: _Side, after: _Side, rules: AlignmentRules) -> Flags:
    """Whether the clock jumped somewhere between the two sides: no quartz drifts that fast."""
    step_s = np.abs(after.residual_drift_s - before.residual_drift_s)
    usual_s = (before.apart_s + after.apart_s) * rules.same_quartz_ppm * 1e-6
    return np.asarray((before.run == after.run) & (step_s > np.maximum(usual_s, _SAME_TIME_S)))


def _side(
    lists: CodeLists, pairing: Pairing, segments: Sequence[Segment] | None, rules: AlignmentRules, *, step: int
) -> _Side:
    """Look from every sent code back (step -1) or on (1) to the nearest trusted one of its launch."""
    at, there = _nearest_trusted(lists, pairing, step=step)
    run = np.where(there, pairing.run[at], UNPAIRED)
    array_s, residual_drift_s = np.full(len(at), np.nan), np.full(len(at), np.nan)
    covered, reach_s = np.zeros(len(at), bool), np.full(len(at), -1.0)
    for k, own in enumerate(pairing.runs):
        rows = np.flatnonzero(run == k)
        array_s[rows] = own.clock.array_s(lists.rig_s[rows])
        if len(rows):
            residual_drift_s[rows] = np.interp(lists.rig_s[at[rows]], own.clock.rig_s, own.clock.residual_drift_s)
            reach_s[rows] = min(rules.farthest_s, _SPANS_BEYOND * float(np.ptp(own.clock.rig_s)))
        for first_s, end_s in _spans(lists, own.clock_segment, segments):
            covered[rows] |= (array_s[rows] >= first_s) & (array_s[rows] < end_s)
    apart_s = np.where(there, np.abs(lists.rig_s - lists.rig_s[at]), np.inf)
    return _Side(run, array_s, apart_s, residual_drift_s, covered, apart_s <= reach_s)


def _nearest_trusted(lists: CodeLists, pairing: Pairing, *, step: int) -> tuple[Integers, Flags]:
    """Index of the nearest trusted code before or after each one, itself included, and whether there is any."""
    n = len(lists.code)
    if step < 0:
        at = np.maximum.accumulate(np.where(pairing.trusted, np.arange(n), -1))
    else:
        at = np.minimum.accumulate(np.where(pairing.trusted, np.arange(n), n)[::-1])[::-1]
    there = (at >= 0) & (at < n)
    at = np.where(there, at, 0)
    off_time = (pairing.run != UNPAIRED) & (pairing.run[at] != pairing.run)  # it was received: its run is known
    return at, there & (lists.launch[at] == lists.launch) & ~off_time


def _spans(lists: CodeLists, clock_segment: int, segments: Sequence[Segment] | None) -> list[tuple[float, float]]:
    if segments is None:
        own = lists.array_s[lists.clock_segment == clock_segment]
        return [(float(own[0]), float(own[-1]))]
    origin, hz = lists.origin_tick[clock_segment], lists.tick_hz
    return [
        ((s.first_tick - origin) / hz, (s.end_tick - origin) / hz) for s in segments if s.clock_segment == clock_segment
    ]


def _why_nowhere(lists: CodeLists, pairing: Pairing) -> NDArray[np.str_]:
    placed = [run.launch for run in pairing.runs]
    return np.where(np.isin(lists.launch, placed), NO_CLOCK, NOT_PLACED)


def _choice(side: _Side, undecided: Flags) -> tuple[Integers, Floats]:
    return np.where(undecided, side.run, UNPAIRED), np.where(undecided, side.array_s, np.nan)
