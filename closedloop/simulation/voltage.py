"""Continuous channels: raw voltage (spike waveforms in noise) and the photodiode, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.simulation.events import TICK_HZ

ANALOG_CHANNEL_ID = 10_241  # an analog input: beyond any electrode's number
PHOTODIODE_LABEL = "photodiode"
_UV_PER_BIT = 0.25
_NOISE_UV = 8.0  # SD of the background
_DARK_BITS, _BRIGHT_BITS, _PHOTODIODE_NOISE_BITS = 600, 13_000, 60
_RISE_TICKS = 15  # the diode's time constant, 0.5 ms
HALF_BRIGHT_S = _RISE_TICKS * float(np.log(2)) / TICK_HZ  # from the patch's onset to half of its voltage
_SETTLED_TICKS = 10 * _RISE_TICKS
_CHUNK_TICKS = 10 * TICK_HZ
_WAVEFORM_TICKS = 30

Integers = NDArray[np.int64]

Chunk: TypeAlias = tuple[int, NDArray[np.int16]]
"""First tick of the chunk in the array's clock, and its samples, shape (n_samples, n_channels), in bits."""


def analog_channel(label: str) -> NsxChannel:
    """Return the first analog input: +-5 V on 16 bits."""
    return NsxChannel(
        channel_id=ANALOG_CHANNEL_ID,
        label=label,
        units="mV",
        digital_min=-32767,
        digital_max=32767,
        analog_min=-5000,
        analog_max=5000,
    )


def photodiode_channel() -> NsxChannel:
    """Return the analog input that the photodiode is on."""
    return analog_channel(PHOTODIODE_LABEL)


@dataclass(frozen=True)
class Waveforms:
    """The multi-unit waveforms of the electrodes.

    Attributes
    ----------
    waveform_bits
        One mean waveform an electrode, (n_electrodes, 30), in bits of 0.25 uV, trough at sample 10.
    """

    waveform_bits: NDArray[np.float32]


def draw_waveforms(n_electrodes: int, *, seed: int) -> Waveforms:
    """Draw each electrode's mean waveform: a trough of 60 to 140 uV and a slower hump."""
    random = np.random.default_rng([seed, *b"waveforms"])
    t = np.arange(_WAVEFORM_TICKS)[None, :]
    trough = random.uniform(60, 140, (n_electrodes, 1)) / _UV_PER_BIT
    width = random.uniform(1.8, 3.0, (n_electrodes, 1))
    shape = -np.exp(-(((t - 10) / width) ** 2)) + 0.35 * np.exp(-(((t - 18) / (2 * width)) ** 2))
    return Waveforms((trough * shape).astype(np.float32))


def snippets(
    waveforms: Waveforms, electrode_id: Integers, *, n_samples: int, random: np.random.Generator
) -> NDArray[np.int16]:
    """Return the waveforms of spike packets, noise included, (n_spikes, n_samples), in bits.

    Parameters
    ----------
    waveforms
        Mean waveform of each electrode.
    electrode_id
        Of each spike, from 1, (n_spikes,).
    n_samples
        Length of a packet's waveform.
    random
        Draws the noise.
    """
    mean = np.zeros((len(waveforms.waveform_bits), n_samples), dtype=np.float32)
    shown = min(n_samples, _WAVEFORM_TICKS)
    mean[:, :shown] = waveforms.waveform_bits[:, :shown]
    noise = random.standard_normal((4096, n_samples), dtype=np.float32) * (_NOISE_UV / _UV_PER_BIT)
    return (mean[electrode_id - 1] + noise[random.integers(0, len(noise), len(electrode_id))]).astype(np.int16)


def voltage_chunks(
    *,
    patch_on: Integers,
    patch_off: Integers,
    spike_tick: Integers,
    spike_electrode: Integers,
    raw_electrodes: Sequence[int],
    waveforms: Waveforms,
    n_ticks: int,
    seed: int,
    chunk_ticks: int = _CHUNK_TICKS,
) -> Iterator[Chunk]:
    """Yield samples of the raw electrodes and, last, the photodiode.

    Parameters
    ----------
    patch_on, patch_off
        Ticks at which the patch went bright and dark.
    spike_tick, spike_electrode
        All spikes in order of time; a tick is that of the trough.
    raw_electrodes
        Electrode ids that are written.
    waveforms
        Mean waveform of each electrode.
    n_ticks
        Length of the recording.
    seed, chunk_ticks
        Decide the noise, which is drawn chunk by chunk; the signal does not depend on where chunks end.
    """
    for number, start in enumerate(range(0, n_ticks, chunk_ticks)):
        stop = min(start + chunk_ticks, n_ticks)
        random = np.random.default_rng([seed, number, *b"voltage"])
        samples = np.empty((stop - start, len(raw_electrodes) + 1), dtype=np.int16)
        samples[:, -1] = _photodiode(patch_on, patch_off, start=start, stop=stop, random=random)
        near = slice(*np.searchsorted(spike_tick, [start - _WAVEFORM_TICKS, stop + _WAVEFORM_TICKS]))
        for column, electrode in enumerate(raw_electrodes):
            own = spike_tick[near][spike_electrode[near] == electrode]
            samples[:, column] = _electrode(
                own, waveforms.waveform_bits[electrode - 1], start=start, stop=stop, random=random
            )
        yield start, samples


def _photodiode(
    patch_on: Integers, patch_off: Integers, *, start: int, stop: int, random: np.random.Generator
) -> NDArray[np.float32]:
    level = random.standard_normal(stop - start, dtype=np.float32) * _PHOTODIODE_NOISE_BITS + _DARK_BITS
    first = max(int(np.searchsorted(patch_off, start)) - 1, 0)
    last = int(np.searchsorted(patch_on, stop))
    for on, off in zip(patch_on[first:last], patch_off[first:last], strict=True):
        settled = off + _SETTLED_TICKS
        ticks = np.arange(max(on, start), min(settled, stop))
        if len(ticks):
            level[ticks - start] += (_BRIGHT_BITS - _DARK_BITS) * _brightness(ticks, int(on), int(off))
    return level


def _brightness(ticks: Integers, on: int, off: int) -> NDArray[np.float64]:
    """Return 0 to 1: an exponential rise from `on`, an exponential fall from `off`."""
    rise = 1 - np.exp(-(ticks - on) / _RISE_TICKS)
    fall = np.exp(-np.maximum(ticks - off, 0) / _RISE_TICKS)
    return np.asarray(np.where(ticks < off, rise, fall * (1 - np.exp(-(off - on) / _RISE_TICKS))))


def _electrode(
    spike_tick: Integers, waveform: NDArray[np.float32], *, start: int, stop: int, random: np.random.Generator
) -> NDArray[np.float32]:
    bits = random.standard_normal(stop - start, dtype=np.float32) * (_NOISE_UV / _UV_PER_BIT)
    places = spike_tick[:, None] - 10 + np.arange(_WAVEFORM_TICKS)[None, :] - start
    inside = (places >= 0) & (places < stop - start)
    np.add.at(bits, places[inside], np.broadcast_to(waveform, places.shape)[inside])
    return np.asarray(np.clip(bits, -32764, 32764))
