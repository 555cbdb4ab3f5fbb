"""Onsets of light: where exactly, and which ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.detection.photodiode import photodiode_edges, photodiode_levels, steady_photodiode_edges
from closedloop.recording.source import ArraySource

DARK, LIGHT = 400.0, 3400.0


def voltage(onsets: list[float], n: int, *, width: int = 3000, rise: float = 40.0, noise: float = 0.0) -> np.ndarray:
    """Give a patch that goes on at each onset (where it is half way up), linearly over `rise` samples, shape (n, 1)."""
    at = np.arange(n)
    level = np.zeros(n)
    for onset in onsets:
        level += np.clip((at - onset) / rise + 0.5, 0, 1) - np.clip((at - onset - width) / rise + 0.5, 0, 1)
    return (DARK + (LIGHT - DARK) * level + np.random.default_rng(0).normal(0, noise, n))[:, None]


def test_edges_are_found_between_samples() -> None:
    onsets = [1000.25, 7000.5, 13_000.0]
    edges = photodiode_edges(ArraySource((voltage(onsets, 20_000),)), levels=(DARK, LIGHT))
    np.testing.assert_allclose(edges.tick, onsets, atol=1e-9)
    assert edges.clock_segment.tolist() == [0, 0, 0]


def test_the_levels_are_found_from_the_voltage() -> None:
    onsets = [1000.25, 7000.5, 13_000.0]
    source = ArraySource((voltage(onsets, 20_000, noise=30.0),))
    levels = photodiode_levels(source)
    assert levels is not None
    np.testing.assert_allclose(levels, (DARK, LIGHT), atol=0.02 * (LIGHT - DARK))
    np.testing.assert_allclose(photodiode_edges(source).tick, onsets, atol=1.5)


@pytest.mark.parametrize("rise", [6.0, 90.0])
@pytest.mark.parametrize("noise", [0.05, 0.1, 0.15])
def test_a_sample_s_noise_neither_hastens_an_edge_nor_makes_one(noise: float, rise: float) -> None:
    onsets = 1000.0 + 6000.0 * np.arange(40) + np.random.default_rng(3).uniform(0, 1, 40)
    volts = voltage(list(onsets), 250_000, rise=rise, noise=noise * (LIGHT - DARK))
    found = steady_photodiode_edges(ArraySource((volts,))).tick
    assert len(found) == len(onsets)
    assert np.median(found - onsets) == pytest.approx(0.0, abs=0.03 * rise / 3 + 0.2)  # samples
    # A mean of n samples has a noise of .02 of the way, on an edge that rises over the longer of n and its own rise.
    assert np.std(found - onsets) < 1.3 * 0.02 * max((noise / 0.02) ** 2, rise)


def test_a_quiet_voltage_has_the_edges_that_it_had() -> None:
    source = ArraySource((voltage([1000.25, 7000.5, 13_000.0], 20_000, noise=0.01 * (LIGHT - DARK)),))
    assert steady_photodiode_edges(source).tick.tolist() == photodiode_edges(source).tick.tolist()
    dark = ArraySource((np.zeros((9_000, 1)),))
    assert len(steady_photodiode_edges(dark).tick) == 0


def test_noisy_edges_do_not_depend_on_chunks() -> None:
    volts = voltage([500.5, 7000.25, 13_000.75, 19_500.0], 25_000, rise=30.0, noise=0.1 * (LIGHT - DARK))
    source = ArraySource((volts[:12_000], volts[12_000:]), (0, 40_000), (0, 1))
    whole = steady_photodiode_edges(source)
    assert whole.clock_segment.tolist() == [0, 0, 1, 1]
    for length in (37, 1000, 11_999):
        np.testing.assert_allclose(steady_photodiode_edges(source, chunk_samples=length).tick, whole.tick, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(length=st.integers(37, 20_000), step=st.sampled_from([1, 15]))
def test_edges_do_not_depend_on_chunks_and_follow_the_clock(length: int, step: int) -> None:
    onsets = [500.5, 7000.25, 13_000.75]
    source = ArraySource((voltage(onsets, 20_000),), first_ticks=(900,), tick_hz=30_000 * step)
    edges = photodiode_edges(source, levels=(DARK, LIGHT), chunk_samples=length)
    np.testing.assert_allclose(edges.tick, 900 + np.array(onsets) * step, atol=1e-6)


@dataclass(frozen=True)
class Stamped(ArraySource):
    """A source whose samples have time stamps of their own."""

    stamps: tuple[int, ...] = ()

    def ticks(self, segment: int, sample: np.ndarray) -> np.ndarray:
        return np.array(self.stamps, np.int64)[sample]


def test_an_edge_lies_between_the_time_stamps_of_its_two_samples() -> None:
    volts = np.array([DARK, DARK, LIGHT, LIGHT])[:, None]
    source = Stamped((volts,), stamps=(100, 200, 350, 400))
    assert photodiode_edges(source, levels=(DARK, LIGHT)).tick.tolist() == [275.0]


def test_noise_on_a_slow_edge_gives_one_edge() -> None:
    source = ArraySource((voltage([5000.0], 20_000, rise=600.0, noise=60.0),))
    assert len(photodiode_edges(source).tick) == 1


def test_noise_alone_or_a_flat_line_has_no_edges() -> None:
    rng = np.random.default_rng(1)
    for volts in (rng.normal(0, 100, (20_000, 1)), np.full((20_000, 1), 7.0), rng.uniform(0, 1, (20_000, 1))):
        assert len(photodiode_edges(ArraySource((volts,))).tick) == 0
    assert len(photodiode_edges(ArraySource((np.zeros((0, 1)),))).tick) == 0


def test_no_edge_is_found_across_a_pause_nor_at_the_start_of_light() -> None:
    dark, light = np.full((50, 1), DARK), np.full((50, 1), LIGHT)
    levels = (DARK, LIGHT)
    paused = ArraySource((dark, light), first_ticks=(0, 100), clock_segments=(0, 0))
    assert len(photodiode_edges(paused, levels=levels).tick) == 0
    assert len(photodiode_edges(ArraySource((np.concatenate([light, dark]),)), levels=levels).tick) == 0
    assert photodiode_edges(ArraySource((np.concatenate([dark, light]),)), levels=levels).tick.tolist() == [49.5]


def test_edges_of_a_clock_that_was_reset_stand_under_its_next_clock_segment() -> None:
    volts = np.concatenate([np.full((50, 1), DARK), np.full((50, 1), LIGHT)])
    edges = photodiode_edges(
        ArraySource((volts, volts), first_ticks=(1000, 3), clock_segments=(0, 1)), levels=(DARK, LIGHT)
    )
    assert edges.clock_segment.tolist() == [0, 1]
    assert edges.tick.tolist() == [1049.5, 52.5]


@dataclass(frozen=True)
class Counted(ArraySource):
    """A source that counts the samples read from it."""

    read_lengths: list[int] = field(default_factory=list)

    def read(self, segment: int, start: int, stop: int) -> np.ndarray:
        self.read_lengths.append(stop - start)
        return super().read(segment, start, stop)


@pytest.mark.parametrize(("onsets", "most"), [(range(2000, 8_990_000, 30_000), 1.5), ((4_489_000,), 3.5)])
def test_a_long_recording_is_read_once_unless_its_light_is_rare(onsets: list[int], most: float) -> None:
    """200 spots of half a second are a third of five minutes; in a day they are a two-hundredth."""
    at = np.zeros(9_000_000, bool)
    for onset in onsets:
        at[onset : onset + 3000] = True
    source = Counted((np.where(at, LIGHT, DARK).astype(np.int16)[:, None],))
    np.testing.assert_allclose(photodiode_edges(source).tick, np.array(onsets) - 0.5)
    assert sum(source.read_lengths) < most * len(at)
