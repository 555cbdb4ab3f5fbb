"""Poisson spikes of every electrode over a session: spontaneous all the time, evoked after each photodiode onset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.lookup import take_or
from closedloop.simulation.cortex.trials import PsthProfile

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpikeTrains:
    """Spikes of all electrodes, in order of time.

    Attributes
    ----------
    time_s
        Rig clock, seconds, (n_spikes,).
    electrode_id
        From 1, (n_spikes,).
    """

    time_s: Floats
    electrode_id: NDArray[np.int64]


def draw_spikes(
    onset_s: Floats,
    evoked_hz: Floats,
    *,
    baseline_hz: Floats,
    profile: PsthProfile,
    span_s: tuple[float, float],
    seed: int,
) -> SpikeTrains:
    """Draw the spikes of a session.

    Within an evoked window (`profile.edges_ms` after an onset) a site fires at its evoked rate; a window ends early
    where the next one begins. Everywhere else it fires at its baseline.

    Parameters
    ----------
    onset_s
        Photodiode onsets, ascending, seconds, (n_presentations,).
    evoked_hz
        Mean rate in the window, (n_presentations, n_electrodes).
    baseline_hz
        (n_electrodes,).
    profile
        Time course in the window.
    span_s
        Start and end of the recording.
    seed
        Each electrode draws from its own generator, seeded by this and its number.
    """
    window_start = onset_s + profile.edges_ms[0] / 1000
    window_stop = np.minimum(onset_s + profile.edges_ms[-1] / 1000, np.r_[window_start[1:], np.inf])
    times, electrodes = [], []
    for electrode, baseline in enumerate(baseline_hz):
        random = np.random.default_rng([seed, electrode])
        spontaneous = _draw_spontaneous(random, baseline, span_s, window_start, window_stop)
        evoked = _draw_evoked(random, onset_s, evoked_hz[:, electrode], profile, window_stop)
        times += [spontaneous, evoked]
        electrodes.append(np.full(len(spontaneous) + len(evoked), electrode + 1))
    time_s = np.concatenate(times)
    order = np.argsort(time_s, kind="stable")
    return SpikeTrains(time_s[order], np.concatenate(electrodes)[order])


def _draw_spontaneous(
    random: np.random.Generator, rate_hz: float, span_s: tuple[float, float], window_start: Floats, window_stop: Floats
) -> Floats:
    start, stop = span_s
    drawn = np.sort(random.uniform(start, stop, random.poisson(rate_hz * (stop - start))))
    window = np.searchsorted(window_start, drawn, side="right") - 1
    inside = (window >= 0) & (drawn < take_or(window_stop, window, -np.inf))
    return np.asarray(drawn[~inside])


def _draw_evoked(
    random: np.random.Generator, onset_s: Floats, rate_hz: Floats, profile: PsthProfile, window_stop: Floats
) -> Floats:
    length_s = (profile.edges_ms[-1] - profile.edges_ms[0]) / 1000
    n_spikes = random.poisson(rate_hz * length_s)
    presentation = np.repeat(np.arange(len(onset_s)), n_spikes)
    cumulative = np.r_[0.0, np.cumsum(profile.relative_rate * np.diff(profile.edges_ms))]
    after_onset_ms = np.interp(random.random(len(presentation)), cumulative / cumulative[-1], profile.edges_ms)
    time_s = onset_s[presentation] + after_onset_ms / 1000
    return np.asarray(time_s[time_s < window_stop[presentation]])
