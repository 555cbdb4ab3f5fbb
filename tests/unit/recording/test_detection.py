"""Threshold crossings against a whole-file computation written with scipy alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from closedloop.recording.agreement import Agreement, agreement
from closedloop.recording.detection import DEFINITIONS, Definition, as_spikes, detect, without_refractory

RATE_HZ = 20_000.0
SHORT = {  # the shipped rules with a shorter threshold window, so that a few seconds hold several
    name: Definition(
        rule.name, rule.notch, rule.band, rule.multiple, threshold_s=2.0, refractory_ms=rule.refractory_ms, source=""
    )
    for name, rule in DEFINITIONS.items()
}


def recording(n: int, n_channels: int = 2, seed: int = 3) -> np.ndarray:
    """Give noise whose level drifts, hum and an offset, with spikes a few times the noise."""
    rng = np.random.default_rng(seed)
    volts = rng.normal(0, 40, (n, n_channels)) * np.linspace(1, 2, n)[:, None]
    volts += 200 + 100 * np.sin(2 * np.pi * 60 * np.arange(n) / RATE_HZ)[:, None]
    shape = -400 * np.exp(-((np.arange(30) - 10) ** 2) / 12)
    for channel in range(n_channels):
        for at in rng.integers(0, n - 30, n // 1000):
            volts[at : at + 30, channel] += shape
    return volts.astype(np.int16)


def whole_file(volts: np.ndarray, name: str, threshold_s: float) -> list[np.ndarray]:
    """Compute both shipped rules on the whole file at once, in transfer-function form, after their sources."""
    found = []
    for trace in volts.astype(float).T:
        if name == "dicarlo":
            b, a = signal.iirnotch(60, 60 / 10, fs=RATE_HZ)
            trace, _ = signal.lfilter(b, a, trace, zi=signal.lfilter_zi(b, a) * trace[0])  # noqa: PLW2901
            b, a = signal.ellip(2, 0.1, 40, (300, 6000), btype="bandpass", fs=RATE_HZ)
            multiple = -3
        else:
            b, a = signal.butter(4, (300, 6000), btype="bandpass", fs=RATE_HZ)
            multiple = -4
        filtered = signal.filtfilt(b, a, trace)
        below = np.zeros(len(filtered), bool)
        window = round(threshold_s * RATE_HZ)
        for start in range(0, len(filtered), window):
            part = filtered[start : start + window]
            below[start : start + window] = part < multiple * np.median(np.abs(part)) / 0.6745
        crossings = np.flatnonzero(below[1:] & ~below[:-1]) + 1
        if name == "zero_phase_butter":
            kept: list[int] = []
            for crossing in crossings:
                if not kept or crossing - kept[-1] >= 0.001 * RATE_HZ:
                    kept.append(crossing)
            crossings = np.array(kept)
        found.append(crossings)
    return found


def chunked(volts: np.ndarray, length: int, first_tick: int = 0, step: int = 1) -> list[tuple[int, np.ndarray]]:
    return [(first_tick + at * step, volts[at : at + length]) for at in range(0, len(volts), length)]


@pytest.mark.parametrize("name", ["dicarlo", "zero_phase_butter"])
def test_detection_in_pieces_agrees_with_the_whole_file(name: str) -> None:
    volts = recording(round(7.3 * RATE_HZ))
    expected = whole_file(volts, name, threshold_s=2.0)
    found = detect(chunked(volts, 9_000), RATE_HZ, SHORT[name])
    for ours, theirs in zip(found, expected, strict=True):
        assert len(theirs) > 100
        both = np.intersect1d(ours, theirs)
        assert len(both) >= 0.999 * max(len(ours), len(theirs))


@pytest.mark.parametrize("name", ["dicarlo", "zero_phase_butter"])
def test_the_shipped_threshold_window_is_ten_seconds(name: str) -> None:
    volts = recording(round(21 * RATE_HZ), n_channels=1)
    (expected,) = whole_file(volts, name, threshold_s=10.0)
    (found,) = detect([(0, volts)], RATE_HZ, DEFINITIONS[name])
    assert len(np.intersect1d(found, expected)) >= 0.999 * max(len(found), len(expected))


@settings(max_examples=6, deadline=None)
@given(length=st.sampled_from([7_400, 20_000, 33_333, 39_999, 40_000, 40_001, 200_000]))
def test_the_result_does_not_depend_on_the_size_of_the_chunks(length: int) -> None:
    volts = recording(round(5.01 * RATE_HZ))
    expected = detect([(0, volts)], RATE_HZ, SHORT["dicarlo"])
    for ours, theirs in zip(detect(chunked(volts, length), RATE_HZ, SHORT["dicarlo"]), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_spike_across_the_boundary_of_two_threshold_windows_counts_once() -> None:
    rng = np.random.default_rng(5)
    boundary = round(2.0 * RATE_HZ)
    for shift in range(-6, 7):
        volts = rng.normal(0, 10, (round(4.0 * RATE_HZ), 1))
        at = boundary + shift
        volts[at - 6 : at + 7, 0] -= 600 * np.hanning(13)
        (found,) = detect([(0, volts)], RATE_HZ, SHORT["dicarlo"])
        near = found[np.abs(found - at) < 6]
        assert len(near) == 1, (shift, near)


def test_a_pause_starts_filter_and_threshold_anew_and_ticks_follow_the_clock() -> None:
    volts = recording(round(3.0 * RATE_HZ))
    first, second = volts[: round(1.2 * RATE_HZ)], volts[round(1.2 * RATE_HZ) :]
    parts = [*chunked(first, 5_000, 600, 3), *chunked(second, 5_000, 1_000_000, 3)]
    found = detect(parts, RATE_HZ, SHORT["dicarlo"], ticks_per_sample=3)
    for channel in range(2):
        early = 600 + 3 * whole_file(first, "dicarlo", 2.0)[channel]
        late = 1_000_000 + 3 * whole_file(second, "dicarlo", 2.0)[channel]
        np.testing.assert_array_equal(found[channel], np.concatenate([early, late]))


def test_planted_spikes_are_found_by_the_stricter_rule() -> None:
    rng = np.random.default_rng(11)
    n = round(10 * RATE_HZ)
    planted = np.sort(rng.choice(np.arange(200, n - 200, 200), 150, replace=False))
    volts = rng.normal(0, 10, (n, 1))
    for at in planted:
        volts[at - 8 : at + 9, 0] -= 150 * np.hanning(17)
    (found,) = detect(chunked(volts, 6_000), RATE_HZ, DEFINITIONS["zero_phase_butter"])
    result = agreement(planted, found, tolerance_ticks=10)
    assert result.recall == 1.0
    assert result.precision > 0.95


def test_a_silent_channel_has_no_spikes_and_no_samples_give_no_channels() -> None:
    assert [len(ticks) for ticks in detect([(0, np.zeros((5000, 2), np.int16))], RATE_HZ, SHORT["dicarlo"])] == [0, 0]
    assert detect([], RATE_HZ, SHORT["dicarlo"]) == []


def test_chunks_out_of_order_and_bands_beyond_the_rate_are_refused() -> None:
    volts = recording(2000)
    with pytest.raises(ValueError, match="before 2000"):
        detect([(0, volts), (1500, volts)], RATE_HZ, SHORT["dicarlo"])
    with pytest.raises(ValueError, match=r"300\.0-6000\.0 Hz"):
        detect([(0, volts)], 10_000.0, SHORT["dicarlo"])


def test_a_refractory_period_counts_from_the_last_spike_kept() -> None:
    ticks = np.array([0, 29, 31, 59, 60, 61, 200])
    assert without_refractory(ticks, 30).tolist() == [0, 31, 61, 200]
    assert without_refractory(ticks[:0], 30).tolist() == []


def test_channels_are_merged_by_time_with_their_electrode() -> None:
    ticks, electrodes = as_spikes([np.array([5, 9]), np.array([], np.int64), np.array([1, 7])], [11, 12, 13])
    assert ticks.tolist() == [1, 5, 7, 9]
    assert electrodes.tolist() == [13, 11, 13, 11]
    with pytest.raises(ValueError, match="1 channels, 2 electrode ids"):
        as_spikes([ticks], [1, 2])


def test_precision_and_recall_of_a_worked_example() -> None:
    result = agreement(np.array([100, 200, 300, 400]), np.array([97, 103, 200, 306]), tolerance_ticks=5)
    assert (result.n_reference, result.n_test, result.n_matched) == (4, 4, 2)
    assert (result.precision, result.recall) == (0.5, 0.5)
    assert result + Agreement(1, 0, 0) == Agreement(5, 4, 2)
    assert np.isnan(Agreement(0, 0, 0).precision)


sorted_ticks = st.lists(st.integers(0, 60), max_size=8).map(sorted)


@given(reference=sorted_ticks, test=sorted_ticks, tolerance=st.integers(0, 4))
def test_the_greedy_match_is_the_largest_one(reference: list[int], test: list[int], tolerance: int) -> None:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    near = np.abs(np.subtract.outer(np.array(reference, int), np.array(test, int))) <= tolerance
    largest = (
        np.count_nonzero(maximum_bipartite_matching(csr_matrix(near), perm_type="column") >= 0) if near.size else 0
    )
    found = agreement(np.array(reference, np.int64), np.array(test, np.int64), tolerance_ticks=tolerance)
    assert found.n_matched == largest
