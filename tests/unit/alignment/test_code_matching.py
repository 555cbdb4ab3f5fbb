"""The choice of pairs is the best one, the vote finds the clock, the clock withstands what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.alignment.clock import fit_clock, local_clock, robust_sd, running_median
from closedloop.alignment.clock_search import rough_clocks
from closedloop.alignment.code_lists import code_lists
from closedloop.alignment.code_matching import CandidatePairs, MatchingRules, match_codes, near_pairs
from closedloop.alignment.placement import place_runs
from closedloop.alignment.run_search import AlignmentRules
from tests.unit.alignment.sessions import Device, Line, make_world, observe

RULES = MatchingRules(exact_window_s=0.55, most_changed_bits=1)
ON_TIME_S = 0.25


def score(sent: int, received: int, distance_s: float, *, is_echo: bool) -> float:
    """Score a pair after the rules' description: on time within 0.25 s, equal codes within 0.55 s."""
    if distance_s <= ON_TIME_S:
        closeness = 1 - distance_s / ON_TIME_S
        if sent == received:
            return (3 if is_echo else 4) + closeness
        return 2 + closeness if (sent ^ received).bit_count() == 1 else 0.0
    return 1 - distance_s / 0.55 if sent == received and distance_s <= 0.55 else 0.0


listed = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.booleans()), min_size=1, max_size=9)


@settings(max_examples=200, deadline=None)
@given(sent=listed, received=listed)
def test_the_chosen_pairs_have_the_score_of_a_full_edit_distance_table(sent: list, received: list) -> None:
    sent, received = (sorted(codes, key=lambda code: code[1]) for codes in (sent, received))
    gain = [[score(a, b, abs(s - t) / 10, is_echo=echo) for b, t, echo in received] for a, s, _ in sent]
    table = np.zeros((len(sent) + 1, len(received) + 1))
    for i, row in enumerate(gain):
        for j, own in enumerate(row):
            table[i + 1, j + 1] = max(table[i, j + 1], table[i + 1, j], table[i, j] + own)
    code, value = (np.array([code for code, _, _ in codes]) for codes in (sent, received))
    sent_s, received_s = (np.array([time / 10 for _, time, _ in codes]) for codes in (sent, received))
    i, j = near_pairs(sent_s, received_s, 0.55)
    pairs = CandidatePairs(i, j, np.zeros(len(i), np.int64), received_s[j] - sent_s[i], np.full(len(i), ON_TIME_S))
    is_echo = np.array([echo for _, _, echo in received])
    chosen = match_codes(code, value, pairs, is_echo=is_echo, rules=RULES)
    rows = chosen[chosen >= 0].tolist()
    assert sum(gain[i[k]][j[k]] for k in rows) == pytest.approx(table[-1, -1])
    assert all(np.diff([j[k] for k in rows]) > 0)


def test_a_session_without_irregularity_on_a_bad_line_is_not_taken_one_round_of_codes_away() -> None:
    world = make_world(30_000, seed=1, regular=True)
    seen = observe(world, Device(t0_s=100.0, ppm=-100.0), seed=1, line=Line(lost=0.2))
    lists = code_lists(world.sent, seen.received, code_bits=16, echo_s=1.0)
    (run,) = place_runs(lists, AlignmentRules()).runs
    error_s = run.clock.array_s(world.sent.time_s) - (seen.tick - seen.received.tick[0]) / seen.received.tick_hz
    assert np.abs(error_s).max() < 0.0005  # a round of 199 codes and trials of seven lasts 478 s


def test_lists_without_a_common_code_have_no_clock() -> None:
    code, time_s = np.arange(1, 9), np.arange(8.0)
    assert rough_clocks(code, time_s, code + 100, time_s, largest_drift_ppm=200.0) == []


def test_the_clock_fit_withstands_a_fifth_of_wild_points() -> None:
    rng = np.random.default_rng(0)
    rig_s = np.linspace(1000, 19_000, 5000)
    array_s = -40.0 + rig_s * (1 - 50e-6) + rng.normal(0, 1e-4, 5000)
    array_s[::5] += rng.uniform(0.005, 0.05, 1000)
    fit = fit_clock(rig_s, array_s)
    assert fit.drift_ppm == pytest.approx(-50.0, abs=0.01)
    assert fit.array_s(np.array([10_000.0]))[0] == pytest.approx(-40.0 + 10_000 * (1 - 50e-6), abs=2e-5)


def test_one_event_gives_an_offset_and_the_drift_that_was_known() -> None:
    fit = fit_clock(np.array([5.0]), np.array([105.0]), drift_ppm=20.0, drift_sd_ppm=5.0)
    assert (fit.drift_ppm, fit.n_codes) == (20.0, 1)
    assert fit.array_s(np.array([5.0]))[0] == pytest.approx(105.0)


def test_two_events_in_a_trial_do_not_outweigh_a_known_drift_but_a_minute_does() -> None:
    jitter_s = np.array([0.0, 1e-4])
    for apart_s, least, most in ((0.2, 19.0, 25.0), (60.0, 1.6, 1.9)):
        rig_s = np.array([0.0, apart_s])
        fit = fit_clock(rig_s, rig_s + jitter_s, drift_ppm=20.0, drift_sd_ppm=20.0)
        assert least < fit.drift_ppm < most  # the minute alone says 1.67 ppm


def test_a_local_clock_follows_a_slow_residual_drift_through_late_codes() -> None:
    rng = np.random.default_rng(1)
    rig_s = np.cumsum(rng.uniform(0.2, 0.6, 20_000))
    residual_drift_s = 0.002 * np.sin(rig_s / 900)
    array_s = 7.0 + rig_s * (1 + 30e-6) + residual_drift_s + rng.normal(0, 3e-5, 20_000)
    array_s[::50] += 0.02
    clock = local_clock(fit_clock(rig_s, array_s), rig_s, array_s)
    error_s = clock.array_s(rig_s) - (7.0 + rig_s * (1 + 30e-6) + residual_drift_s)
    assert np.abs(error_s).max() < 1e-4
    assert clock.jitter_s == pytest.approx(3e-5, rel=0.1)


def test_a_running_median_keeps_edges_and_forgets_single_values() -> None:
    values = np.repeat([0.0, 1.0], 50)
    values[20] = 9.0
    np.testing.assert_array_equal(running_median(values, 31), np.repeat([0.0, 1.0], 50))
    np.testing.assert_array_equal(running_median(np.array([1.0, 5.0]), 31), [3.0, 3.0])
    assert len(running_median(np.zeros(0), 31)) == 0


def test_a_robust_sd_is_the_sd_of_a_normal_distribution() -> None:
    values = np.random.default_rng(2).normal(3.0, 0.5, 100_000)
    assert robust_sd(values) == pytest.approx(0.5, rel=0.02)
    assert robust_sd(np.zeros(0)) == robust_sd(np.zeros(5)) > 0
