"""Whose light an edge is: missing, spurious, drifting, late and failing photodiodes, on one device and on several."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.alignment.alignment import UNEXPECTED_EDGE, Alignment, align, align_devices
from closedloop.alignment.photodiode import find_onsets, nearest_edge
from closedloop.alignment.run_search import AlignmentRules
from closedloop.recording.codes import ReceivedCodes
from tests.unit.alignment.sessions import Device, Line, Seen, World, make_world, observe

FRAME_MS = 1000 / 60
RULES = AlignmentRules(frame_ms=FRAME_MS)


def seen_and_found(world: World, device: Device, *, rules: AlignmentRules = RULES) -> tuple[Seen, Alignment]:
    seen = observe(world, device, seed=7)
    return seen, align(world.sent, seen.received, edges=seen.edges, segments=seen.segments, rules=rules)


def check_onsets(world: World, seen: Seen, found: Alignment) -> None:
    """Every timed presentation is right within 0.5 ms of its light, and light is never taken where there was none."""
    hz = seen.received.tick_hz
    shown = world.lit & ~np.isnan(found.onset_tick)
    assert np.abs(found.onset_tick - seen.light_tick)[shown].max() / hz * 1000 <= 0.5
    by_light = found.source == "photodiode"
    np.testing.assert_array_equal(
        found.onset_tick[by_light & seen.light_seen], seen.light_tick[by_light & seen.light_seen]
    )
    starts = ~world.lit & ~np.isnan(found.onset_tick)
    assert not by_light[~world.lit].any()
    assert np.abs(found.onset_tick - seen.tick)[starts].max() / hz * 1000 <= 0.5


def test_the_light_wins_and_its_usual_lag_serves_where_an_edge_is_missing() -> None:
    world = make_world(1500, seed=1)
    seen, found = seen_and_found(world, Device(photodiode=True, edges_lost=0.05))
    check_onsets(world, seen, found)
    np.testing.assert_array_equal(found.source == "photodiode", seen.light_seen)
    assert found.quality.n_without_photodiode == np.count_nonzero(world.lit & ~seen.light_seen)
    lag_ms = ((seen.light_tick - found.code_tick) / 30)[seen.light_seen & seen.arrived]
    low, median, high = np.percentile(lag_ms, (25, 50, 75))
    assert found.quality.photodiode_lag_median_ms == pytest.approx(median)
    assert found.quality.photodiode_lag_iqr_ms == pytest.approx(high - low)


@pytest.mark.parametrize(
    ("world", "device"),
    [
        pytest.param({}, {"flicker_hz": 1.0, "edges_lost": 0.05}, id="flicker"),
        pytest.param({"lag_drift_ms": 15.0}, {"edges_lost": 0.05}, id="a lag that drifts"),
        pytest.param({"late_frames": 0.02}, {}, id="late frames"),
        pytest.param({}, {"dies_s": 300.0, "flicker_hz": 0.2}, id="a photodiode that fails"),
        pytest.param({"restarts": 1}, {"resets_s": (200.0,), "edges_lost": 0.02}, id="a reset and a restart"),
    ],
)
def test_a_bad_photodiode_does_no_harm(world: dict, device: dict) -> None:
    made = make_world(1500, seed=2, **world)
    seen, found = seen_and_found(made, Device(photodiode=True, ppm=-60.0, **device))
    check_onsets(made, seen, found)
    recorded = made.lit & (seen.clock_segment >= 0)
    assert not np.isnan(found.onset_tick[recorded]).any()
    by_light = np.count_nonzero((found.source == "photodiode") & seen.light_seen)
    assert by_light > 0.97 * np.count_nonzero(seen.light_seen)


def test_a_photodiode_that_failed_is_not_believed_afterwards() -> None:
    world = make_world(3000, seed=3)
    _, found = seen_and_found(world, Device(photodiode=True, dies_s=400.0, flicker_hz=3.0))
    dead = world.world_s > 460.0
    noise = np.count_nonzero((found.source == "photodiode") & dead)
    assert noise <= 0.01 * np.count_nonzero(dead)
    sources = found.quality.n_by_source
    assert sources["photodiode"] > 0
    assert sources["code"] > 1000


def test_a_late_frame_is_told_from_flicker_by_the_frame_and_set_aside_without_it() -> None:
    world = make_world(1500, seed=4, late_frames=0.02)
    late = world.lit & (world.light_s - world.world_s > 0.04)
    _, known = seen_and_found(world, Device(photodiode=True))
    assert known.quality.n_late_frames == np.count_nonzero(late) > 10
    assert set(known.source[late]) == {"photodiode"}
    seen, unknown = seen_and_found(world, Device(photodiode=True), rules=AlignmentRules())
    assert {unknown.reason[row] for row in np.flatnonzero(late)} == {UNEXPECTED_EDGE}
    check_onsets(world, seen, unknown)


def test_edges_that_come_at_any_time_are_no_light() -> None:
    world = make_world(1500, seed=5)
    seen, found = seen_and_found(world, Device(photodiode=True, edges_lost=1.0, flicker_hz=100.0))
    assert found.quality.n_by_source["photodiode"] == 0
    assert found.quality.photodiode_lag_median_ms is None
    assert found.quality.light_from is None
    np.testing.assert_array_equal(found.onset_tick[seen.arrived], seen.tick[seen.arrived])


def test_without_a_photodiode_the_code_is_the_onset() -> None:
    world = make_world(70, seed=6)
    seen, found = seen_and_found(world, Device())
    np.testing.assert_array_equal(found.onset_tick[seen.arrived], seen.tick[seen.arrived])
    assert found.quality.n_without_photodiode == np.count_nonzero(world.lit)


def test_light_decides_where_a_code_lost_next_to_a_reset_lay() -> None:
    world = make_world(800, seed=7)
    device = Device(photodiode=True, resets_s=(float(world.world_s[401]) + 0.08,), reset_takes_s=0.02)
    seen = observe(world, device, seed=7, line=Line(lost=0.0, doubled=0.0, flipped=0.0))
    kept = ~np.isin(np.arange(800), (400, 401))
    codes = ReceivedCodes(seen.received.clock_segment[kept], seen.received.tick[kept], seen.received.value[kept])
    found = align(world.sent, codes, edges=seen.edges)
    assert found.clock_segment[[400, 401]].tolist() == [0, 0]
    assert found.source[[400, 401]].tolist() == ["photodiode", "photodiode"]
    np.testing.assert_array_equal(found.onset_tick[[400, 401]], seen.light_tick[[400, 401]])


def test_a_code_that_came_late_does_not_make_its_own_light_look_early() -> None:
    """Codes within 0.4 ms of their moment, 15 of them 0.6 ms later: the clock says where light is expected."""
    world = make_world(1500, seed=1)
    line = Line(lost=0.0, doubled=0.0, flipped=0.0, jitter_s=0.0004)
    seen = observe(world, Device(photodiode=True), seed=7, line=line)
    tick = seen.received.tick.copy()
    late = np.flatnonzero(world.lit)[50::97]
    tick[late] += 18
    codes = ReceivedCodes(seen.received.clock_segment, tick, seen.received.value)
    found = align(world.sent, codes, edges=seen.edges, segments=seen.segments, rules=RULES)
    assert (found.late_ms[late] > 0.3).all()
    np.testing.assert_array_equal(found.onset_tick[world.lit], seen.light_tick[world.lit])
    assert found.quality.n_without_photodiode == 0


def test_an_edge_that_two_presentations_could_claim_goes_to_the_later_one() -> None:
    edge_s = np.arange(50) * 0.2 + 0.028
    marker_s = np.insert(np.arange(50) * 0.2, 26, 5.0003)
    light = find_onsets(marker_s, edge_s, window_ms=(0.0, 50.0), frame_ms=None)
    np.testing.assert_array_equal(np.delete(light.edge, 25), np.arange(50))
    assert light.edge[25] == -1


def test_the_nearest_edge_counts_within_the_tolerance() -> None:
    edges = np.array([1.0, 1.01, 2.0])
    found = nearest_edge(np.array([1.004, 1.006, 1.5, 2.002, np.nan]), edges, np.full(5, 5.0))
    assert found.tolist() == [0, 1, -1, 2, -1]


def test_light_that_one_device_saw_times_the_others() -> None:
    world = make_world(2000, seed=8)
    devices = {
        "NSP1": Device(photodiode=True, ppm=50.0, resets_s=(250.0,), edges_lost=0.02),
        "NSP2": Device(t0_s=777.0, ppm=-80.0, resets_s=(500.0,), restart_s=3.0, residual_drift_ms=2.0),
        "PTP": Device(t0_s=1.7e9, ppm=3.0, tick_hz=1_000_000_000),
    }
    seen = {name: observe(world, device, seed=k) for k, (name, device) in enumerate(devices.items())}
    found = align_devices(
        world.sent,
        {name: own.received for name, own in seen.items()},
        edges={"NSP1": seen["NSP1"].edges},
        segments={name: own.segments for name, own in seen.items()},
        rules=RULES,
    )
    for name, own in seen.items():
        check = found[name]
        by_light = check.source == "photodiode"
        assert np.count_nonzero(by_light) > 0.95 * np.count_nonzero(world.lit)
        error_ms = np.abs(check.onset_tick - own.light_tick)[by_light] / own.received.tick_hz * 1000
        assert error_ms.max() < 0.1  # words are rounded to ticks of 0.033 ms
        rest = world.lit & ~by_light & ~np.isnan(check.onset_tick)
        assert np.abs(check.onset_tick - own.light_tick)[rest].max() / own.received.tick_hz * 1000 <= 0.5
        assert check.quality.light_from == "NSP1"
        np.testing.assert_array_equal(check.clock_segment[by_light], own.clock_segment[by_light])


def test_two_photodiodes_each_time_their_own_device() -> None:
    world = make_world(700, seed=9)
    seen = {
        name: observe(world, Device(t0_s=t0_s, photodiode=True, edges_lost=0.2), seed=k)
        for k, (name, t0_s) in enumerate({"a": 10.0, "b": 99.0}.items())
    }
    found = align_devices(
        world.sent, {k: v.received for k, v in seen.items()}, edges={k: v.edges for k, v in seen.items()}, rules=RULES
    )
    either = seen["a"].light_seen | seen["b"].light_seen
    for name, own in seen.items():
        np.testing.assert_array_equal(found[name].onset_tick[own.light_seen], own.light_tick[own.light_seen])
        timed = found[name].source != "none"
        np.testing.assert_array_equal((found[name].source == "photodiode")[timed], either[timed])
        assert found[name].quality.light_from == name
