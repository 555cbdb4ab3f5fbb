"""When every sent code came or should have come on a device, and why that cannot be told where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.code_matching import UNPAIRED
from closedloop.recording.codes import WordLists
from closedloop.recording.pairing import Pairing
from closedloop.recording.run_search import AlignmentRules
from closedloop.recording.stretches import Stretch

NOT_PLACED = "the codes of its rig segment are not in the recording"
NOT_RECORDED = "the recorder was not recording"
NO_COVER = "its code was lost where no code tells whether the recorder ran"
AT_BORDER = "its code was lost next to a reset or jump of the recorder's clock"
TOO_FAR = "its code was lost too far from a received one to be timed"
NO_CLOCK = "the few codes around it do not agree on a clock"

_SPANS_BEYOND = 4.0  # a short run's drift is known well enough for so many times its length
_SAME_TIME_S = 0.0004

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Markers:
    """The moment of every sent code on one device, all arrays of shape (n_sent,).

    `run` is the run's index, `array_s` seconds from its epoch's first code: received ("code" in `source`) or expected
    ("fit"). Where neither is known the source is "none", `run` -1 and `array_s` NaN, with the reason. `choices` are the
    runs and times between which an undecided code lies, pairs of shape (n_sent,), -1 and NaN where there is none.
    """

    run: Integers
    array_s: Floats
    source: NDArray[np.str_]
    reason: NDArray[np.str_]
    choices: tuple[tuple[Integers, Floats], tuple[Integers, Floats]]


@dataclass(frozen=True)
class _Side:
    """What the nearest trusted code before (or after) each sent one in its segment says; -1 and NaN without one."""

    run: Integers
    array_s: Floats
    apart_s: Floats
    wander_s: Floats


def mark_codes(
    lists: WordLists, pairing: Pairing, stretches: Sequence[Stretch] | None, rules: AlignmentRules
) -> Markers:
    """Time every sent code.

    Parameters
    ----------
    lists, pairing
        Both lists of codes and who is whose.
    stretches
        When the device recorded. If None, only the time from the first to the last code of each epoch is taken for
        recorded.
    rules
        How far a clock is trusted.
    """
    before, after = _side(lists, pairing, step=-1), _side(lists, pairing, step=1)
    covered = [_covered(lists, pairing, side, stretches) for side in (before, after)]
    reached = [_reached(pairing, side) & (side.apart_s <= rules.farthest_s) for side in (before, after)]
    between = (before.run == after.run) & (before.run != UNPAIRED)
    bridged = between & (np.fmax(before.apart_s, after.apart_s) <= rules.widest_gap_s)
    same = between | (np.abs(before.array_s - after.array_s) <= _SAME_TIME_S) & _same_epoch(pairing, before, after)
    jumped = between & _jumped(before, after, rules)
    first = covered[0] & ~(covered[1] & ~same)
    second = covered[1] & ~covered[0]
    timed = np.where(first, bridged | reached[0] | (reached[1] & same), reached[1]) & (first | second) & ~jumped
    run = np.where(first, before.run, after.run)
    array_s = np.where(first, before.array_s, after.array_s)
    own = pairing.trusted
    run, array_s = np.where(own, pairing.run, run), np.where(own, _received_s(lists, pairing), array_s)
    known = own | timed
    tells = [covered[0] & covered[1] & ~same, jumped, first | second]
    doubt = np.select(tells, [AT_BORDER, AT_BORDER, TOO_FAR], NOT_RECORDED if stretches is not None else NO_COVER)
    nowhere = (before.run == UNPAIRED) & (after.run == UNPAIRED)
    doubt = np.where(nowhere, _why_nowhere(lists, pairing), doubt)
    undecided = ~known & ~nowhere
    return Markers(
        run=np.where(known, run, UNPAIRED),
        array_s=np.where(known, array_s, np.nan),
        source=np.select([own, timed], ["code", "fit"], "none"),
        reason=np.where(known, "", doubt),
        choices=(_choice(before, undecided), _choice(after, undecided & ~same)),
    )


def _side(lists: WordLists, pairing: Pairing, *, step: int) -> _Side:
    """Look from every sent code back (step -1) or on (1) to the nearest trusted one of its segment."""
    n = len(lists.code)
    if step < 0:
        at = np.maximum.accumulate(np.where(pairing.trusted, np.arange(n), -1))
    else:
        at = np.minimum.accumulate(np.where(pairing.trusted, np.arange(n), n)[::-1])[::-1]
    there = (at >= 0) & (at < n)
    at = np.where(there, at, 0)
    there &= lists.segment[at] == lists.segment
    matched = pairing.run != UNPAIRED
    there &= ~matched | (pairing.run[at] == pairing.run)  # a late code was received: its run is known
    run = np.where(there, pairing.run[at], UNPAIRED)
    array_s, wander_s = np.full(n, np.nan), np.full(n, np.nan)
    for k, own in enumerate(pairing.runs):
        rows = np.flatnonzero(run == k)
        array_s[rows] = own.clock.array_s(lists.rig_s[rows])
        wander_s[rows] = np.interp(lists.rig_s[at[rows]], own.clock.rig_s, own.clock.wander_s)
    return _Side(run, array_s, np.where(there, np.abs(lists.rig_s - lists.rig_s[at]), np.inf), wander_s)


def _covered(lists: WordLists, pairing: Pairing, side: _Side, stretches: Sequence[Stretch] | None) -> Flags:
    """Whether the device recorded at the time that a side gives."""
    covered = np.zeros(len(side.run), bool)
    for k, run in enumerate(pairing.runs):
        rows = np.flatnonzero(side.run == k)
        for first_s, end_s in _spans(lists, run.epoch, stretches):
            covered[rows] |= (side.array_s[rows] >= first_s) & (side.array_s[rows] < end_s)
    return covered


def _spans(lists: WordLists, epoch: int, stretches: Sequence[Stretch] | None) -> list[tuple[float, float]]:
    if stretches is None:
        own = lists.array_s[lists.epoch == epoch]
        return [(float(own[0]), float(own[-1]))]
    origin, hz = lists.origin_tick[epoch], lists.tick_hz
    return [((s.first_tick - origin) / hz, (s.end_tick - origin) / hz) for s in stretches if s.epoch == epoch]


def _reached(pairing: Pairing, side: _Side) -> Flags:
    """Whether the run is long enough to be followed that far beyond its codes."""
    lengths = [float(np.ptp(run.clock.rig_s)) if len(run.clock.rig_s) else 0.0 for run in pairing.runs]
    reach = np.array([*(_SPANS_BEYOND * length for length in lengths), -1.0])
    return np.asarray(side.apart_s <= reach[side.run])


def _same_epoch(pairing: Pairing, before: _Side, after: _Side) -> Flags:
    epoch = np.array([*(run.epoch for run in pairing.runs), UNPAIRED])
    return np.asarray(epoch[before.run] == epoch[after.run])


def _jumped(before: _Side, after: _Side, rules: AlignmentRules) -> Flags:
    """Whether the clock jumped somewhere between the two sides: no quartz wanders that fast."""
    step_s = np.abs(after.wander_s - before.wander_s)
    usual_s = (before.apart_s + after.apart_s) * rules.same_quartz_ppm * 1e-6
    return np.asarray(step_s > np.maximum(usual_s, _SAME_TIME_S))


def _received_s(lists: WordLists, pairing: Pairing) -> Floats:
    return np.append(lists.array_s, np.nan)[pairing.received]


def _why_nowhere(lists: WordLists, pairing: Pairing) -> NDArray[np.str_]:
    placed = [run.segment for run in pairing.runs]
    return np.where(np.isin(lists.segment, placed), NO_CLOCK, NOT_PLACED)


def _choice(side: _Side, undecided: Flags) -> tuple[Integers, Floats]:
    return np.where(undecided, side.run, UNPAIRED), np.where(undecided, side.array_s, np.nan)
