"""Threshold crossings against a whole-file computation in float64 written with scipy alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from closedloop.detection.crossings import crossings, detector_of, pieces_of
from closedloop.detection.definitions import DEFINITIONS, BandPass
from closedloop.detection.filter_design import design, scipy_sections
from closedloop.detection.filtering import Window, filter_window
from closedloop.detection.loops.lanes import LANES
from closedloop.detection.spikes import detect, spikes_of
from closedloop.recording.source import ArraySource
from closedloop.recording.spikes import Spikes

RATE_HZ = 20_000.0
NAMES = tuple(DEFINITIONS)
SHORT = {name: replace(rule, threshold_s=2.0) for name, rule in DEFINITIONS.items()}  # a few seconds hold several


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


def in_memory(*arrays: np.ndarray, **clock: object) -> ArraySource:
    return ArraySource(arrays, **{"rate_hz": RATE_HZ, "tick_hz": 20_000, **clock})  # type: ignore[arg-type]


def found_in(source: ArraySource, name: str, **options: object) -> list[np.ndarray]:
    """Give the ticks of each channel."""
    spikes = detect(source, SHORT[name], electrode_ids=range(1, source.n_channels + 1), **options)  # type: ignore[arg-type]
    return [spikes.on(electrode).tick for electrode in range(1, source.n_channels + 1)]


def whole_filtered(trace: np.ndarray, name: str, rate_hz: float = RATE_HZ) -> np.ndarray:
    """Filter the whole of a channel at once, in transfer-function form, after the definitions' sources."""
    band = (300, 6000)
    if name == "dicarlo":
        b, a = signal.iirnotch(60, 60 / 10, fs=rate_hz)
        trace, _ = signal.lfilter(b, a, trace, zi=signal.lfilter_zi(b, a) * trace[0])
        return np.asarray(signal.filtfilt(*signal.ellip(2, 0.1, 40, band, btype="bandpass", fs=rate_hz), trace))
    b, a = signal.butter(4, band, btype="bandpass", fs=rate_hz)
    if name == "zero_phase_butter":
        return np.asarray(signal.filtfilt(b, a, trace))
    return np.asarray(signal.lfilter(b, a, trace, zi=signal.lfilter_zi(b, a) * trace[0])[0])


def whole_file(volts: np.ndarray, name: str, threshold_s: float = 2.0) -> list[np.ndarray]:
    """Detect by the definitions' sources, on the whole file at once."""
    found = []
    for trace in volts.astype(float).T:
        v = whole_filtered(trace, name)
        below, window, last = np.zeros(len(v), bool), round(threshold_s * RATE_HZ), None
        for start in range(0, len(v), window):
            part = v[start : start + window]
            sizes = np.abs(part[::8] if name == "causal" else part)
            noise = np.median(sizes) / 0.6745
            used = last if name == "causal" and last is not None else noise
            below[start : start + window] = part < (-3 if name == "dicarlo" else -4) * used
            last = noise
        at = np.flatnonzero(below[1:] & ~below[:-1]) + 1
        found.append(apart(at, 0.001 * RATE_HZ) if name == "zero_phase_butter" else at)
    return found


def apart(at: np.ndarray, least: float) -> np.ndarray:
    kept: list[int] = []
    for crossing in at.tolist():
        if not kept or crossing - kept[-1] >= least:
            kept.append(crossing)
    return np.array(kept, np.int64)


@pytest.mark.parametrize("name", NAMES)
def test_detection_in_pieces_agrees_with_the_whole_file(name: str) -> None:
    volts = recording(round(7.3 * RATE_HZ))
    for ours, theirs in zip(found_in(in_memory(volts), name), whole_file(volts, name), strict=True):
        assert len(theirs) > 100
        assert len(np.intersect1d(ours, theirs)) >= 0.999 * max(len(ours), len(theirs))


def test_every_crossing_that_differs_from_float64_lies_at_the_threshold() -> None:
    """A crossing differs where a sample comes within the rounding of float32 of its threshold, and nowhere else."""
    volts = recording(round(12 * RATE_HZ), n_channels=12, seed=8)
    n_differing = 0
    for channel, ours in enumerate(found_in(in_memory(volts), "dicarlo")):
        v = whole_filtered(volts[:, channel].astype(float), "dicarlo")
        (theirs,) = whole_file(volts[:, [channel]], "dicarlo")
        for at in np.setxor1d(ours, theirs).tolist():
            start = at // 40_000 * 40_000
            threshold = -3 * np.median(np.abs(v[start : start + 40_000])) / 0.6745
            assert np.abs(v[at - 1 : at + 2] - threshold).min() < 2e-4 * abs(threshold)
            n_differing += 1
    assert n_differing < 40  # of 20,000


@pytest.mark.parametrize("name", ["dicarlo", "zero_phase_butter"])
def test_the_shipped_threshold_window_is_ten_seconds(name: str) -> None:
    volts = recording(round(21 * RATE_HZ), n_channels=1)
    (expected,) = whole_file(volts, name, threshold_s=10.0)
    found = detect(in_memory(volts), DEFINITIONS[name], electrode_ids=[1]).tick
    assert len(np.intersect1d(found, expected)) >= 0.999 * max(len(found), len(expected))


@pytest.mark.parametrize("name", NAMES)
def test_a_filtered_part_is_that_of_the_whole(name: str) -> None:
    """At both ends of a segment and within; against float64, to the rounding of float32 of hundreds of bits."""
    volts = recording(60_000, n_channels=LANES + 1)
    source, filters = in_memory(volts), design(DEFINITIONS[name], RATE_HZ)
    whole = np.stack([whole_filtered(trace, name) for trace in volts.astype(float).T], axis=1)
    for start, stop in ((0, 3_000), (9_000, 17_000), (58_000, 60_000), (0, 60_000)):
        tiles = filter_window(Window(source, filters, 0, start, stop)) * np.float32(filters.gain)
        found = np.concatenate(list(tiles), axis=1)[:, : LANES + 1]
        np.testing.assert_allclose(found, whole[start:stop], rtol=1e-4, atol=0.03)


@pytest.mark.parametrize("n", [1, 2, 5, 16, 29, 200, 700, 9_000])
@pytest.mark.parametrize("name", NAMES)
def test_segments_shorter_than_any_margin_are_filtered_as_by_scipy(name: str, n: int) -> None:
    volts = recording(9_000)[:n, :1]
    filters = design(DEFINITIONS[name], RATE_HZ)
    notch, band = scipy_sections(DEFINITIONS[name], RATE_HZ)
    expected = volts[:, 0].astype(float)
    if len(notch):
        expected, _ = signal.sosfilt(notch, expected, zi=signal.sosfilt_zi(notch) * expected[0])
    if filters.zero_phase:
        expected = signal.sosfiltfilt(band, expected, padlen=min(3 * (2 * len(band) + 1), n - 1))
    else:
        expected, _ = signal.sosfilt(band, expected, zi=signal.sosfilt_zi(band) * expected[0])
    found = filter_window(Window(in_memory(volts), filters, 0, 0, n))[0, :, 0] * filters.gain
    np.testing.assert_allclose(found, expected, atol=0.01)
    detect(in_memory(volts), DEFINITIONS[name], electrode_ids=[1])


def identical(first: Spikes, second: Spikes) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("clock_segment", "tick", "electrode_id")
    )


@settings(max_examples=8, deadline=None)
@given(name=st.sampled_from(NAMES), chunk=st.sampled_from([1, 999, 2048, 7_400, 20_000, 200_000]))
def test_the_result_does_not_depend_on_how_much_is_read_at_a_time(name: str, chunk: int) -> None:
    volts = recording(round((0.3 if chunk == 1 else 5.01) * RATE_HZ))
    source = in_memory(volts)
    expected = detect(source, SHORT[name], electrode_ids=[1, 2])
    assert identical(detect(source, SHORT[name], electrode_ids=[1, 2], chunk_samples=chunk), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("chunk_s", [0.37, 1.0, 10.0])
def test_the_shipped_definitions_are_identical_for_chunks_of(chunk_s: float, name: str) -> None:
    source = in_memory(recording(round(31.3 * RATE_HZ), n_channels=20))
    expected = detect(source, DEFINITIONS[name], electrode_ids=range(20))
    found = detect(source, DEFINITIONS[name], electrode_ids=range(20), chunk_samples=round(chunk_s * RATE_HZ))
    assert len(expected) > 10_000
    assert identical(found, expected)


@settings(max_examples=8, deadline=None)
@given(name=st.sampled_from(NAMES), cuts=st.lists(st.integers(0, 8), max_size=4))
def test_the_result_does_not_depend_on_who_does_which_pieces(name: str, cuts: list[int]) -> None:
    volts = recording(round(5.01 * RATE_HZ))
    source = in_memory(volts, volts[:47_000], volts, clock_segments=(0, 0, 1), first_ticks=(5, 200_000, 7))
    expected = detect(source, SHORT[name], electrode_ids=[4, 9])
    pieces, found = pieces_of(source, SHORT[name]), []
    edges = [0, *sorted(cuts), len(pieces)]
    for first, last in pairwise(edges):
        found += crossings(detector_of(source, SHORT[name], electrode_ids=[4, 9]), pieces[first:last])
    parts = list(spikes_of(found, source, SHORT[name], electrode_ids=[4, 9]))
    for part in ("clock_segment", "tick", "electrode_id"):
        joined = np.concatenate([getattr(one, part) for one in parts])
        np.testing.assert_array_equal(joined, getattr(expected, part))


@pytest.mark.parametrize("name", NAMES)
def test_a_spike_across_the_boundary_of_two_threshold_windows_counts_once(name: str) -> None:
    rng = np.random.default_rng(5)
    boundary = round(2.0 * RATE_HZ)
    noise = rng.normal(0, 10, (round(4.0 * RATE_HZ), 1))
    for shift in range(-6, 7):
        volts = noise.copy()
        at = boundary + shift
        volts[at - 6 : at + 7, 0] -= 600 * np.hanning(13)
        (found,) = found_in(in_memory(volts.astype(np.int16)), name)
        (expected,) = whole_file(volts.astype(np.int16), name)
        near = found[np.abs(found - at) < 6]
        np.testing.assert_array_equal(near, expected[np.abs(expected - at) < 6])
        assert len(near) == 1, (shift, near)


def test_a_spike_in_a_last_window_shorter_than_the_look_ahead_counts_once() -> None:
    """The window before reads to the end of the segment, and has no say in what lies behind its own end."""
    boundary = round(2.0 * RATE_HZ)
    volts = np.random.default_rng(5).normal(0, 10, (boundary + 50, 1))
    volts[boundary + 20 : boundary + 33, 0] -= 600 * np.hanning(13)
    (found,) = found_in(in_memory(volts.astype(np.int16)), "dicarlo")
    (expected,) = whole_file(volts.astype(np.int16), "dicarlo")
    np.testing.assert_array_equal(found[found >= boundary], expected[expected >= boundary])
    assert (found >= boundary).sum() == 1


def test_whether_a_window_begins_in_a_spike_is_judged_online_by_the_noise_two_windows_before() -> None:
    """Noise of 10, then of 40 bits: what is a spike at the end of the second window is none by that window's own noise.

    A trough passes the third window's threshold exactly at its first sample: it is under way, and does not count anew.
    """
    rng, boundary, decisive = np.random.default_rng(9), 80_000, 0
    noise = rng.normal(0, 1, (100_000, 1)) * np.where(np.arange(100_000) < 40_000, 10, 40)[:, None]
    for shift in range(-12, 13):
        volts = noise.copy()
        volts[boundary - 40 : boundary + 40] *= 0.1
        volts[boundary + shift - 12 : boundary + shift + 13, 0] -= 900 * np.hanning(25)
        volts = np.rint(volts).astype(np.int16)
        source = in_memory(volts)
        expected = whole_file(volts, "causal")[0]
        last = list(
            crossings(detector_of(source, SHORT["causal"], electrode_ids=[1]), pieces_of(source, SHORT["causal"])[2:])
        )
        np.testing.assert_array_equal(last[0].sample, expected[expected >= boundary])
        v = whole_filtered(volts[:, 0].astype(float), "causal")
        noises = [np.median(np.abs(v[start : start + 40_000 : 8])) / 0.6745 for start in (0, 40_000)]
        decisive += v[boundary] < -4 * noises[1] < v[boundary - 1] < -4 * noises[0]
    assert decisive > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_short_flat_recording_has_no_spikes_whatever_the_rounding(name: str) -> None:
    volts = np.tile(np.array([[0, 32_767, -5]], np.int16), (3_000, 1))
    assert [len(ticks) for ticks in found_in(in_memory(volts), name)] == [0, 0, 0]


def test_a_refractory_period_reaches_over_the_boundary_of_two_windows() -> None:
    rule = replace(SHORT["zero_phase_butter"], refractory_ms=500.0)
    source = in_memory(recording(round(6 * RATE_HZ), n_channels=1))
    every = detect(source, replace(rule, refractory_ms=0.0), electrode_ids=[1]).tick
    kept = detect(source, rule, electrode_ids=[1]).tick
    np.testing.assert_array_equal(kept, apart(every, 10_000))


@pytest.mark.parametrize("name", NAMES)
def test_a_pause_starts_filter_and_threshold_anew_and_ticks_follow_the_clock(name: str) -> None:
    volts = recording(round(3.0 * RATE_HZ))
    first, second = volts[: round(1.2 * RATE_HZ)], volts[round(1.2 * RATE_HZ) :]
    source = in_memory(first, second, first_ticks=(600, 30), clock_segments=(0, 1), tick_hz=60_000)
    spikes = detect(source, SHORT[name], electrode_ids=[7, 3])
    for channel, electrode in enumerate([7, 3]):
        own = spikes.on(electrode)
        for clock_segment, (part, start) in enumerate(((first, 600), (second, 30))):
            np.testing.assert_array_equal(
                own.tick[own.clock_segment == clock_segment], start + 3 * whole_file(part, name)[channel]
            )


@dataclass(frozen=True)
class Irregular(ArraySource):
    """A source whose samples have time stamps of their own, as in a PTP file."""

    def ticks(self, segment: int, sample: np.ndarray) -> np.ndarray:
        return 1_000_000_000 + sample * 50_003 + sample // 7


def test_ticks_are_those_of_the_source() -> None:
    volts = recording(30_000, n_channels=1)
    found = detect(Irregular((volts,), rate_hz=RATE_HZ), SHORT["dicarlo"], electrode_ids=[1]).tick
    (expected,) = whole_file(volts, "dicarlo")
    np.testing.assert_array_equal(found, 1_000_000_000 + expected * 50_003 + expected // 7)


@pytest.mark.parametrize("n_channels", [1, 15, 16, 17, 24, 40])
def test_a_channel_is_detected_alike_whatever_its_neighbours(n_channels: int) -> None:
    volts = recording(round(2.5 * RATE_HZ), n_channels=40)[:, :n_channels]
    for channel in {0, n_channels // 2, n_channels - 1}:
        alone = detect(in_memory(volts[:, [channel]]), SHORT["dicarlo"], electrode_ids=[1])
        together = detect(in_memory(volts), SHORT["dicarlo"], electrode_ids=range(n_channels)).on(channel)
        np.testing.assert_array_equal(together.tick, alone.tick)


def test_spikes_are_in_order_of_clock_segment_tick_and_electrode() -> None:
    volts = np.repeat(recording(30_000, n_channels=1), 5, axis=1)
    spikes = detect(in_memory(volts), SHORT["dicarlo"], electrode_ids=[50, 3, 40, 7, 1])
    assert spikes.electrode_id[:5].tolist() == [1, 3, 7, 40, 50]
    order = np.lexsort((spikes.electrode_id, spikes.tick, spikes.clock_segment))
    np.testing.assert_array_equal(order, np.arange(len(spikes)))
    assert (spikes.clock_segment.dtype, spikes.tick.dtype, spikes.electrode_id.dtype) == (
        np.uint16,
        np.int64,
        np.uint16,
    )


def test_a_flat_a_clipped_and_a_half_silent_channel() -> None:
    """What never moves has no spikes, whatever the rounding; nor has a window in which the channel is mostly dead."""
    volts = recording(round(6.0 * RATE_HZ), n_channels=5)
    volts[:, 1] = 0
    volts[:, 2] = 32_767
    volts[: round(3.5 * RATE_HZ), 3] = -5  # the first window and three quarters of the second
    volts[:, 4] = np.where(np.arange(len(volts)) % 40_000 < 16_000, volts[:, 4], 12)
    found = found_in(in_memory(volts), "dicarlo")
    expected = whole_file(volts[:, [0]], "dicarlo")[0]
    np.testing.assert_array_equal(found[0], expected)
    assert [len(found[channel]) for channel in (1, 2, 4)] == [0, 0, 0]
    assert found[3].min() >= round(4.0 * RATE_HZ)
    (later,) = whole_file(volts[:, [3]], "dicarlo")
    np.testing.assert_array_equal(found[3], later[later >= round(4.0 * RATE_HZ)])


def test_online_a_spike_in_a_channel_that_died_is_judged_by_the_noise_before() -> None:
    volts = recording(80_000, n_channels=2)  # the other one lives: no dropout of the bank
    volts[40_000:, 0] = 9
    volts[60_000:60_010, 0] = -2_000
    (found, _), (expected, _) = found_in(in_memory(volts), "causal"), whole_file(volts, "causal")
    np.testing.assert_array_equal(found, expected)
    assert np.isin([60_000], found).all()


def test_a_noise_that_changes_within_a_window_is_measured_over_all_of_it() -> None:
    """The spots that are looked at beforehand see the loud part too rarely; the result is exact all the same."""
    rng = np.random.default_rng(4)
    volts = rng.normal(0, 20, (40_000, 1))
    for start in range(1_000, 40_000, 5_600):
        volts[start : start + 4_600] *= 12
    source = in_memory(volts.astype(np.int16))
    (found,), (expected,) = (
        found_in(source, "zero_phase_butter"),
        whole_file(volts.astype(np.int16), "zero_phase_butter"),
    )
    np.testing.assert_array_equal(found, expected)


def test_the_noise_is_told_in_bits() -> None:
    volts = recording(40_000, n_channels=1)
    detector = detector_of(in_memory(volts), SHORT["dicarlo"], electrode_ids=[1])
    (found,) = crossings(detector, pieces_of(detector.source, SHORT["dicarlo"]))
    expected = np.median(np.abs(whole_filtered(volts[:, 0].astype(float), "dicarlo"))) / 0.6745
    assert found.noise[0] == pytest.approx(expected, rel=1e-4)


def test_channels_of_another_number_type_are_detected_alike() -> None:
    volts = recording(round(2.5 * RATE_HZ))
    assert identical(
        detect(in_memory(volts.astype(np.float64)), SHORT["dicarlo"], electrode_ids=[1, 2]),
        detect(in_memory(volts), SHORT["dicarlo"], electrode_ids=[1, 2]),
    )


def test_no_samples_have_no_spikes() -> None:
    assert len(detect(in_memory(np.zeros((0, 2), np.int16)), SHORT["dicarlo"], electrode_ids=[1, 2])) == 0


def test_what_does_not_fit_is_refused() -> None:
    volts = recording(2000)
    with pytest.raises(ValueError, match=r"300\.0-6000\.0 Hz needs more than 12000 samples a second, not 10000"):
        detect(in_memory(volts, rate_hz=10_000.0), SHORT["dicarlo"], electrode_ids=[1, 2])
    with pytest.raises(ValueError, match="2 channels, 1 electrode ids"):
        detect(in_memory(volts), SHORT["dicarlo"], electrode_ids=[1])
    odd = replace(
        SHORT["causal"], band=BandPass("ellip", 3, 300, 6000, zero_phase=False, ripple_db=0.1, attenuation_db=40)
    )
    with pytest.raises(ValueError, match="even order"):
        detect(in_memory(volts), odd, electrode_ids=[1, 2])


def test_progress_is_told_piece_by_piece() -> None:
    told: list[tuple[int, int]] = []
    source = in_memory(recording(round(5.0 * RATE_HZ)))
    detect(source, SHORT["dicarlo"], electrode_ids=[1, 2], on_progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]
