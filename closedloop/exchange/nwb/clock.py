"""One clock for a session: NWB knows a single time axis, while every processor of a recorder counts on its own.

The axis is that of the first processor with onsets: seconds of its clock, the runs of it in order. Between two runs
lies as long as another clock that ran on says: another processor's, the rig's, or the dates in the files' headers.
Each run of another processor's clock is laid on the axis by a line through the onsets that both recorded: a shift
alone is 45 ms wrong after five hours at 5 ppm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from closedloop.devices.device import Device
from closedloop.recording.segments import ClockSegment, clock_segments_of

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

_STARTED_WITH_S = 60.0  # a clock that counts more than that at the first sample was running before the recording
_OUTLIER = 6.0  # times the usual distance from the line: a code that was mistaken for another
_STUB_S = 0.1  # two processors are synchronized by a stub of a few samples and a reset
_PTP_HZ = 1_000_000_000
_LEAST_S = 1.0  # onsets that tell a clock's rate are at least so far apart


@dataclass(frozen=True)
class ClockPiece:
    """A stretch of one clock segment of a processor, and the line that lays it on the session's axis.

    A moment is `offset_s` + (tick - `origin_tick`) / `ticks_per_s`.

    Attributes
    ----------
    first_tick, end_tick
        Of the stretch, in which the line is used.
    n_onsets, residual_ms
        By how many onsets it was fitted, and how far they lie from it (median of the absolute distances); 0 and 0 of
        the processor whose clock the axis is.
    """

    processor: int
    clock_segment: int
    first_tick: int
    end_tick: int
    origin_tick: int
    ticks_per_s: float
    offset_s: float
    n_onsets: int = 0
    residual_ms: float = 0.0

    def seconds(self, tick: Integers | Floats) -> Floats:
        """Return moments of the stretch on the axis, any shape."""
        return np.asarray(self.offset_s + (tick - self.origin_tick) / self.ticks_per_s, np.float64)


@dataclass(frozen=True)
class ClockOnsets:
    """When a session's presentations came on by a processor's clock, (n_presentations,); NaN where unknown."""

    processor: int
    clock_segment: NDArray[np.int64]
    tick: Floats


@dataclass(frozen=True)
class RigTimes:
    """The same by the rig's clock: which launch of it, and seconds."""

    launch: NDArray[np.int64]
    onset_s: Floats


@dataclass(frozen=True)
class SessionClock:
    """The axis of a session, and how each processor's clock lies on it.

    Attributes
    ----------
    reference
        Number of the processor whose clock the axis is.
    pieces
        By processor, clock segment and tick.
    unplaced
        (processor, clock segment) of which nothing says where they lie on the axis.
    begun_before_s
        How long before the reference's own start another processor began: the axis begins there.
    """

    reference: int
    pieces: tuple[ClockPiece, ...]
    unplaced: tuple[tuple[int, int], ...] = ()
    begun_before_s: float = 0.0

    def of(self, processor: int, clock_segment: int) -> tuple[ClockPiece, ...]:
        """Return the pieces of a processor's clock segment, in order; none where it has no place on the axis."""
        return tuple(one for one in self.pieces if (one.processor, one.clock_segment) == (processor, clock_segment))

    def of_processor(self, processor: int) -> tuple[ClockPiece, ...]:
        """Return the pieces of a processor, in order."""
        return tuple(one for one in self.pieces if one.processor == processor)

    def seconds(self, processor: int, clock_segment: Integers, tick: Integers | Floats) -> Floats:
        """Return moments of a processor on the axis, (n,); NaN where they have no place on it.

        Parameters
        ----------
        processor
            Its number.
        clock_segment, tick
            Of the moments, (n,).
        """
        found = np.full(len(tick), np.nan)
        for number in np.unique(clock_segment).tolist():
            pieces = self.of(processor, number)
            own = np.flatnonzero(clock_segment == number)
            within = np.searchsorted([piece.end_tick for piece in pieces[:-1]], tick[own], side="right")
            for place, piece in enumerate(pieces):
                here = own[within == place]
                found[here] = piece.seconds(tick[here])
        return found

    def onsets(self, devices: Sequence[ClockOnsets]) -> Floats:
        """Return when presentations came on, (n_presentations,): by the first processor that knows it.

        Parameters
        ----------
        devices
            What each processor says, the reference's first.
        """
        ordered = sorted(devices, key=lambda one: one.processor != self.reference)
        found = np.full(len(ordered[0].tick), np.nan)
        for one in ordered:
            open_ = np.flatnonzero(np.isnan(found) & np.isfinite(one.tick))
            found[open_] = self.seconds(one.processor, one.clock_segment[open_], one.tick[open_])
        return found


def session_clock(devices: Sequence[Device], onsets: Sequence[ClockOnsets], rig: RigTimes) -> SessionClock:
    """Lay the clocks of a session's processors on one axis.

    Parameters
    ----------
    devices
        What was recorded, by processor.
    onsets
        When presentations came on, on each of them.
    rig
        And by the rig.
    """
    of_device = {one.processor: one for one in onsets}
    known = [one for one in devices if one.processor in of_device and np.isfinite(of_device[one.processor].tick).any()]
    reference = (known or list(devices))[0]
    others = [one for one in devices if one is not reference]
    witnesses = [_witness(of_device[one.processor], one.tick_hz) for one in others if one.processor in of_device]
    own = of_device.get(reference.processor)
    axis = _reference_pieces(reference, own, [*witnesses, (rig.launch, rig.onset_s)])
    clock = SessionClock(reference.processor, axis)
    seen_s = clock.onsets([own]) if own is not None else np.full(len(rig.onset_s), np.nan)
    on_axis = _filled_by_rig(seen_s, rig)
    pieces, unplaced = list(axis), list[tuple[int, int]]()
    for device in others:
        for segment in clock_segments_of(device.segments):
            found = _pieces_of(device, segment, of_device.get(device.processor), own, (seen_s, on_axis))
            found = found or _of_one_network(device, segment, reference, axis)
            pieces += found
            if not found and (segment.end_tick - segment.first_tick) / device.tick_hz > _STUB_S:
                unplaced.append((device.processor, segment.clock_segment))
    return _from_the_earliest(SessionClock(reference.processor, tuple(pieces), tuple(unplaced)))


def _from_the_earliest(clock: SessionClock) -> SessionClock:
    """Return the same with the axis begun where the first processor did: NWB knows no time below 0."""
    earliest = min((float(one.seconds(np.array(one.first_tick))) for one in clock.pieces), default=0.0)
    if earliest >= 0:
        return clock
    moved = tuple(replace(one, offset_s=one.offset_s - earliest) for one in clock.pieces)
    return replace(clock, pieces=moved, begun_before_s=-earliest)


def _witness(onsets: ClockOnsets, tick_hz: int) -> tuple[NDArray[np.int64], Floats]:
    return onsets.clock_segment, onsets.tick / tick_hz


def _reference_pieces(
    device: Device, onsets: ClockOnsets | None, witnesses: Sequence[tuple[NDArray[np.int64], Floats]]
) -> tuple[ClockPiece, ...]:
    """Lay the runs of the axis's own clock one after the other, with what lay between them."""
    segments, hz = clock_segments_of(device.segments), device.tick_hz
    starts = _starts(device)
    pieces: list[ClockPiece] = []
    for one in segments:
        if not pieces:
            began = one.first_tick if one.first_tick / hz > _STARTED_WITH_S else 0
            pieces.append(_own_piece(device, one, began, 0.0))
            continue
        before = pieces[-1]
        end_s = float(before.seconds(np.array(before.end_tick)))
        piece = _own_piece(device, one, one.first_tick, end_s)
        pause_s = _pause(before, piece, onsets, witnesses)
        if pause_s is None and {before.clock_segment, one.clock_segment} <= starts.keys():
            apart_s = (starts[one.clock_segment] - starts[before.clock_segment]).total_seconds()
            pause_s = apart_s - (before.end_tick - before.first_tick) / hz if apart_s else None
        pieces.append(_own_piece(device, one, one.first_tick, end_s + max(pause_s or 0.0, 0.0)))
    return tuple(pieces)


def _own_piece(device: Device, segment: ClockSegment, origin_tick: int, offset_s: float) -> ClockPiece:
    return ClockPiece(
        device.processor,
        segment.clock_segment,
        segment.first_tick,
        segment.end_tick,
        origin_tick,
        float(device.tick_hz),
        offset_s,
    )


def _pause(
    before: ClockPiece,
    after: ClockPiece,
    onsets: ClockOnsets | None,
    witnesses: Sequence[tuple[NDArray[np.int64], Floats]],
) -> float | None:
    """Return how long nothing was counted between two runs of a clock, by the first other clock that ran on."""
    if onsets is None:
        return None
    first, second = (
        np.flatnonzero((onsets.clock_segment == one.clock_segment) & np.isfinite(onsets.tick))
        for one in (before, after)
    )
    for label, time_s in witnesses:
        known = np.isfinite(time_s)
        for earlier in first[known[first]][::-1]:
            later = second[known[second] & (label[second] == label[earlier])]
            if len(later):
                here = after.seconds(onsets.tick[later[0]]) - before.seconds(onsets.tick[earlier])
                return float(time_s[later[0]] - time_s[earlier] - here)
    return None


def _starts(device: Device) -> Mapping[int, datetime]:
    """Return when each recording of a processor began, by its first clock segment, where the files say."""
    return {part.first_clock_segment: part.started for part in device.parts if part.started is not None}


def _filled_by_rig(seen_s: Floats, rig: RigTimes) -> Floats:
    """Return onsets on the axis, those that its own clock did not see by a line through the rig's times of a launch."""
    filled = seen_s.copy()
    for launch in np.unique(rig.launch):
        own = rig.launch == launch
        both = own & np.isfinite(seen_s) & np.isfinite(rig.onset_s)
        if both.any():
            line = fit_line(rig.onset_s[both], seen_s[both], nominal=1.0)
            missing = own & ~np.isfinite(seen_s)
            filled[missing] = line.at(rig.onset_s[missing])
    return filled


@dataclass(frozen=True)
class FittedLine:
    """A line through points, and how far they lie from it."""

    slope: float
    here: float
    there: float
    n_points: int
    residual: float

    def at(self, here: Floats) -> Floats:
        """Return the line's values, any shape."""
        return np.asarray(self.there + (here - self.here) * self.slope)


def fit_line(here: Floats, there: Floats, *, nominal: float) -> FittedLine:
    """Fit a line by least squares, without points that lie far from where most do.

    Parameters
    ----------
    here, there
        The points, (n,), at least one.
    nominal
        The slope where the points are too near to one another to tell.
    """
    kept = np.ones(len(here), bool)
    for _ in range(3):
        x, y = here[kept], there[kept]
        middle_x, middle_y = float(x.mean()), float(y.mean())
        spread = float(((x - middle_x) ** 2).sum())
        tells = float(np.ptp(x)) * nominal >= _LEAST_S
        slope = float(((x - middle_x) * (y - middle_y)).sum()) / spread if tells else nominal
        distance = np.abs(there - (middle_y + (here - middle_x) * slope))
        usual = float(np.median(distance[kept]))
        within = distance <= max(_OUTLIER * usual, 1e-4)
        if within.sum() < 2 or (within == kept).all():
            break
        kept = within
    return FittedLine(slope, middle_x, middle_y, int(kept.sum()), usual)


def _pieces_of(
    device: Device,
    segment: ClockSegment,
    onsets: ClockOnsets | None,
    reference: ClockOnsets | None,
    axis_s: tuple[Floats, Floats],
) -> list[ClockPiece]:
    """Lay a clock segment on the axis: a line for each run of the axis's clock that it saw onsets of."""
    if onsets is None:
        return []
    seen_s, filled_s = axis_s
    own = (onsets.clock_segment == segment.clock_segment) & np.isfinite(onsets.tick)
    there = seen_s if (own & np.isfinite(seen_s)).sum() >= 2 else filled_s
    rows = np.flatnonzero(own & np.isfinite(there))
    if not len(rows):
        return []
    run = reference.clock_segment[rows] if reference is not None else np.zeros(len(rows), np.int64)
    run = np.where(np.isfinite(seen_s[rows]), run, -1)
    numbers = [number for number in np.unique(run).tolist() if number >= 0] or [-1]
    most = max(numbers, key=lambda number: int((run == number).sum()))
    own_rows = rows[run == most]  # by which its rate is told where too few onsets do: it is one clock
    usual = fit_line(onsets.tick[own_rows], there[own_rows], nominal=1 / device.tick_hz).slope
    pieces: list[ClockPiece] = []
    last_tick = 0.0
    for number in numbers:
        here = rows[run == number]
        ticks = onsets.tick[here]
        line = fit_line(ticks - segment.first_tick, there[here], nominal=usual)
        start = segment.first_tick
        if pieces:  # from the middle between the last onset of one run and the first of the next
            start = int((last_tick + ticks.min()) // 2)
            pieces[-1] = replace(pieces[-1], end_tick=start)
        pieces.append(
            ClockPiece(
                device.processor,
                segment.clock_segment,
                start,
                segment.end_tick,
                segment.first_tick,
                1 / line.slope,
                float(line.at(np.array(0.0))),
                line.n_points,
                1000 * line.residual,
            )
        )
        last_tick = float(ticks.max())
    return pieces


def _of_one_network(
    device: Device, segment: ClockSegment, reference: Device, axis: Sequence[ClockPiece]
) -> list[ClockPiece]:
    """Lay a clock segment without onsets beside the axis's where both count the nanoseconds of one network (PTP)."""
    if device.tick_hz != reference.tick_hz or device.tick_hz != _PTP_HZ:
        return []
    over = [one for one in axis if one.first_tick < segment.end_tick and segment.first_tick < one.end_tick]
    return [
        ClockPiece(
            device.processor,
            segment.clock_segment,
            segment.first_tick,
            segment.end_tick,
            one.origin_tick,
            one.ticks_per_s,
            one.offset_s,
        )
        for one in over[:1]
    ]


def session_start(devices: Sequence[Device], clock: SessionClock) -> datetime | None:
    """Return when the axis begins, by the dates in the files of its processor or of any; None where none has one."""
    ordered = sorted(devices, key=lambda one: one.processor != clock.reference)
    for device in ordered:
        starts = [part.started for part in device.parts if part.started is not None]
        if starts:
            return min(starts) - timedelta(seconds=clock.begun_before_s)
    return None
