"""Spikes as threshold crossings, by named definition.

Every definition filters the whole of each uninterrupted stretch of a recording and sets its threshold anew for every
`threshold_s` seconds of it, counted from the stretch's start. The work is done in pieces of that length with margins,
so memory is bounded and the result does not depend on how the samples arrive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from closedloop.recording.chunks import AnyChunk
from closedloop.recording.pieces import pieces

_MAD_OF_NORMAL = 0.6745  # median |v| of a normal distribution with SD 1
_MARGIN_S = 0.5  # 15 time constants of a notch 10 Hz wide; 300 samples are enough for the band-pass (measured)


@dataclass(frozen=True)
class Notch:
    """A causal second-order notch."""

    center_hz: float
    width_hz: float


@dataclass(frozen=True)
class BandPass:
    """A zero-phase band-pass: the filter of `order` runs forwards and backwards."""

    family: Literal["ellip", "butter"]
    order: int
    low_hz: float
    high_hz: float
    ripple_db: float = 0.0
    attenuation_db: float = 0.0


@dataclass(frozen=True)
class Definition:
    """What counts as a spike: the first sample below `multiple` times the noise, median |v| / 0.6745."""

    name: str
    notch: Notch | None
    band: BandPass
    multiple: float
    threshold_s: float
    refractory_ms: float
    source: str


DEFINITIONS = {
    definition.name: definition
    for definition in (
        Definition(
            name="dicarlo",
            notch=Notch(60.0, 10.0),
            band=BandPass("ellip", 2, 300.0, 6000.0, ripple_db=0.1, attenuation_db=40.0),
            multiple=-3.0,
            threshold_s=10.0,
            refractory_ms=0.0,
            source="the spike tools of the laboratory that made the recordings of Guo et al. 2022: "
            "60 Hz notch, ellip(2, 0.1, 40, [300, 6000]) by filtfilt, -3 x median|v|/0.6745 every 10 s",
        ),
        Definition(
            name="zero_phase_butter",
            notch=None,
            band=BandPass("butter", 4, 300.0, 6000.0),
            multiple=-4.0,
            threshold_s=10.0,
            refractory_ms=1.0,
            source="threshold of Quian Quiroga, Nadasdy and Ben-Shaul 2004, 4 x median|v|/0.6745; 1 ms refractory",
        ),
    )
}


def detect(
    chunks: Iterable[AnyChunk], rate_hz: float, definition: Definition, *, ticks_per_sample: int = 1
) -> list[NDArray[np.int64]]:
    """Find the threshold crossings of every channel.

    Parameters
    ----------
    chunks
        Pairs of first tick and samples, shape (n_samples, n_channels), in any linear unit, in time order; a jump of the
        tick is a pause, after which filters and thresholds start anew.
    rate_hz
        Samples per second.
    definition
        A row of `DEFINITIONS`, or one of your own.
    ticks_per_sample
        Ticks of the array's clock from one sample to the next.

    Returns
    -------
    list of NDArray[np.int64]
        Ticks of the crossings, increasing, one array a channel.
    """
    filters = _filters(definition, rate_hz)
    core, margin = round(definition.threshold_s * rate_hz), round(_MARGIN_S * rate_hz)
    found: list[list[NDArray[np.int64]]] = []
    below = np.zeros(0, bool)
    for piece in pieces(chunks, core=core, margin=margin, ticks_per_sample=ticks_per_sample):
        found = found or [[] for _ in piece.samples]
        below = np.ones(len(found), bool) if piece.opens_stretch else below
        for channel, samples in enumerate(piece.samples):
            under = _under_threshold(_filtered(samples, filters)[piece.core], definition.multiple)
            crossings = np.flatnonzero(under & ~np.concatenate([[below[channel]], under[:-1]]))
            found[channel].append(piece.core_tick + crossings * ticks_per_sample)
            below[channel] = under[-1]
    refractory = round(definition.refractory_ms * rate_hz / 1000) * ticks_per_sample
    return [without_refractory(np.concatenate(ticks), refractory) for ticks in found]


def as_spikes(
    ticks_per_channel: Sequence[NDArray[np.int64]], electrode_ids: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Merge the crossings of several channels into ``(spike_tick, spike_electrode)``, sorted by tick."""
    if len(ticks_per_channel) != len(electrode_ids):
        raise ValueError(f"{len(ticks_per_channel)} channels, {len(electrode_ids)} electrode ids")
    ticks = np.concatenate([np.zeros(0, np.int64), *ticks_per_channel])
    electrodes = np.repeat(np.asarray(electrode_ids, np.int64), [len(channel) for channel in ticks_per_channel])
    order = np.argsort(ticks, kind="stable")
    return ticks[order], electrodes[order]


def without_refractory(ticks: NDArray[np.int64], refractory_ticks: int) -> NDArray[np.int64]:
    """Drop every crossing less than `refractory_ticks` after the last one kept."""
    if not (np.diff(ticks) < refractory_ticks).any():
        return ticks
    kept = [int(ticks[0])]
    for tick in ticks[1:].tolist():
        if tick - kept[-1] >= refractory_ticks:
            kept.append(tick)
    return np.array(kept, np.int64)


@dataclass(frozen=True)
class _Filters:
    notch: NDArray[np.float64] | None
    band: NDArray[np.float64]


def _filters(definition: Definition, rate_hz: float) -> _Filters:
    band = definition.band
    if not 0 < band.low_hz < band.high_hz < rate_hz / 2:
        raise ValueError(f"the band {band.low_hz}-{band.high_hz} Hz needs more than {rate_hz} samples a second")
    edges = (band.low_hz, band.high_hz)
    if band.family == "ellip":
        sos = signal.ellip(
            band.order, band.ripple_db, band.attenuation_db, edges, btype="bandpass", output="sos", fs=rate_hz
        )
    else:
        sos = signal.butter(band.order, edges, btype="bandpass", output="sos", fs=rate_hz)
    return _Filters(_notch_sos(definition.notch, rate_hz), sos)


def _notch_sos(notch: Notch | None, rate_hz: float) -> NDArray[np.float64] | None:
    if notch is None:
        return None
    sos: NDArray[np.float64] = signal.tf2sos(
        *signal.iirnotch(notch.center_hz, notch.center_hz / notch.width_hz, fs=rate_hz)
    )
    return sos


def _filtered(samples: NDArray[Any], filters: _Filters) -> NDArray[np.float64]:
    """Filter one channel, shape (n_samples,); the notch starts settled at the first sample."""
    volts = samples.astype(np.float64)
    if filters.notch is not None:
        settled = signal.sosfilt_zi(filters.notch) * volts[0]
        volts, _ = signal.sosfilt(filters.notch, volts, zi=settled)
    padding = min(3 * (2 * len(filters.band) + 1), len(volts) - 1)
    filtered: NDArray[np.float64] = signal.sosfiltfilt(filters.band, volts, padlen=padding)
    return filtered


def _under_threshold(volts: NDArray[np.float64], multiple: float) -> NDArray[np.bool_]:
    """Compare with the threshold; a silent channel (noise zero) has no crossings."""
    noise = float(np.median(np.abs(volts))) / _MAD_OF_NORMAL
    return volts < multiple * noise if noise > 0 else np.zeros(len(volts), bool)
