"""Spikes as threshold crossings, by named definition.

Every definition filters the whole of each uninterrupted segment of a recording and sets its threshold anew for every
`threshold_s` seconds of it, counted from the segment's start. The work is done in pieces of that length with margins,
each from its samples alone: memory is bounded, and the result does not depend on how the samples are read or on how
many workers share the pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.detection.crossings import PieceCrossings, crossings, detector_of, pieces_of
from closedloop.detection.definitions import Definition
from closedloop.detection.loops.called import keep_late_enough
from closedloop.execution.progress import ProgressCallback
from closedloop.recording.source import SampleSource
from closedloop.recording.spikes import Spikes, concatenate_spikes

_N_ELECTRODES = 1 << 16  # ids are uint16
_LONG_AGO = np.iinfo(np.int64).min // 2


def detect(
    source: SampleSource,
    definition: Definition,
    *,
    electrode_ids: Sequence[int],
    chunk_samples: int | None = None,
    on_progress: ProgressCallback | None = None,
) -> Spikes:
    """Find the threshold crossings of every channel.

    Parameters
    ----------
    source
        Samples in bits.
    definition
        A row of `DEFINITIONS`, or one of your own.
    electrode_ids
        The electrode of each channel.
    chunk_samples
        How many samples are read at a time, at most; the result is the same for all.
    on_progress
        Called with the number of pieces done and of all pieces.

    Raises
    ------
    ValueError
        The rate is too low for the definition, or there is not one electrode id a channel.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.detection import definition_by_name, detect
    >>> from closedloop.recording import ArraySource
    >>> volts = np.random.default_rng(0).normal(0, 30, (60_000, 1)).astype(np.int16)
    >>> volts[10_000::10_000, 0] -= 600
    >>> spikes = detect(ArraySource((volts,)), definition_by_name("zero_phase_butter"), electrode_ids=[7])
    >>> [tick for tick in range(10_000, 60_000, 10_000) if abs(spikes.on(7).tick - tick).min() <= 3]
    [10000, 20000, 30000, 40000, 50000]
    """
    detector = detector_of(source, definition, electrode_ids=electrode_ids, chunk_samples=chunk_samples)
    pieces = pieces_of(source, definition)
    found = _report_progress(crossings(detector, pieces), len(pieces), on_progress)
    return concatenate_spikes(list(spikes_of(found, source, definition, electrode_ids=electrode_ids)))


def spikes_of(
    pieces: Iterable[PieceCrossings], source: SampleSource, definition: Definition, *, electrode_ids: Sequence[int]
) -> Iterator[Spikes]:
    """Turn the crossings of all pieces of a recording, in order, into spikes, piece by piece.

    Here the refractory period is applied: it reaches from one piece into the next, whoever found their crossings.

    Parameters
    ----------
    pieces
        What was found, in the order of the recording.
    source, definition
        In what, and by what rule.
    electrode_ids
        The electrode of each channel.
    """
    ids = np.asarray(electrode_ids, np.uint16)
    apart = round(definition.refractory_ms * source.rate_hz / 1000)
    last_kept, segment = np.full(_N_ELECTRODES, _LONG_AGO), -1
    for found in pieces:
        if found.piece.segment != segment:
            segment = found.piece.segment
            last_kept.fill(_LONG_AGO)
        electrode = ids[found.channel]
        kept = _keep_late_enough(found.sample, electrode, last_kept, apart)
        sample = found.sample[kept]
        clock_segment = np.full(len(sample), source.segments[segment].clock_segment, np.uint16)
        yield Spikes(clock_segment, source.ticks(segment, sample), electrode[kept])


def _keep_late_enough(
    sample: NDArray[np.int64], electrode: NDArray[np.uint16], last_kept: NDArray[np.int64], apart: int
) -> NDArray[np.bool_]:
    """Keep every crossing at least `apart` samples after the last one kept on its electrode."""
    kept = np.ones(len(sample), bool)
    if apart > 1:
        keep_late_enough(sample, electrode, last_kept, apart, kept)
    return kept


def _report_progress(
    found: Iterator[PieceCrossings], n_pieces: int, on_progress: ProgressCallback | None
) -> Iterator[PieceCrossings]:
    for number, piece in enumerate(found, start=1):
        yield piece
        if on_progress is not None:
            on_progress(number, n_pieces)
