"""Alignment, one hard case at a time: what is known is right, and what cannot be known is said."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.alignment.alignment import NOT_PLACED, Alignment, align
from closedloop.alignment.code_matching import MatchingRules
from closedloop.alignment.markers import AT_BORDER, NO_CLOCK, NO_COVER, NOT_RECORDED, TOO_FAR
from closedloop.alignment.run_search import AlignmentRules
from closedloop.errors import AlignmentError
from closedloop.recording.codes import ReceivedCodes, SentCodes
from closedloop.recording.segments import Segment
from tests.unit.alignment.sessions import Device, Line, make_world, observe

CLEAN = Line(lost=0.0, doubled=0.0, flipped=0.0)
HZ = 30_000


def received(tick: list[int], value: list[int], clock_segment: list[int] | None = None) -> ReceivedCodes:
    return ReceivedCodes(np.array(clock_segment or [0] * len(tick)), np.array(tick), np.array(value))


def small_session(
    code: list[int], time_s: list[float], tick: list[int], value: list[int]
) -> tuple[SentCodes, ReceivedCodes]:
    """Give 100 clean codes 200 ms apart on equal clocks, followed by a few of one's own."""
    sent = SentCodes(np.array([*range(1, 101), *code]), np.array([*(np.arange(100) * 0.2), *time_s]))
    return sent, received([*range(0, 600_000, 6000), *tick], [*range(1, 101), *value])


def fates(found: Alignment) -> list[str]:
    return [code.fate for code in found.quality.unmatched]


def test_a_second_copy_on_time_does_not_take_the_place_of_the_first() -> None:
    found = align(*small_session([120], [21.0], [21 * HZ - 5, 21 * HZ + 1], [120, 120]))
    assert found.code_tick[-1] == 21 * HZ - 5
    assert fates(found) == ["doubled"]


def test_a_late_copy_of_a_word_whose_first_copy_was_flipped_times_nothing() -> None:
    found = align(*small_session([120], [21.0], [21 * HZ, 21 * HZ + 600], [121, 120]))
    assert (found.onset_tick[-1], found.source[-1], bool(found.changed[-1])) == (21 * HZ, "code", True)
    assert fates(found) == ["doubled"]


def test_a_copy_20_ms_late_is_the_code_but_the_clocks_tell_the_moment() -> None:
    found = align(*small_session([120, 121], [21.0, 22.0], [21 * HZ + 600, 22 * HZ], [120, 121]))
    assert found.code_tick[-2] == 21 * HZ + 600
    assert found.source[-2:].tolist() == ["fit", "code"]
    assert found.onset_tick[-2] == pytest.approx(21 * HZ, abs=1)
    assert (found.quality.n_off_time, found.quality.n_lost) == (1, 0)


def test_a_code_after_one_that_was_changed_into_it_keeps_its_place() -> None:
    tick = [21 * HZ, 21 * HZ + 6000]
    found = align(*small_session([120, 121], [21.0, 21.2], tick, [121, 121]))
    assert found.code_tick[-2:].tolist() == tick
    assert found.changed[-2:].tolist() == [True, False]


def test_a_similar_code_at_another_time_is_not_taken_for_a_lost_one() -> None:
    found = align(*small_session([120, 90], [21.0, 22.0], [21 * HZ + 150, 22 * HZ], [121, 90]))
    assert found.source[-2] == "fit"
    assert fates(found) == ["lost", "foreign"]


def test_a_code_with_many_flipped_bits_is_not_taken_for_the_one_sent() -> None:
    found = align(*small_session([120, 90], [21.0, 22.0], [21 * HZ, 22 * HZ], [120 ^ 0b111, 90]))
    assert found.source[-2] == "fit"
    assert fates(found) == ["lost", "foreign"]


def test_zeros_between_words_are_counted_and_hurt_nothing() -> None:
    world = make_world(300, seed=1)
    seen = observe(world, Device(), seed=1, line=CLEAN)
    tick = np.repeat(seen.received.tick, 2) + np.tile([0, 3], 300)
    value = np.stack([seen.received.value, np.zeros(300, np.int64)], axis=1).ravel()
    found = align(world.sent, ReceivedCodes(np.zeros(600, np.int64), tick, value))
    np.testing.assert_array_equal(found.code_tick, seen.tick)
    assert (found.quality.n_rest, found.quality.unmatched) == (300, ())


def test_words_of_eight_bits_match_a_longer_counter_only_if_that_is_said() -> None:
    world = make_world(700, seed=2, n_codes=100_000)
    seen = observe(world, Device(), seed=2, line=CLEAN)
    cut = ReceivedCodes(seen.received.clock_segment, seen.received.tick, seen.received.value & 0xFF)
    told = align(world.sent, cut, rules=AlignmentRules(matching=MatchingRules(code_bits=8)))
    np.testing.assert_array_equal(told.code_tick, seen.tick)
    assert not told.changed.any()
    with pytest.raises(AlignmentError, match="found 255 of them"):
        align(world.sent, cut)


def test_a_clock_with_milliseconds_of_residual_drift_times_lost_codes_within_half_a_millisecond() -> None:
    world = make_world(20_000, seed=3)
    seen = observe(world, Device(ppm=-37.0, residual_drift_ms=3.0), seed=3, line=Line(lost=0.05))
    found = align(world.sent, seen.received, segments=seen.segments)
    fit = found.source == "fit"
    assert np.count_nonzero(fit) == np.count_nonzero(~seen.arrived) > 900
    assert np.abs(found.onset_tick - seen.tick)[fit].max() / HZ * 1000 < 0.15
    assert found.quality.runs[0].wander_ms > 3.0


def test_residual_drift_is_measured_from_peak_to_peak() -> None:
    """A clock swings by 3 ms to either side, four times; what a straight line takes of that is little."""
    world = make_world(20_000, seed=3)
    clock = Device(residual_drift_ms=3.0, residual_drift_period_s=float(world.world_s[-1]) / 4)
    seen = observe(world, clock, seed=3, line=CLEAN)
    residual_s = 3.0 * np.sin(2 * np.pi * world.world_s / clock.residual_drift_period_s)
    line = np.polynomial.Polynomial.fit(world.world_s, residual_s, 1)
    expected_ms = np.ptp(residual_s - line(world.world_s))
    assert 5.5 < expected_ms < 7.0
    found = align(world.sent, seen.received, segments=seen.segments)
    assert found.quality.runs[0].wander_ms == pytest.approx(expected_ms, abs=0.5)


def test_drift_offset_and_residual_are_those_of_the_clocks() -> None:
    world = make_world(3000, seed=4)
    seen = observe(world, Device(t0_s=250.0, ppm=73.0), seed=4, line=CLEAN)
    quality = align(world.sent, seen.received).quality
    assert quality.drift_ppm == pytest.approx(73.0, abs=0.1)
    assert quality.offset_s == pytest.approx(250.0 + world.world_s[0] * (1 + 73e-6), abs=0.001)
    assert abs(quality.residual_median_ms) < 0.02
    assert quality.residual_iqr_ms == pytest.approx(0.1 / 2, rel=0.25)  # of a uniform distribution over 0.1 ms


def test_forward_jumps_of_the_clock_within_an_clock_segment_part_its_runs() -> None:
    world = make_world(5000, seed=5, n_codes=60)  # a round of codes lasts for 26 s: many fit by accident
    seen = observe(world, Device(), seed=5, line=CLEAN)
    jump = np.searchsorted([1700, 3400], np.arange(5000), side="right") * 26 * HZ
    found = align(
        world.sent, ReceivedCodes(seen.received.clock_segment, seen.received.tick + jump, seen.received.value)
    )
    np.testing.assert_array_equal(found.code_tick, seen.tick + jump)
    assert [(run.clock_segment, run.n_codes) for run in found.quality.runs] == [(0, 1700), (0, 1700), (0, 1600)]


def test_a_code_lost_where_the_clock_jumped_is_listed() -> None:
    world = make_world(1000, seed=5)
    seen = observe(world, Device(), seed=5, line=CLEAN)
    for jump_ticks in (7 * HZ, 60):  # into another run, and 2 ms within one
        jump = np.where(np.arange(1000) >= 400, jump_ticks, 0)
        kept = np.arange(1000) != 400
        codes = ReceivedCodes(
            seen.received.clock_segment[kept], (seen.received.tick + jump)[kept], seen.received.value[kept]
        )
        found = align(world.sent, codes)
        assert found.reason[400] == AT_BORDER
        assert np.isnan(found.onset_tick[400])
        np.testing.assert_array_equal(found.onset_tick[kept], (seen.tick + jump)[kept])


def test_a_clock_that_jumped_by_the_word_of_a_few_codes_is_not_believed_nor_are_they_timed() -> None:
    world = make_world(1000, seed=5)
    seen = observe(world, Device(), seed=5, line=CLEAN)
    jump = np.where(np.arange(1000) >= 970, 7 * HZ, 0)
    codes = ReceivedCodes(seen.received.clock_segment, seen.received.tick + jump, seen.received.value)
    found = align(world.sent, codes, segments=(Segment(0, 0, int(seen.tick[-1]) + 20 * HZ, 0),))
    assert set(found.reason[970:]) == {AT_BORDER}
    np.testing.assert_array_equal(found.onset_tick[:970], seen.tick[:970])


def test_a_code_lost_next_to_a_reset_is_timed_only_where_its_side_is_certain() -> None:
    world = make_world(800, seed=6)
    device = Device(resets_s=(float(world.world_s[400]) + 0.1,), reset_takes_s=0.02)
    seen = observe(world, device, seed=6, line=CLEAN)
    kept = ~np.isin(np.arange(800), (400, 401))
    codes = ReceivedCodes(seen.received.clock_segment[kept], seen.received.tick[kept], seen.received.value[kept])
    known = align(world.sent, codes, segments=seen.segments)
    assert known.clock_segment[[400, 401]].tolist() == [0, 1]
    np.testing.assert_allclose(known.onset_tick[[400, 401]], seen.tick[[400, 401]], atol=5)
    unknown = align(world.sent, codes)
    assert [unknown.reason[row] for row in (400, 401)] == [NO_COVER, NO_COVER]
    long = tuple(
        Segment(s.clock_segment, s.first_tick - HZ, s.end_tick + HZ, s.n_samples + 2 * HZ) for s in seen.segments
    )
    both = align(world.sent, codes, segments=long)
    assert [both.reason[row] for row in (400, 401)] == [AT_BORDER, AT_BORDER]


def test_what_happened_in_a_pause_or_after_the_end_has_no_onset() -> None:
    world = make_world(700, seed=7)
    pause = (float(world.world_s[200]) - 0.05, float(world.world_s[260]) - 0.05)
    device = Device(pauses_s=(pause,), stops_s=float(world.world_s[650]) - 0.05)
    seen = observe(world, device, seed=7, line=CLEAN)
    found = align(world.sent, seen.received, segments=seen.segments)
    gone = np.r_[200:260, 650:700]
    assert {found.reason[row] for row in gone} == {NOT_RECORDED}
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found.onset_tick)), gone)


def test_an_clock_segment_of_a_handful_of_codes_is_placed_between_its_neighbours() -> None:
    world = make_world(900, seed=8)
    resets = (float(world.world_s[400]) - 0.05, float(world.world_s[404]) - 0.05)
    device = Device(ppm=80.0, resets_s=resets, reset_takes_s=0.02)
    seen = observe(world, device, seed=8, line=CLEAN)
    found = align(world.sent, seen.received, segments=seen.segments)
    np.testing.assert_array_equal(found.clock_segment, seen.clock_segment)
    np.testing.assert_array_equal(found.code_tick, seen.tick)


def test_a_short_clock_segment_that_could_lie_anywhere_is_said_to_have_no_place() -> None:
    world = make_world(900, seed=9, n_codes=7)
    stub = received([1000, 7000], [3, 4])  # of any of the first 30 trials
    seen = observe(world, Device(), seed=9, line=CLEAN)
    codes = ReceivedCodes(
        np.r_[stub.clock_segment, seen.received.clock_segment[210:] + 1],
        np.r_[stub.tick, seen.received.tick[210:]],
        np.r_[stub.value, seen.received.value[210:]],
    )
    found = align(world.sent, codes)
    assert [(one.clock_segment, one.n_codes) for one in found.quality.unplaced_clock_segments] == [(0, 2)]
    assert fates(found) == ["lost"] * 210 + ["foreign"] * 2
    np.testing.assert_array_equal(found.code_tick[210:], seen.tick[210:])
    assert np.isnan(found.onset_tick[:210]).all()


def test_clock_segments_that_fit_in_two_places_each_are_placed_by_their_order() -> None:
    world = make_world(2800, seed=14, regular=True)  # code and interval come round after 1393 codes
    device = Device(resets_s=(float(world.world_s[1400]) - 0.05,), reset_takes_s=0.02)
    seen = observe(world, device, seed=14, line=CLEAN)
    found = align(world.sent, seen.received, segments=seen.segments)
    np.testing.assert_array_equal(found.clock_segment, seen.clock_segment)
    np.testing.assert_array_equal(found.code_tick, seen.tick)


def test_a_launch_that_was_not_recorded_is_set_aside_with_the_reason() -> None:
    world = make_world(600, seed=10, restarts=2)
    seen = observe(world, Device(), seed=10, line=CLEAN)
    kept = world.launch != 1
    codes = ReceivedCodes(seen.received.clock_segment[kept], seen.received.tick[kept], seen.received.value[kept])
    found = align(world.sent, codes, segments=seen.segments)
    np.testing.assert_array_equal([reason == NOT_PLACED for reason in found.reason], ~kept)
    np.testing.assert_array_equal(found.onset_tick[kept], seen.tick[kept])
    assert found.quality.n_unplaced == np.count_nonzero(~kept)


def test_codes_lost_for_long_are_not_timed_from_far_away() -> None:
    world = make_world(2000, seed=11)
    seen = observe(world, Device(), seed=11, line=CLEAN)
    kept = np.arange(2000) < 1000
    codes = ReceivedCodes(seen.received.clock_segment[kept], seen.received.tick[kept], seen.received.value[kept])
    found = align(world.sent, codes, segments=seen.segments)
    apart_s = world.world_s - world.world_s[999]
    np.testing.assert_array_equal([reason == TOO_FAR for reason in found.reason], apart_s > 120.0)
    near = apart_s <= 120.0
    assert np.abs(found.onset_tick - seen.tick)[near].max() <= 0.0005 * HZ


def test_two_codes_that_disagree_tell_no_time() -> None:
    sent, clean = small_session([], [], [], [])
    late = received([*clean.tick.tolist(), 0, 6600], [*clean.value.tolist(), 101, 102], [0] * 100 + [1] * 2)
    longer = SentCodes(np.r_[sent.code, 101, 102], np.r_[sent.time_s, 30.0, 30.2])
    found = align(longer, late)
    assert found.reason[-2:] == (NO_CLOCK, NO_CLOCK)
    assert np.isnan(found.onset_tick[-2:]).all()


def test_a_recording_of_another_session_is_refused_in_one_line() -> None:
    ours, other = make_world(600, seed=1), make_world(600, seed=2)
    with pytest.raises(
        AlignmentError, match=r"array1\.nev: expected at least 50% of the journal's 600 codes"
    ) as caught:
        align(ours.sent, observe(other, Device(), seed=2).received, place="array1.nev")
    assert "\n" not in str(caught.value)


def test_a_recording_without_codes_and_an_empty_journal_are_refused() -> None:
    sent, codes = small_session([], [], [], [])
    with pytest.raises(AlignmentError, match="found 100 in the journal and 0 in the recording"):
        align(sent, received([], []))
    with pytest.raises(AlignmentError, match="found 0 in the journal"):
        align(SentCodes(np.zeros(0, np.int64), np.zeros(0)), codes)


def test_the_part_of_a_session_that_was_recorded_is_aligned() -> None:
    world = make_world(400, seed=12)
    seen = observe(world, Device(stops_s=float(world.world_s[160]) - 0.05), seed=12, line=CLEAN)
    found = align(world.sent, seen.received, segments=seen.segments)
    assert found.source.tolist() == ["code"] * 160 + ["none"] * 240


def test_unmatched_codes_are_listed_with_their_fate_and_clock() -> None:
    tick = [*range(0, 600_000, 6000)]
    value = [*range(1, 101)]
    del tick[20], value[20]
    found = align(SentCodes(np.arange(1, 101), np.arange(100) * 0.2), received([*tick, 600_100], [*value, 240]))
    assert [str(code) for code in found.quality.unmatched] == [
        "lost: code 21 at 4.000 s (rig), number 20",
        "foreign: code 240 at 20.003 s (array), number 99",
    ]
    assert found.quality.to_json_dict()["unmatched"][1]["epoch"] == 0


def test_lists_out_of_order_are_refused() -> None:
    sent, codes = small_session([], [], [], [])
    with pytest.raises(ValueError, match="not decreasing"):
        align(SentCodes(sent.code, sent.time_s[::-1]), codes)
    with pytest.raises(ValueError, match="clock segment, then tick"):
        align(sent, ReceivedCodes(codes.clock_segment, codes.tick[::-1], codes.value))
    with pytest.raises(ValueError, match="launches"):
        align(SentCodes(sent.code, sent.time_s, np.arange(100)[::-1]), codes)


@pytest.mark.parametrize("early_ms", [-9.0, 0.0, 9.0])
@pytest.mark.parametrize("was_sent", [False, True])
def test_a_code_that_a_kill_left_unsure_is_found_where_it_came_and_lost_nowhere_else(was_sent, early_ms):
    """The rig was killed between writing that it would send code 41 and writing that it had."""
    time_s = np.cumsum(np.random.default_rng(3).uniform(0.15, 0.25, 80))
    unsure = np.arange(80) == 40
    launch = (np.arange(80) > 40).astype(np.int64)
    said_s = time_s - unsure * early_ms / 1000
    lit = ~unsure
    sent = SentCodes(np.arange(1, 81), said_s, launch, lit, unsure)
    came = was_sent | ~unsure
    tick = np.rint((time_s + 5) * 30_000).astype(np.int64)[came]
    received = ReceivedCodes(np.zeros(len(tick), int), tick, np.arange(1, 81)[came])
    quality = (found := align(sent, received)).quality
    assert (quality.n_sent, quality.n_matched, quality.n_lost) == (79 + was_sent, 79 + was_sent, 0)
    assert (quality.n_foreign, quality.n_unplaced, quality.n_presentations, quality.n_set_aside) == (0, 0, 79, 0)
    assert (found.received_index[40] >= 0) == was_sent
