"""Onsets of light: where exactly, which ones, and whose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.recording.photodiode import assign_photodiode, photodiode_edges, photodiode_levels

DARK, LIGHT = 400.0, 3400.0


def voltage(onsets: list[float], n: int, *, width: int = 3000, rise: float = 40.0, noise: float = 0.0) -> np.ndarray:
    """Give a patch that goes on at each onset (where it is half way up), linearly over `rise` samples, shape (n, 1)."""
    at = np.arange(n)
    level = np.zeros(n)
    for onset in onsets:
        level += np.clip((at - onset) / rise + 0.5, 0, 1) - np.clip((at - onset - width) / rise + 0.5, 0, 1)
    return (DARK + (LIGHT - DARK) * level + np.random.default_rng(0).normal(0, noise, n))[:, None]


def chunked(volts: np.ndarray, length: int, step: int = 1, first_tick: int = 0) -> list[tuple[int, np.ndarray]]:
    return [(first_tick + at * step, volts[at : at + length]) for at in range(0, len(volts), length)]


def test_edges_are_found_between_samples() -> None:
    onsets = [1000.25, 7000.5, 13_000.0]
    edges = photodiode_edges([(0, voltage(onsets, 20_000))], levels=(DARK, LIGHT))
    np.testing.assert_allclose(edges, onsets, atol=1e-9)


def test_the_levels_are_found_from_the_voltage() -> None:
    onsets = [1000.25, 7000.5, 13_000.0]
    volts = voltage(onsets, 20_000, noise=30.0)
    levels = photodiode_levels([(0, volts)])
    assert levels is not None
    np.testing.assert_allclose(levels, (DARK, LIGHT), atol=0.02 * (LIGHT - DARK))
    np.testing.assert_allclose(photodiode_edges([(0, volts)]), onsets, atol=1.5)


@settings(max_examples=25, deadline=None)
@given(length=st.integers(37, 20_000), step=st.sampled_from([1, 15]))
def test_edges_do_not_depend_on_chunks_and_follow_the_clock(length: int, step: int) -> None:
    onsets = [500.5, 7000.25, 13_000.75]
    parts = chunked(voltage(onsets, 20_000), length, step, first_tick=900)
    edges = photodiode_edges(parts, ticks_per_sample=step, levels=(DARK, LIGHT))
    np.testing.assert_allclose(edges, 900 + np.array(onsets) * step, atol=1e-6)


def test_noise_on_a_slow_edge_gives_one_edge() -> None:
    volts = voltage([5000.0], 20_000, rise=600.0, noise=60.0)
    assert len(photodiode_edges([(0, volts)])) == 1


def test_noise_alone_or_a_flat_line_has_no_edges() -> None:
    rng = np.random.default_rng(1)
    for volts in (rng.normal(0, 100, (20_000, 1)), np.full((20_000, 1), 7.0), rng.uniform(0, 1, (20_000, 1))):
        assert len(photodiode_edges([(0, volts)])) == 0
    assert len(photodiode_edges([])) == 0


def test_no_edge_is_found_across_a_pause_nor_at_the_start_of_light() -> None:
    dark, light = np.full((50, 1), DARK), np.full((50, 1), LIGHT)
    assert len(photodiode_edges([(0, dark), (100, light)], levels=(DARK, LIGHT))) == 0
    assert len(photodiode_edges([(0, light), (50, dark)], levels=(DARK, LIGHT))) == 0
    assert photodiode_edges([(0, dark), (50, light)], levels=(DARK, LIGHT)).tolist() == [49.5]


def test_what_can_be_gone_through_only_once_is_refused() -> None:
    with pytest.raises(TypeError, match="pass an iterable"):
        photodiode_edges(iter([(0, voltage([100.0], 500))]))


def test_each_presentation_gets_the_first_edge_within_its_window() -> None:
    expected = np.array([1000.0, 7000.0, 13_000.0, np.nan, 19_000.0, 25_000.0])
    edges = np.array([999.0, 1840.5, 1900.0, 8500.0, 14_501.0, 19_000.0])
    found = assign_photodiode(expected, edges, tick_hz=30_000.0)
    np.testing.assert_array_equal(found, [1840.5, 8500.0, np.nan, np.nan, 19_000.0, np.nan])


def test_an_edge_belongs_to_the_nearer_of_two_markers() -> None:
    found = assign_photodiode(np.array([1000.0, np.nan, 1600.0]), np.array([1900.0]), tick_hz=30_000.0)
    np.testing.assert_array_equal(found, [np.nan, np.nan, 1900.0])


def test_without_edges_or_presentations_nothing_is_assigned() -> None:
    assert np.isnan(assign_photodiode(np.array([1.0]), np.zeros(0), tick_hz=1.0)).all()
    assert len(assign_photodiode(np.zeros(0), np.array([1.0]), tick_hz=1.0)) == 0
