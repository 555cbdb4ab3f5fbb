"""Mean waveforms that are summed up part by part."""

from __future__ import annotations

import numpy as np

from closedloop.recording.waveform_means import WaveformMeans


def test_parts_give_the_mean_and_sd_of_the_whole() -> None:
    rng = np.random.default_rng(3)
    n = 500
    electrode = rng.choice([1, 2, 40_000], n).astype(np.uint16)
    unit = rng.choice([0, 3, 255], n).astype(np.uint8)
    waveform = (1e6 + rng.normal(0, 20, (n, 6))).astype(np.float32)  # far from zero, where sums of squares would fail
    means = WaveformMeans(6)
    for own in np.split(np.arange(n), [0, 1, 7, 300]):
        means.add(electrode[own], unit[own], waveform[own])
    found = means.finish()
    assert [(one.electrode_id, one.unit) for one in found] == sorted(
        {*zip(electrode.tolist(), unit.tolist(), strict=True)}
    )
    for one in found:
        own = waveform[(electrode == one.electrode_id) & (unit == one.unit)].astype(np.float64)
        assert one.n_spikes == len(own)
        np.testing.assert_allclose(one.mean_uv, own.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(one.sd_uv, own.std(axis=0, ddof=1), rtol=1e-6)


def test_one_spike_has_a_mean_and_no_sd_and_what_is_not_stored_stays_nan() -> None:
    means = WaveformMeans(2)
    means.add(np.array([7], np.uint16), np.array([1], np.uint8), np.array([[5.0, np.nan]], np.float32))
    (one,) = means.finish()
    np.testing.assert_array_equal(one.mean_uv, [5.0, np.nan])
    assert np.isnan(one.sd_uv).all()


def test_without_spikes_there_are_no_means() -> None:
    means = WaveformMeans(4)
    means.add(np.zeros(0, np.uint16), np.zeros(0, np.uint8), np.zeros((0, 4), np.float32))
    assert means.finish() == ()
