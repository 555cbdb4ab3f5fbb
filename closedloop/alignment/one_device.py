"""What one device saw of the session: codes, their moments, and the onsets of its own photodiode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.code_lists import CodeLists, code_lists
from closedloop.alignment.code_matching import UNPAIRED
from closedloop.alignment.markers import Markers, mark_codes
from closedloop.alignment.pairing import Pairing, pair_codes
from closedloop.alignment.photodiode import LatencyTrack, PhotodiodeOnsets, find_onsets, nearest_edge
from closedloop.alignment.placement import place_runs
from closedloop.alignment.run_search import AlignmentRules
from closedloop.errors import AlignmentError, ClockRateError
from closedloop.recording.clock_limits import MOST_CLOCK_PPM
from closedloop.recording.codes import Edges, ReceivedCodes, SentCodes
from closedloop.recording.lookup import take_or
from closedloop.recording.segments import Segment

_BETWEEN_CLOCK_SEGMENTS_S = 10.0

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class OneDevice:
    """A device's side of an alignment.

    `photodiode_tick` is the photodiode onset of each sent code, NaN where this device recorded none, shape (n_sent,).
    """

    lists: CodeLists
    pairing: Pairing
    markers: Markers
    photodiode: PhotodiodeOnsets
    photodiode_tick: Floats

    @property
    def clock_segment(self) -> Integers:
        """Clock segment of every sent code, -1 where unknown, shape (n_sent,)."""
        return self.pairing.clock_segment_of(self.markers.run)

    @property
    def marker_tick(self) -> Floats:
        """Return when every code came or should have come, in ticks; NaN where unknown, shape (n_sent,)."""
        return _per_clock_segment(self.lists, self.clock_segment, self.markers.array_s)


def align_device(
    sent: SentCodes,
    received: ReceivedCodes,
    *,
    edges: Edges | None,
    segments: Sequence[Segment] | None,
    rules: AlignmentRules,
    place: str,
) -> OneDevice:
    """Find the sent codes, and their photodiode onsets, in what one device received.

    Parameters
    ----------
    sent, received
        Digital codes of the rig, (n_sent,), and of the device, (n_received,).
    edges
        Rising edges of its photodiode; None where none was recorded.
    segments
        Uninterrupted periods of recording, in order; None where unknown.
    rules
        What is accepted.
    place
        What an error message calls the recording.

    Raises
    ------
    AlignmentError
        Too few of the codes are in the recording: it belongs to another session. Or the clocks run further apart than
        any two do.
    """
    matching = rules.matching
    lists = code_lists(sent, received, code_bits=matching.code_bits, echo_s=matching.echo_s)
    _check_any(lists, place)
    placement = place_runs(lists, rules)
    if not placement.runs:
        raise _other_session(lists, 0, rules, place)
    pairing = pair_codes(lists, placement, rules)
    _check_share(lists, pairing, rules, place)
    _check_drift(pairing, place)
    markers = mark_codes(lists, pairing, segments, rules)
    return _add_photodiode(lists, pairing, markers, edges, is_lit=sent.is_lit, rules=rules)


def _check_any(lists: CodeLists, place: str) -> None:
    n_heard = int(np.count_nonzero(~lists.is_rest))
    if len(lists.code) == 0 or n_heard == 0:
        raise AlignmentError(
            f"{place}: expected codes to align, found {len(lists.code)} in the journal and {n_heard} in the recording. "
            "Give a journal and a recording with codes; was the recorder's digital input connected?"
        )


def _check_share(lists: CodeLists, pairing: Pairing, rules: AlignmentRules, place: str) -> None:
    paired = pairing.received != UNPAIRED
    n_equal = int(np.count_nonzero(lists.value[pairing.received[paired]] == lists.code[paired]))
    n_heard = int(np.count_nonzero(~(lists.is_rest | lists.is_echo)))
    if n_equal < rules.smallest_share * min(len(lists.code), n_heard):
        raise _other_session(lists, n_equal, rules, place)


def _check_drift(pairing: Pairing, place: str) -> None:
    """Refuse clocks that no two quartzes are: every window and every rate would be wrong by as much."""
    drift_ppm = max((run.clock.fit.drift_ppm for run in pairing.runs), key=abs)
    if not abs(drift_ppm) <= MOST_CLOCK_PPM:
        raise ClockRateError(
            f"{place}: expected a clock within {MOST_CLOCK_PPM:g} ppm of the rig's, found one that drifts by "
            f"{drift_ppm:+.0f} ppm. Restore the files as the recorder wrote them, with their sampling rates, and the "
            "journal as the rig did."
        )


def _other_session(lists: CodeLists, n_equal: int, rules: AlignmentRules, place: str) -> AlignmentError:
    return AlignmentError(
        f"{place}: expected at least {rules.smallest_share:.0%} of the journal's {len(lists.code)} codes, or of those "
        f"received, to be equal, found {n_equal} of them among {len(lists.value)} received. The recording belongs to "
        "another session: give the one that was made with this journal."
    )


def _add_photodiode(
    lists: CodeLists,
    pairing: Pairing,
    markers: Markers,
    edges: Edges | None,
    *,
    is_lit: NDArray[np.bool_],
    rules: AlignmentRules,
) -> OneDevice:
    nothing = np.zeros(len(lists.code))
    track = LatencyTrack(nothing + np.nan, nothing - 1)
    unlit = OneDevice(
        lists,
        pairing,
        markers,
        PhotodiodeOnsets(nothing.astype(int) - 1, nothing > 0, nothing > 0, track),
        track.latency_ms,
    )
    if edges is None or len(edges.tick) == 0:
        return unlit
    kept = np.isin(edges.clock_segment, list(lists.origin_tick))
    clock_segment, tick = np.asarray(edges.clock_segment, np.int64)[kept], np.asarray(edges.tick, np.float64)[kept]
    edge_s = _seconds(lists, clock_segment, tick)
    base = _bases(lists, unlit.clock_segment, markers.array_s, clock_segment, edge_s)
    axis_s = edge_s + base[clock_segment]
    # By the clock, not by the code: a code that came .6 ms late would make its own onset look early.
    on_clock_s = markers.array_s - np.where(markers.source == "code", pairing.late_s, 0.0)
    marker_s = np.where(is_lit, on_clock_s + base[unlit.clock_segment], np.nan)
    photodiode = find_onsets(marker_s, axis_s, window_ms=rules.photodiode_window_ms, frame_ms=rules.frame_ms)
    photodiode, markers = _decide_by_photodiode(pairing, markers, photodiode, axis_s, base, is_lit=is_lit)
    return OneDevice(lists, pairing, markers, photodiode, take_or(tick, photodiode.edge, np.nan))


def _decide_by_photodiode(
    pairing: Pairing,
    markers: Markers,
    photodiode: PhotodiodeOnsets,
    axis_s: Floats,
    base: Floats,
    *,
    is_lit: NDArray[np.bool_],
) -> tuple[PhotodiodeOnsets, Markers]:
    """Decide by the photodiode where a lost code lay that could have been in two places."""
    taken = np.zeros(len(axis_s) + 1, bool)
    taken[photodiode.edge[photodiode.edge >= 0]] = True
    found = []
    for run, array_s in markers.choices:
        expected_s = (
            np.where(is_lit, array_s + base[pairing.clock_segment_of(run)], np.nan) + photodiode.track.latency_ms / 1000
        )
        edge = nearest_edge(expected_s, axis_s, photodiode.track.tolerance_ms)
        found.append(np.where(taken[edge], UNPAIRED, edge))
    for (run, array_s), edge, other in zip(markers.choices, found, found[::-1], strict=True):
        seen = (edge >= 0) & (other < 0)
        markers = replace(
            markers,
            run=np.where(seen, run, markers.run),
            array_s=np.where(seen, array_s, markers.array_s),
            source=np.where(seen, "fit", markers.source),
            reason=np.where(seen, "", markers.reason),
        )
        photodiode = replace(photodiode, edge=np.where(seen, edge, photodiode.edge))
    return photodiode, markers


def _bases(
    lists: CodeLists, code_clock_segment: Integers, code_s: Floats, edge_clock_segment: Integers, edge_s: Floats
) -> Floats:
    """Return where each clock segment starts on an axis on which they follow one another; NaN where there is none."""
    base = np.full(max(lists.origin_tick) + 2, np.nan)
    end_s = 0.0
    for clock_segment in sorted(lists.origin_tick):
        times = np.concatenate(
            [code_s[code_clock_segment == clock_segment], edge_s[edge_clock_segment == clock_segment], [0.0]]
        )
        base[clock_segment] = end_s - float(np.nanmin(times))
        end_s = base[clock_segment] + float(np.nanmax(times)) + _BETWEEN_CLOCK_SEGMENTS_S
    return base


def _seconds(lists: CodeLists, clock_segment: Integers, tick: Floats) -> Floats:
    origin = np.zeros(max(lists.origin_tick) + 1)
    for one, first in lists.origin_tick.items():
        origin[one] = first
    return np.asarray((tick - origin[clock_segment]) / lists.tick_hz)


def _per_clock_segment(lists: CodeLists, clock_segment: Integers, array_s: Floats) -> Floats:
    tick = np.full(len(clock_segment), np.nan)
    for one in lists.origin_tick:
        own = clock_segment == one
        tick[own] = lists.ticks(one, array_s[own])
    return tick
