"""Alignment on generated sessions whose truth is known: every fault of the trigger line, none invented."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.errors import AlignmentError
from closedloop.recording.alignment import NOT_PLACED, align
from closedloop.recording.clock import fit_clock
from closedloop.recording.clock_search import rough_clock
from closedloop.recording.code_matching import MatchingRules, match_codes
from closedloop.recording.codes import ReceivedCodes, SentCodes
from closedloop.recording.segments import AlignmentRules

TICK_HZ = 30_000.0
JITTER_S = 0.0001
FATES = ("lost", "doubled", "changed", "fine")


@dataclass(frozen=True)
class Session:
    """What was sent and received, and the truth: the tick of every sent code and what became of it."""

    sent: SentCodes
    received: ReceivedCodes
    true_tick: np.ndarray
    fate: np.ndarray


def session(
    n: int,
    *,
    seed: int,
    ppm: float = 0.0,
    offset_s: float = 100.0,
    faults: tuple[float, float, float] = (0.01, 0.01, 0.005),
    n_codes: int = 199,
    regular: bool = False,
    segments: int = 1,
) -> Session:
    """Make trials of six presentations 200 ms apart with irregular pauses, and receive them over a bad line.

    Each resume of the rig starts its clock anew at zero, after a pause of 30 s.
    """
    rng = np.random.default_rng(seed)
    pause = np.full(n, 1.0) if regular else np.round(rng.uniform(0.8, 2.5, n) * 60) / 60
    world_s = np.cumsum(np.where(np.arange(n) % 6 == 0, pause, 0.2))
    segment = np.arange(n) * segments // n
    world_s += 30.0 * segment
    starts = np.array([world_s[segment == k][0] for k in range(segments)])
    code = 1 + np.arange(n) % n_codes
    arrived = np.round((offset_s + world_s * (1 + ppm * 1e-6) + rng.uniform(0, JITTER_S, n)) * TICK_HZ).astype(np.int64)
    fate = rng.choice(FATES, n, p=[*faults, 1 - sum(faults)])
    tick, value = [], []
    for i in range(n):
        if fate[i] == "lost":
            continue
        tick.append(int(arrived[i]))
        value.append(int(code[i]) ^ (1 << int(rng.integers(8)) if fate[i] == "changed" else 0))
        if fate[i] == "doubled":
            tick.append(int(arrived[i] + rng.integers(1, 1500)))
            value.append(int(code[i]))
    order = np.argsort(tick, kind="stable")
    return Session(
        SentCodes(code, world_s - starts[segment], segment),
        ReceivedCodes(np.array(tick, np.int64)[order], np.array(value, np.int64)[order], TICK_HZ),
        arrived,
        fate,
    )


def check_against_truth(made: Session) -> None:
    found = align(made.sent, made.received)
    error_ms = np.abs(found.onset_tick - made.true_tick) / TICK_HZ * 1000
    by_code = found.source == "code"
    assert error_ms[by_code].max() <= 1000 / TICK_HZ, "a matched code is the very packet that was sent"
    assert error_ms.max() <= 0.5, "a lost one is timed by the fit"
    assert set(found.source) <= {"code", "fit"}
    np.testing.assert_array_equal(by_code, made.fate != "lost", "none lost, none invented")
    np.testing.assert_array_equal(found.changed, made.fate == "changed")
    assert len(set(found.received_index[by_code])) == np.count_nonzero(by_code)
    quality = found.quality
    assert quality.n_lost == np.count_nonzero(made.fate == "lost")
    assert quality.n_doubled == np.count_nonzero(made.fate == "doubled")
    assert quality.n_changed == np.count_nonzero(made.fate == "changed")
    assert (quality.n_foreign, quality.n_sent) == (0, len(made.sent.code))
    assert quality.n_received == len(made.received.tick) == quality.n_matched + quality.n_doubled
    assert len(quality.unmatched) == quality.n_lost + quality.n_doubled


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(30, 1500),
    seed=st.integers(0, 10_000),
    ppm=st.floats(-100, 100),
    offset_s=st.floats(0, 5000),
    n_codes=st.sampled_from([60, 199, 65_535]),
)
def test_every_code_finds_its_presentation_and_none_is_invented(
    n: int, seed: int, ppm: float, offset_s: float, n_codes: int
) -> None:
    check_against_truth(session(n, seed=seed, ppm=ppm, offset_s=offset_s, n_codes=n_codes))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), segments=st.integers(2, 4), ppm=st.floats(-100, 100))
def test_a_resumed_rig_with_a_new_clock_is_found_piece_by_piece(seed: int, segments: int, ppm: float) -> None:
    check_against_truth(session(900, seed=seed, segments=segments, ppm=ppm))


def test_a_session_of_hours_is_aligned_at_the_end_of_the_drift() -> None:
    check_against_truth(session(20_000, seed=2, ppm=-100.0, faults=(0.01, 0.01, 0.0)))


def test_a_session_without_irregularity_on_a_bad_line_is_not_taken_one_round_of_codes_away() -> None:
    made = session(90_000, seed=1, ppm=-100.0, faults=(0.2, 0.01, 0.0), regular=True)
    rough = rough_clock(
        made.sent.code, made.sent.time_s, made.received.value, made.received.time_s, largest_drift_ppm=200.0
    )
    assert rough is not None
    offset_s, drift = rough
    expected_s = offset_s + made.sent.time_s * (1 + drift)
    assert np.abs(expected_s - made.true_tick / TICK_HZ).max() < 0.03  # a round of 199 codes lasts 66 s


def test_a_short_segment_is_sought_only_between_its_neighbours() -> None:
    made = session(903, seed=8, segments=1, n_codes=60, faults=(0.0, 0.0, 0.0))
    segment = np.repeat([0, 1, 2], [600, 3, 300])
    start_s = made.sent.time_s[[0, 600, 603]][segment]
    found = align(SentCodes(made.sent.code, made.sent.time_s - start_s, segment), made.received)
    np.testing.assert_array_equal(found.onset_tick, made.true_tick)


def small_session(code: list[int], time_s: list[float], tick: list[int], value: list[int]) -> tuple:
    """Give 100 clean codes 200 ms apart on equal clocks, followed by a few of one's own."""
    sent = SentCodes(np.array([*range(1, 101), *code]), np.array([*(np.arange(100) * 0.2), *time_s]))
    ticks = np.array([*(np.arange(100) * 6000), *tick])
    return sent, ReceivedCodes(ticks, np.array([*range(1, 101), *value]), TICK_HZ)


def test_the_first_of_two_copies_is_the_code_even_where_the_second_is_nearer_in_time() -> None:
    found = align(*small_session([120], [30.0], [30 * 30_000 - 300, 30 * 30_000], [120, 120]))
    assert found.code_tick[-1] == 30 * 30_000 - 300
    assert found.quality.n_doubled == 1


def test_a_code_after_one_that_was_changed_into_it_keeps_its_place() -> None:
    tick = [30 * 30_000, 30 * 30_000 + 6000]
    found = align(*small_session([120, 121], [30.0, 30.2], tick, [121, 121]))
    assert found.code_tick[-2:].tolist() == tick
    assert found.changed[-2:].tolist() == [True, False]


def test_a_similar_code_at_another_time_is_not_taken_for_a_lost_one() -> None:
    found = align(*small_session([120], [30.0], [30 * 30_000 + 150], [121]))
    assert found.source[-1] == "fit"
    assert [code.fate for code in found.quality.unmatched] == ["lost", "foreign"]


def test_a_code_with_many_flipped_bits_is_not_taken_for_the_one_sent() -> None:
    found = align(*small_session([120], [30.0], [30 * 30_000], [120 ^ 0b111]))
    assert found.source[-1] == "fit"


def test_drift_and_offset_are_those_of_the_clocks() -> None:
    made = session(3000, seed=4, ppm=73.0, offset_s=250.0)
    quality = align(made.sent, made.received).quality
    start_s = 250.0 + (1 + 73e-6) * (made.true_tick[0] / TICK_HZ - 250.0) / (1 + 73e-6)
    assert quality.drift_ppm == pytest.approx(73.0, abs=0.1)
    assert quality.offset_s == pytest.approx(start_s, abs=0.001)
    assert abs(quality.residual_median_ms) < 0.05
    assert quality.residual_iqr_ms == pytest.approx(JITTER_S * 1000 / 2, rel=0.25)  # of a uniform distribution


def test_unmatched_codes_are_listed_with_their_fate() -> None:
    made = session(60, seed=1, faults=(0.0, 0.0, 0.0))
    tick, value = made.received.tick, made.received.value
    keep = np.arange(60) != 20
    tick = np.append(tick[keep], [tick[30] + 90, tick[40] + 2000])
    value = np.append(value[keep], [value[30], 240])
    order = np.argsort(tick)
    quality = align(made.sent, ReceivedCodes(tick[order], value[order], TICK_HZ)).quality
    assert [(code.fate, code.code) for code in quality.unmatched] == [("lost", 21), ("doubled", 31), ("foreign", 240)]
    assert str(quality.unmatched[0]).startswith("lost: code 21 at ")
    assert quality.to_json_dict()["unmatched"][2]["index"] == int(np.flatnonzero(value[order] == 240)[0])


def test_a_recording_of_another_session_is_refused_in_one_line() -> None:
    ours, other = session(600, seed=1), session(600, seed=2)
    with pytest.raises(
        AlignmentError, match=r"array1\.nev: expected at least 50% of the journal's 600 codes"
    ) as caught:
        align(ours.sent, other.received, place="array1.nev")
    assert "\n" not in str(caught.value)


def test_a_recording_without_codes_and_an_empty_journal_are_refused() -> None:
    made = session(50, seed=1)
    nothing = np.zeros(0, np.int64)
    with pytest.raises(AlignmentError, match="found 0 of them among 0 received"):
        align(made.sent, ReceivedCodes(nothing, nothing))
    with pytest.raises(AlignmentError, match="0 codes"):
        align(SentCodes(nothing, np.zeros(0)), made.received)


def test_half_a_recording_is_accepted_only_if_the_rules_say_so() -> None:
    made = session(400, seed=3, faults=(0.0, 0.0, 0.0))
    half = ReceivedCodes(made.received.tick[:160], made.received.value[:160], TICK_HZ)
    with pytest.raises(AlignmentError):
        align(made.sent, half)
    found = align(made.sent, half, rules=AlignmentRules(smallest_share=0.3))
    assert found.source.tolist() == ["code"] * 160 + ["fit"] * 240


def test_a_segment_that_was_not_recorded_is_set_aside_with_the_reason() -> None:
    made = session(600, seed=5, segments=3, faults=(0.0, 0.0, 0.0))
    segment = made.sent.segment_ids
    kept = segment != 1
    found = align(made.sent, ReceivedCodes(made.received.tick[kept], made.received.value[kept], TICK_HZ))
    np.testing.assert_array_equal(found.source == "none", ~kept)
    assert np.isnan(found.onset_tick[~kept]).all()
    assert [reason == NOT_PLACED for reason in found.reason] == (~kept).tolist()
    np.testing.assert_array_equal(found.onset_tick[kept], made.true_tick[kept])


def test_the_photodiode_wins_and_its_usual_lag_serves_where_it_is_missing() -> None:
    made = session(600, seed=6, faults=(0.05, 0.0, 0.0))
    lag_ms = 28.0 + 0.5 * np.sin(np.arange(600))
    light = made.true_tick + lag_ms * TICK_HZ / 1000
    dark = np.arange(600) % 50 == 7
    found = align(made.sent, made.received, photodiode_edge_tick=light[~dark])
    np.testing.assert_array_equal(found.source == "photodiode", ~dark)
    np.testing.assert_array_equal(found.onset_tick[~dark], light[~dark])
    assert np.abs(found.onset_tick - light).max() / TICK_HZ * 1000 < 0.7
    assert found.quality.n_without_photodiode == 12
    seen = ~dark & (made.fate != "lost")
    low, median, high = np.percentile(lag_ms[seen], (25, 50, 75))
    assert found.quality.photodiode_lag_median_ms == pytest.approx(median)
    assert found.quality.photodiode_lag_iqr_ms == pytest.approx(high - low)


def test_a_code_without_light_of_its_own_takes_no_edge_and_no_lag() -> None:
    made = session(60, seed=6, faults=(0.0, 0.0, 0.0))
    lit = np.arange(60) % 6 != 0
    sent = SentCodes(made.sent.code, made.sent.time_s, lit=lit)
    found = align(sent, made.received, photodiode_edge_tick=made.true_tick + 900.0)
    np.testing.assert_array_equal(found.onset_tick, made.true_tick + 900.0 * lit)
    assert found.quality.n_without_photodiode == 0


def test_without_a_photodiode_the_code_is_the_onset() -> None:
    made = session(60, seed=6, faults=(0.0, 0.0, 0.0))
    found = align(made.sent, made.received)
    np.testing.assert_array_equal(found.onset_tick, made.true_tick)
    assert found.quality.photodiode_lag_median_ms is None
    assert found.quality.n_without_photodiode == 60


def score(sent: int, received: int, distance_s: float, *, is_echo: bool) -> float:
    """Score a pair after the rules' description: windows 0.55 s for equal codes, 0.25 s for one changed bit."""
    if sent == received and distance_s <= 0.55:
        return (2 if is_echo else 3) + 1 - distance_s / 0.55
    return 2 - distance_s / 0.25 if (sent ^ received).bit_count() == 1 and distance_s <= 0.25 else 0.0


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
    codes = [np.array([code for code, _, _ in codes]) for codes in (sent, received)]
    times = [np.array([time / 10 for _, time, _ in codes]) for codes in (sent, received)]
    matched = match_codes(
        codes[0],
        times[0],
        codes[1],
        times[1],
        is_echo=np.array([echo for _, _, echo in received]),
        rules=MatchingRules(exact_window_s=0.55, changed_window_s=0.25, most_changed_bits=1),
    )
    pairs = [(i, j) for i, j in enumerate(matched.tolist()) if j >= 0]
    assert sum(gain[i][j] for i, j in pairs) == pytest.approx(table[-1, -1])
    assert all(np.diff([j for _, j in pairs]) > 0)


def test_lists_out_of_order_are_refused() -> None:
    made = session(30, seed=1)
    with pytest.raises(ValueError, match="not decreasing"):
        align(SentCodes(made.sent.code, made.sent.time_s[::-1]), made.received)
    with pytest.raises(ValueError, match="one tick each"):
        align(made.sent, ReceivedCodes(made.received.tick[::-1], made.received.value))


def test_the_clock_fit_withstands_a_fifth_of_wild_points() -> None:
    rng = np.random.default_rng(0)
    rig_s = np.linspace(1000, 19_000, 5000)
    array_s = -40.0 + rig_s * (1 - 50e-6) + rng.normal(0, 1e-4, 5000)
    array_s[::5] += rng.uniform(0.005, 0.05, 1000)
    fit = fit_clock(rig_s, array_s)
    assert fit.drift_ppm == pytest.approx(-50.0, abs=0.01)
    assert fit.array_s(np.array([10_000.0]))[0] == pytest.approx(-40.0 + 10_000 * (1 - 50e-6), abs=2e-5)


def test_one_event_gives_an_offset_and_no_drift() -> None:
    fit = fit_clock(np.array([5.0]), np.array([105.0]))
    assert (fit.offset_s, fit.drift_ppm, fit.n_codes) == (100.0, 0.0, 1)
