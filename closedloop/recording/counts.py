"""Spikes of every presentation on every electrode, and the presentations for which that cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

RESPONSE_WINDOW_MS = (70.0, 170.0)  # after onset, half-open (section 3.1)
NEEDED_MS = (-100.0, 170.0)  # what must have been recorded around an onset

NO_ONSET = "no onset"
OUTSIDE = "before the start or after the end of the recording"
IN_GAP = "touches a gap of the recording"


class Stretch(Protocol):
    """A stretch of recording without a pause (an NSx block is one)."""

    @property
    def first_tick(self) -> int:
        """Tick of its first sample."""

    @property
    def n_samples(self) -> int:
        """Its length in samples."""


def count_spikes(
    spike_tick: NDArray[np.int64],
    spike_electrode: NDArray[np.int64],
    *,
    onset_tick: NDArray[np.float64],
    electrodes: Sequence[int],
    tick_hz: float,
    window_ms: tuple[float, float] = RESPONSE_WINDOW_MS,
) -> NDArray[np.float64]:
    """Count spikes in a half-open window after every onset.

    Parameters
    ----------
    spike_tick, spike_electrode
        Tick and electrode id of every spike, shape (n_spikes,), in any order.
    onset_tick
        Onset of every presentation in the same clock, shape (n_presentations,); NaN where unusable.
    electrodes
        Electrode ids, one a column of the result.
    tick_hz
        Ticks per second.
    window_ms
        Start (counted) and stop (not counted) after the onset.

    Returns
    -------
    NDArray[np.float64]
        Counts, shape (n_presentations, n_electrodes); a row of NaN where the onset is NaN.
    """
    start, stop = (onset_tick + bound * tick_hz / 1000 for bound in window_ms)
    counts = np.full((len(onset_tick), len(electrodes)), np.nan)
    known = np.isfinite(onset_tick)
    first, last = (np.ceil(bound[known]).astype(np.int64) for bound in (start, stop))
    for column, ticks in enumerate(_by_electrode(spike_tick, spike_electrode, electrodes)):
        counts[known, column] = np.searchsorted(ticks, last) - np.searchsorted(ticks, first)
    return counts


def _by_electrode(
    spike_tick: NDArray[np.int64], spike_electrode: NDArray[np.int64], electrodes: Sequence[int]
) -> list[NDArray[np.int64]]:
    order = np.lexsort((spike_tick, spike_electrode))
    ticks, ids = spike_tick[order], spike_electrode[order]
    edges = [np.searchsorted(ids, electrodes, side=side) for side in ("left", "right")]
    return [ticks[low:high] for low, high in zip(*edges, strict=True)]


def usable(
    onset_tick: NDArray[np.float64],
    blocks: Sequence[Stretch],
    *,
    ticks_per_sample: int,
    tick_hz: float,
    needed_ms: tuple[float, float] = NEEDED_MS,
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Set aside presentations around which something was not recorded.

    Parameters
    ----------
    onset_tick
        Shape (n_presentations,); NaN is set aside already.
    blocks
        The recording's uninterrupted stretches in time order.
    ticks_per_sample
        Ticks of the array's clock from one sample to the next.
    tick_hz
        Ticks per second.
    needed_ms
        From when to when around the onset every sample must have been recorded.

    Returns
    -------
    onset_tick : NDArray[np.float64]
        The onsets, NaN where set aside.
    reasons : tuple of str
        Why, one a presentation; empty where usable.
    """
    starts = np.array([block.first_tick for block in blocks], np.int64)
    stops = starts + np.array([block.n_samples for block in blocks], np.int64) * ticks_per_sample
    first, last = (onset_tick + bound * tick_hz / 1000 for bound in needed_ms)
    block = np.searchsorted(starts, first, side="right") - 1
    inside = (block >= 0) & (last <= np.append(stops, -1)[block])
    no_onset = np.isnan(onset_tick)
    outside = (first < starts.min(initial=np.iinfo(np.int64).max)) | (last > stops.max(initial=-1))
    reasons = np.select([no_onset, inside, outside], [NO_ONSET, "", OUTSIDE], IN_GAP)
    return np.where(inside & ~no_onset, onset_tick, np.nan), tuple(reasons.tolist())
