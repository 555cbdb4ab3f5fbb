"""Spikes around onsets: half-open windows and rates that integrate to counts."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.analysis.psth import rate_over_time, spikes_around


def test_spikes_are_cut_half_open_and_told_in_milliseconds() -> None:
    spikes = np.array([0.5, 1.0, 1.0625, 1.125, 1.25])
    first, second = spikes_around(spikes, np.array([1.0, 1.1875]), window_ms=(0.0, 125.0))
    assert first.tolist() == [0.0, 62.5]
    assert second.tolist() == [62.5]


def test_an_onset_without_spikes_gives_an_empty_row() -> None:
    (row,) = spikes_around(np.array([]), np.array([3.0]), window_ms=(-100.0, 300.0))
    assert row.size == 0


@pytest.mark.parametrize(
    ("spikes", "onsets", "window"),
    [([1.0, 0.5], [1.0], (0.0, 1.0)), ([1.0], [np.nan], (0.0, 1.0)), ([1.0], [1.0], (5.0, 5.0))],
)
def test_disordered_spikes_unknown_onsets_and_empty_windows_are_refused(
    spikes: list[float], onsets: list[float], window: tuple[float, float]
) -> None:
    with pytest.raises(ValueError, match="spikes_around"):
        spikes_around(np.array(spikes), np.array(onsets), window_ms=window)


def test_the_rate_integrates_to_the_spikes_of_a_showing() -> None:
    showings = [np.array([0.0, 9.9, 10.0]), np.array([25.0, 30.0, -1.0])]
    edges = np.array([0.0, 10.0, 30.0])
    assert rate_over_time(showings, edges_ms=edges) == pytest.approx([2 / 0.01 / 2, 2 / 0.02 / 2])


def test_a_poisson_trains_rate_is_recovered() -> None:
    rng = np.random.default_rng(0)
    spikes = np.sort(rng.uniform(0, 1000.0, size=80_000))
    cut = spikes_around(spikes, np.arange(1.0, 999.0), window_ms=(70.0, 170.0))
    assert rate_over_time(cut, edges_ms=np.array([70.0, 170.0])) == pytest.approx([80.0], rel=0.03)


def test_no_showing_has_no_rate() -> None:
    assert np.isnan(rate_over_time([], edges_ms=np.array([0.0, 10.0]))).all()
