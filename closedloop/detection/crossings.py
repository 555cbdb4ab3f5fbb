"""Threshold crossings of one piece of a segment, and of the pieces that make up a recording.

A piece is a window of `Definition.threshold_s` seconds, counted from the start of its segment; the last one of a
segment is shorter. Where a threshold comes from, and whether a crossing at the first sample is one, depends on the
piece before: whoever starts in the middle of a segment computes that one too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from closedloop.detection.bridging import BridgedSource
from closedloop.detection.definitions import Definition
from closedloop.detection.dropouts import (
    Dropout,
    RowsInPassing,
    find_dropouts,
    rows_gone,
    rows_in_passing,
)
from closedloop.detection.filter_design import NO_SECTIONS, Filters, design
from closedloop.detection.filtering import Window, filter_window, search
from closedloop.detection.loops.called import order_of_crossings
from closedloop.detection.loops.tiles import BLOCK, LANES
from closedloop.detection.noise import MAD_OF_NORMAL, bracket, exact_median, middle_in_bracket
from closedloop.detection.search import UNDER, SearchResult, Seek, allocate, sizes, steps
from closedloop.recording.banks import banks_of
from closedloop.recording.source import SampleSource

LEAST_NOISE_BITS = 0.1  # less than the error of turning a voltage into whole bits (0.29): the channel is flat
_SPOTS, _SPOT_ROWS = 8, 256  # where the noise is looked at beforehand: 0.7 % of ten seconds
_SPOT_MARGIN_SHARE = 3  # of the filter's memory: within one in a hundred, which does for a look

Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class DetectionPiece:
    """Samples start to stop (exclusive) of a segment."""

    segment: int
    start: int
    stop: int


def pieces_of(source: SampleSource, definition: Definition) -> tuple[DetectionPiece, ...]:
    """Cut all segments of a recording, in order, into the windows in which the noise is measured."""
    length = round(definition.threshold_s * source.rate_hz)
    return tuple(
        DetectionPiece(number, start, min(start + length, segment.n_samples))
        for number, segment in enumerate(source.segments)
        for start in range(0, segment.n_samples, length)
    )


def samples_read(
    source: SampleSource, definition: Definition, pieces: Sequence[DetectionPiece]
) -> tuple[DetectionPiece, ...]:
    """Return what is read to compute pieces that follow one another, but where a dropout reaches further.

    Parameters
    ----------
    source
        The recording.
    definition
        What counts as a spike.
    pieces
        In order.

    Returns
    -------
    tuple
        One span a segment.
    """
    filters, length = design(definition, source.rate_hz), round(definition.threshold_s * source.rate_hz)
    before = _depth(definition) * length + filters.lead + BLOCK
    spans = dict[int, DetectionPiece]()
    for piece in pieces:
        start = spans[piece.segment].start if piece.segment in spans else max(piece.start - before, 0)
        stop = min(piece.stop + filters.lookahead + BLOCK, source.segments[piece.segment].n_samples)
        spans[piece.segment] = DetectionPiece(piece.segment, start, stop)
    return tuple(spans.values())


@dataclass(frozen=True)
class PieceCrossings:
    """What was found in a piece.

    Attributes
    ----------
    sample, channel
        Crossings in order of sample, then channel, (n_crossings,); samples count from the segment's start.
    noise
        Of each channel, in bits, (n_channels,); below `LEAST_NOISE_BITS` a channel is flat and has no crossings.
    dropouts
        Where all electrodes of a bank stood still: no part of the noise, and without crossings.
    """

    piece: DetectionPiece
    sample: NDArray[np.int64]
    channel: NDArray[np.int64]
    noise: NDArray[np.float64]
    dropouts: tuple[Dropout, ...] = ()


@dataclass(frozen=True)
class _Before:
    """What a piece has to know of the one before: its noise in the filters' scale, and which channels ended in a spike.

    `noise` is None at the start of a segment, and NaN on a channel of which nothing was measured.
    """

    noise: Floats32 | None
    under: NDArray[np.bool_]


@dataclass(frozen=True)
class Detector:
    """A definition at work on a source; `banks` has that of each channel.

    `found` is for what is seen in a piece, `room` for what is filtered of it.
    """

    source: SampleSource
    definition: Definition
    filters: Filters
    found: SearchResult
    rank: NDArray[np.int64]
    banks: NDArray[np.int64]
    room: Floats32
    chunk_samples: int | None = None

    @property
    def piece_samples(self) -> int:
        """Length of a piece."""
        return round(self.definition.threshold_s * self.source.rate_hz)

    @property
    def threshold_per_median(self) -> np.float32:
        """Threshold in units of median |v|."""
        return np.float32(self.definition.multiple / MAD_OF_NORMAL)

    @property
    def least_median(self) -> np.float32:
        """Median |v|, in the filters' scale, below which a channel is flat."""
        return np.float32(LEAST_NOISE_BITS * MAD_OF_NORMAL / self.filters.gain)


def detector_of(
    source: SampleSource,
    definition: Definition,
    *,
    electrode_ids: Sequence[int],
    chunk_samples: int | None = None,
) -> Detector:
    """Prepare a definition's work on a source whose columns are these electrodes.

    Parameters
    ----------
    source
        Samples in bits.
    definition
        What counts as a spike.
    electrode_ids
        The electrode of each channel.
    chunk_samples
        How many samples are read at a time, at most; None leaves it to the filter.

    Raises
    ------
    ValueError
        The source has another number of channels, or its rate is too low for the definition.
    """
    if len(electrode_ids) != source.n_channels:
        raise ValueError(f"{source.n_channels} channels, {len(electrode_ids)} electrode ids")
    filters = design(definition, source.rate_hz)
    longest = max((piece.stop - piece.start for piece in pieces_of(source, definition)), default=0)
    n_measured = -(-longest // definition.noise_every)
    found = allocate(-(-source.n_channels // LANES), longest, n_measured=n_measured)
    rank = np.argsort(np.argsort(np.asarray(electrode_ids)))
    room = np.empty((longest + filters.lookahead) * LANES, np.float32)  # a tile of a piece
    return Detector(source, definition, filters, found, rank, banks_of(electrode_ids), room, chunk_samples)


def crossings(detector: Detector, pieces: Sequence[DetectionPiece]) -> Iterator[PieceCrossings]:
    """Find the crossings of pieces that follow one another, in order."""
    before: _Before | None = None
    for piece in pieces:
        if before is None or piece.start == 0:
            before = _before(detector, piece)
        found, before = _search_piece(detector, piece, before)
        yield found


def _before(detector: Detector, piece: DetectionPiece) -> _Before:
    """Compute as many pieces before one as decide whether its first sample is a crossing."""
    before = _Before(None, np.ones(detector.source.n_channels, bool))
    length = detector.piece_samples
    for start in range(piece.start - _depth(detector.definition) * length, piece.start, length):
        if start >= 0:
            earlier = DetectionPiece(piece.segment, start, start + length)
            before = _search_piece(detector, earlier, before)[1]
    return before


def _depth(definition: Definition) -> int:
    """Return how many pieces before one decide whether its first sample is a crossing."""
    return 2 if definition.noise_from == "before" else 1


def _search_piece(detector: Detector, piece: DetectionPiece, before: _Before) -> tuple[PieceCrossings, _Before]:
    span = piece.segment, piece.start, piece.stop
    window = Window(detector.source, detector.filters, *span, detector.chunk_samples, room=detector.room)
    known = before.noise if detector.definition.noise_from == "before" else None
    bridged = detector.source.bridged(piece.segment, piece.start, piece.stop) - piece.start
    seen = _look(detector, window, known, _measured(detector, piece, bridged))
    decisive = seen.median if known is None else np.where(np.isnan(known), seen.median, known)
    threshold = np.where(decisive < detector.least_median, -np.inf, detector.threshold_per_median * decisive)
    sample, channel, under = _judge(detector, seen, threshold.astype(np.float32), before.under, bridged)
    noise = seen.median.astype(np.float64) * detector.filters.gain / MAD_OF_NORMAL
    found = PieceCrossings(piece, piece.start + sample, channel, noise, seen.dropouts)
    return found, _Before(np.where(seen.unmeasured, np.float32(np.nan), seen.median), under)


def _judge(
    detector: Detector,
    seen: _Seen,
    threshold: Floats32,
    under_before: NDArray[np.bool_],
    bridged: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return row and channel of each crossing, in order, and which channels' last sample is under the threshold."""
    kept = np.concatenate([np.zeros(0, UNDER), *seen.kept.values()])
    first_kept = np.cumsum([0, *(len(seen.kept.get(n, ())) for n in range(len(threshold)))])
    is_under, order = under_before.copy(), np.empty(seen.n_under.sum() + len(kept), np.int64)
    n_crossings = order_of_crossings(
        detector.found.under,
        seen.n_under,
        kept,
        first_kept,
        threshold,
        is_under,
        bridged,
        seen.n_rows,
        detector.rank,
        order,
    )
    row, rank = np.divmod(np.sort(order[:n_crossings]), len(threshold))
    return row, np.argsort(detector.rank)[rank], is_under


@dataclass
class _Seen:
    """Median |v| of each channel in the filters' scale, and the samples among which its spikes are.

    These are the first `n_under` of the detector's `found.under`, or else those `kept`, by channel.
    `unmeasured` says of which channels the piece has no measurement at all, `gone` which rows are none, by channel;
    `passed` are some of the rows as they were read, in which dropouts are looked for.
    """

    n_rows: int
    median: Floats32
    n_under: NDArray[np.int64]
    unmeasured: NDArray[np.bool_]
    passed: RowsInPassing
    kept: dict[int, NDArray[np.void]] = field(default_factory=dict)
    dropouts: tuple[Dropout, ...] = ()
    gone: dict[int, NDArray[np.bool_]] = field(default_factory=dict)


def _look(detector: Detector, window: Window, known: Floats32 | None, measured: NDArray[np.bool_]) -> _Seen:
    """Go through a piece once; again, tile by tile, where the bracket of the median was missed or room ran out.

    A bank that dropped out is gone through again too, without the dropouts.
    """
    n_channels, n_rows = detector.source.n_channels, window.stop - window.start
    nothing = np.full(n_channels, np.nan, np.float32), np.zeros(n_channels, np.int64), np.zeros(n_channels, bool)
    seen = _Seen(n_rows, *nothing, rows_in_passing(window.start, window.stop, detector.source.rate_hz))
    if n_rows >= 2 * _SPOTS * _SPOT_ROWS:
        _look_once(detector, window, known, seen, measured)
    else:
        for first, rows in window.blocks(window.start, window.stop):
            seen.passed.see(first, rows)
    seen.dropouts = find_dropouts(detector.source, window.segment, seen.passed, detector.banks)
    seen.gone = rows_gone(seen.dropouts, detector.banks, window.start, n_rows)
    for channel, is_gone in seen.gone.items():
        seen.unmeasured[channel] = is_gone.all()
        seen.median[channel] = 0 if seen.unmeasured[channel] else np.nan
        seen.n_under[channel] = 0
    short = tuple(one for one in seen.dropouts if one.is_short)
    if short:
        window = replace(window, source=BridgedSource(detector.source, window.segment, short, detector.banks))
    for tile in sorted(set((np.flatnonzero(np.isnan(seen.median)) // LANES).tolist())):
        _look_at_tile(detector, replace(window, tile=tile), known, seen, measured)
    return seen


def _measured(detector: Detector, piece: DetectionPiece, bridged: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the samples whose median is the noise: every so many-th of those that were recorded."""
    measured = np.zeros(piece.stop - piece.start, bool)
    measured[:: detector.definition.noise_every] = True
    measured[bridged] = False
    return measured


def _look_once(
    detector: Detector, window: Window, known: Floats32 | None, seen: _Seen, measured: NDArray[np.bool_]
) -> None:
    """Fill in every channel whose median lay where it was looked for."""
    seek = _seek(detector, window, known, measured)
    found = detector.found
    found.clear()
    search(window, seek, found, seen.passed)
    n = int(np.count_nonzero(measured))
    n_below, n_inside, n_under = (counts.ravel().tolist() for counts in (found.n_below, found.n_inside, found.n_under))
    is_flat, low = (seek.width == 0).ravel().tolist(), steps(seek.low).ravel()
    for channel in range(len(seen.median)):
        tile, lane = divmod(channel, LANES)
        if n_inside[channel] > found.inside.shape[2] or n_under[channel] > found.under.shape[2]:
            continue
        middle = middle_in_bracket(n, n_below[channel], found.inside[tile, lane, : n_inside[channel]])
        if is_flat[channel] and n_below[channel] > n // 2:
            seen.median[channel] = 0
        elif middle is not None:
            inner = sizes(middle + low[channel])  # one or two: numpy's mean takes longer than all else here
            seen.median[channel] = inner[0] if len(inner) == 1 else (inner[0] + inner[1]) / np.float32(2)
        seen.n_under[channel] = n_under[channel]


def _seek(detector: Detector, window: Window, known: Floats32 | None, measured: NDArray[np.bool_]) -> Seek:
    """Bracket the medians by what a few spots of the piece show; a channel that seems flat only has to prove it."""
    low, high = bracket(_sizes_at_spots(window))
    seems_flat = high < detector.least_median
    low[seems_flat] = high[seems_flat] = detector.least_median
    width = steps(high) - steps(low)
    decisive = np.where(seems_flat, 0, low).astype(np.float32)
    if known is not None:
        decisive[: len(known)] = np.where(np.isnan(known), decisive[: len(known)], known)
    weakest = np.where(decisive < detector.least_median, -np.inf, detector.threshold_per_median * decisive)
    shape = (window.n_tiles, LANES)
    return Seek(
        low.reshape(shape),
        width.reshape(shape),
        weakest.astype(np.float32).reshape(shape),
        measured,
        detector.definition.noise_every,
    )


def _sizes_at_spots(window: Window) -> Floats32:
    """Filter a few spots spread over the piece, without the notch: |v|, (n_tiles * LANES, n)."""
    near = window.filters.band.tail // _SPOT_MARGIN_SHARE
    filters = replace(window.filters, notch=NO_SECTIONS, lead=near, lookahead=min(near, window.filters.lookahead))
    window = replace(window, filters=filters, room=None)  # all spots are kept
    starts = np.linspace(window.start, window.stop - _SPOT_ROWS, _SPOTS).astype(int).tolist()
    spots = [filter_window(replace(window, start=start, stop=start + _SPOT_ROWS)) for start in starts]
    sizes = np.abs(np.concatenate(spots, axis=1)).transpose(0, 2, 1)
    return np.ascontiguousarray(sizes).reshape(-1, sizes.shape[2])


def _look_at_tile(
    detector: Detector, window: Window, known: Floats32 | None, seen: _Seen, measured: NDArray[np.bool_]
) -> None:
    """Filter a tile, keep it, and take the median of all of it that is measured."""
    kept = filter_window(window)[0]
    first = (window.tile or 0) * LANES
    for channel in (first + np.flatnonzero(np.isnan(seen.median[first : first + LANES]))).tolist():
        volts = np.ascontiguousarray(kept[:, channel - first])
        gone = seen.gone.get(channel)
        own = measured if gone is None else measured & ~gone
        seen.unmeasured[channel] = not own.any()
        median = np.float32(0 if seen.unmeasured[channel] else exact_median(np.abs(volts if own.all() else volts[own])))
        before = np.nan if known is None else known[channel]
        level = detector.threshold_per_median * (median if np.isnan(before) else before)
        at = np.flatnonzero(volts < level)
        at = at if gone is None else at[~gone[at]]
        seen.median[channel] = median
        seen.n_under[channel], seen.kept[channel] = 0, np.empty(len(at), UNDER)
        seen.kept[channel]["row"], seen.kept[channel]["value"] = at, volts[at]
