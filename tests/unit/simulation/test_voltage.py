"""Continuous channels: where spikes and flashes stand, whatever the chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.simulation.voltage import Waveforms, draw_waveforms, photodiode_channel, snippets, voltage_chunks

NOISE_BITS = 8.0 / 0.25  # 8 uV of background on 0.25 uV a bit
SIX_SIGMA = 6 * NOISE_BITS + 1  # one more for the rounding to whole bits
DIODE_SIX_SIGMA = 6 * 60 + 1
NONE = np.zeros(0, dtype=np.int64)
T = np.arange(30)
LARGE = Waveforms((np.array([[-20_000.0], [8_000.0]]) * np.exp(-(((T - 10) / 4.0) ** 2))).astype(np.float32))


def voltage(n_ticks: int, *, chunk_ticks: int = 10_000, seed: int = 0, **given: Any) -> NDArray[np.int64]:
    """Join the chunks of a recording, having checked that they follow each other."""
    silent: dict[str, Any] = {
        "patch_on": NONE,
        "patch_off": NONE,
        "spike_tick": NONE,
        "spike_electrode": NONE,
        "raw_electrodes": (1,),
        "waveforms": LARGE,
    }
    chunks = list(voltage_chunks(**silent | given, n_ticks=n_ticks, seed=seed, chunk_ticks=chunk_ticks))
    assert [start for start, _ in chunks] == list(range(0, n_ticks, chunk_ticks))
    assert {samples.dtype for _, samples in chunks} == {np.dtype(np.int16)}
    joined = np.concatenate([samples for _, samples in chunks]).astype(np.int64)
    assert len(joined) == n_ticks
    return joined


def drawn(spike_tick: NDArray[np.int64], waveform: NDArray[np.float32], n_ticks: int) -> NDArray[np.float64]:
    """The noiseless channel: a waveform at every spike, its trough at the spike's tick."""
    channel = np.zeros(n_ticks + 60)
    for tick in spike_tick:
        channel[tick - 10 + 30 : tick + 20 + 30] += waveform
    return channel[30:-30]


def test_a_silent_channel_is_noise_of_eight_microvolts() -> None:
    bits = voltage(60_000)[:, 0]
    assert bits.std() == pytest.approx(NOISE_BITS, rel=5 / np.sqrt(2 * 60_000))
    assert abs(bits.mean()) < 5 * NOISE_BITS / np.sqrt(60_000) + 0.5


@pytest.mark.parametrize("chunk_ticks", [7, 29, 30, 100, 2000])
def test_spikes_are_the_same_wherever_a_chunk_ends(chunk_ticks: int) -> None:
    spike_tick = np.array([0, 5, 95, 100, 104, 119, 130, 500, 999, 1003, 1990, 1999])
    found = voltage(
        2000, chunk_ticks=chunk_ticks, spike_tick=spike_tick, spike_electrode=np.ones(len(spike_tick), dtype=np.int64)
    )
    expected = np.clip(drawn(spike_tick, LARGE.waveform_bits[0], 2000), -32_764, 32_764)
    clear = np.abs(expected) < 32_000  # clipping is of the sum with its noise
    assert np.abs(found[:, 0] - expected)[clear].max() < SIX_SIGMA
    assert found[:, 0].min() >= -32_764


def test_the_trough_stands_at_the_spikes_own_tick() -> None:
    found = voltage(400, spike_tick=np.array([50, 300]), spike_electrode=np.array([1, 1]))[:, 0]
    assert int(found[:150].argmin()) in (49, 50, 51)
    assert int(found[150:].argmin()) + 150 in (299, 300, 301)


def test_each_column_has_the_spikes_of_its_own_electrode() -> None:
    ticks, electrodes = np.array([100, 200]), np.array([2, 1])
    found = voltage(300, spike_tick=ticks, spike_electrode=electrodes, raw_electrodes=(2, 1))
    assert found.shape == (300, 3)
    for column, electrode in ((0, 2), (1, 1)):
        expected = drawn(ticks[electrodes == electrode], LARGE.waveform_bits[electrode - 1], 300)
        assert np.abs(found[:, column] - expected).max() < SIX_SIGMA


def test_without_raw_electrodes_the_photodiode_is_all_that_is_written() -> None:
    assert voltage(100, raw_electrodes=()).shape == (100, 1)


@pytest.mark.parametrize("chunk_ticks", [11, 100, 3001, 20_000])
def test_the_photodiode_rises_and_falls_exponentially_wherever_a_chunk_ends(chunk_ticks: int) -> None:
    """Time constant 0.5 ms = 15 ticks, as of a photodiode with its amplifier; flashes of 100 ms, 3000 ticks."""
    on, off = np.array([1000, 7000]), np.array([4000, 10_000])
    found = voltage(13_000, chunk_ticks=chunk_ticks, patch_on=on, patch_off=off)[:, -1]
    dark, bright = found[:1000].mean(), found[2000:4000].mean()
    tick = np.arange(13_000)
    light = np.zeros(13_000)
    for begin, end in zip(on, off, strict=True):
        light += np.where((tick >= begin) & (tick < end), 1 - np.exp(-(tick - begin) / 15.0), 0)
        light += np.where((tick >= end) & (tick < end + 3000), np.exp(-np.clip(tick - end, 0, 3000) / 15.0), 0)
    assert np.abs(found - (dark + (bright - dark) * light)).max() < DIODE_SIX_SIGMA + 30  # 30: the means' own error


def test_the_photodiodes_levels_are_far_apart_and_inside_its_range() -> None:
    channel = photodiode_channel()
    mv_per_bit = (channel.analog_max - channel.analog_min) / (channel.digital_max - channel.digital_min)
    found = voltage(9000, patch_on=np.array([3000]), patch_off=np.array([6000]))[:, -1] * mv_per_bit
    assert found[:3000].mean() == pytest.approx(92, abs=5)  # mV of dark current
    assert found[4000:6000].mean() == pytest.approx(1984, abs=5)
    assert found[:3000].std() < 10 < 100 * found[:3000].std() < found[4000:6000].mean()


def test_noise_is_decided_by_its_seed() -> None:
    assert np.array_equal(voltage(500), voltage(500))
    assert not np.array_equal(voltage(500)[:, 0], voltage(500, seed=1)[:, 0])
    assert not np.array_equal(voltage(500)[:250, 0], voltage(500, chunk_ticks=250)[250:, 0])


def test_units_have_a_trough_of_60_to_140_microvolts_and_a_hump_after_it() -> None:
    microvolts = draw_waveforms(96, seed=3).waveform_bits * 0.25
    hump_at_trough = 0.35 * np.exp(-((8 / 6.0) ** 2))  # at most: the widest hump, 8 samples away
    assert microvolts.shape == (96, 30)
    assert (np.abs(microvolts.argmin(axis=1) - 10) <= 1).all()
    assert -140 <= microvolts.min() < microvolts.min(axis=1).max() <= -60 * (1 - hump_at_trough)
    assert (microvolts[:, 14:].max(axis=1) > 0.2 * -microvolts.min(axis=1)).all()
    assert len(np.unique(microvolts, axis=0)) == 96


@pytest.mark.parametrize("n_samples", [8, 16, 30, 48])
def test_snippets_are_their_electrodes_waveform_in_noise(n_samples: int) -> None:
    electrode = np.tile([1, 2], 2000)
    found = snippets(LARGE, electrode, n_samples=n_samples, random=np.random.default_rng(0))
    assert (found.shape, found.dtype) == ((4000, n_samples), np.int16)
    expected = np.zeros((2, n_samples))
    expected[:, : min(n_samples, 30)] = LARGE.waveform_bits[:, :n_samples]
    for row in (0, 1):
        own = found[row::2].astype(float)
        np.testing.assert_allclose(own.mean(axis=0), expected[row], atol=6 * NOISE_BITS / np.sqrt(2000) + 0.5)
        np.testing.assert_allclose(own.std(axis=0), NOISE_BITS, rtol=0.1)
