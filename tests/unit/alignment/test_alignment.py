"""Alignment on generated sessions whose truth is known: every fault, alone and together; none lost, none invented."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from closedloop.alignment.alignment import NOT_PLACED, UNEXPECTED_EDGE, Alignment, align, align_devices
from closedloop.alignment.markers import AT_BORDER, NO_CLOCK, NO_COVER, NOT_RECORDED, TOO_FAR
from closedloop.alignment.run_search import AlignmentRules
from closedloop.errors import AlignmentError
from tests.unit.alignment.sessions import Device, Line, Seen, World, make_world, observe

CLEAN = Line(lost=0.0, doubled=0.0, flipped=0.0)
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking a session takes minutes
FEW = 12  # codes of a run: below, it may be ambiguous and then is listed
REASONS = {NOT_PLACED, NOT_RECORDED, NO_COVER, AT_BORDER, TOO_FAR, NO_CLOCK, UNEXPECTED_EDGE}


def check_against_truth(
    world: World, seen: Seen, found: Alignment, *, light: bool = False, judged: np.ndarray | None = None
) -> None:
    """Every onset is right within 0.5 ms, none is where nothing was recorded, everything else has its reason."""
    timed = ~np.isnan(found.onset_tick)
    truth = np.where(light & world.lit, seen.light_tick, seen.tick)
    judged = timed if judged is None else timed & judged
    error_ms = np.abs(found.onset_tick - truth)[judged] / seen.received.tick_hz * 1000
    assert error_ms.max(initial=0.0) <= 0.5
    by_own_light = (found.source == "photodiode") & seen.light_seen
    clock_segment = np.where(by_own_light, seen.light_clock_segment, seen.clock_segment)
    np.testing.assert_array_equal(found.clock_segment[timed], clock_segment[timed])
    assert not timed[clock_segment < 0].any(), "none invented"
    np.testing.assert_array_equal(found.source == "none", ~timed)
    assert [bool(reason) for reason in found.reason] == (~timed).tolist()
    assert set(found.reason) - {""} <= REASONS
    check_accounts(world, seen, found)


def check_all_recovered(world: World, seen: Seen, found: Alignment) -> None:
    """Whatever was recorded in a run of more than a few codes is timed, and every word's fate is the true one."""
    timed = ~np.isnan(found.onset_tick)
    large = large_runs(world, seen)
    recoverable = np.any(large, axis=0)
    np.testing.assert_array_equal(timed[recoverable], True)
    if len(large) == len(segments_on_clock_segments(world, seen)):
        quality = found.quality
        np.testing.assert_array_equal(found.received_index >= 0, seen.arrived)
        np.testing.assert_array_equal(found.changed, seen.flipped)
        assert (quality.n_doubled, quality.n_foreign) == (seen.copies, 0)


def large_runs(world: World, seen: Seen) -> list[np.ndarray]:
    """Mark the codes of each launch on each clock segment that holds more than a few."""
    runs = [
        (world.launch == launch) & (seen.clock_segment == clock_segment)
        for launch, clock_segment in segments_on_clock_segments(world, seen)
    ]
    return [run for run in runs if np.count_nonzero(run & seen.arrived) >= FEW]


def segments_on_clock_segments(world: World, seen: Seen) -> set[tuple[int, int]]:
    return {(s, e) for s, e in zip(world.launch.tolist(), seen.clock_segment.tolist(), strict=True) if e >= 0}


def check_accounts(world: World, seen: Seen, found: Alignment) -> None:
    quality = found.quality
    n_matched = np.count_nonzero(found.received_index >= 0)
    assert quality.n_matched == n_matched == len(set(found.received_index[found.received_index >= 0].tolist()))
    assert quality.n_sent == len(world.code) == n_matched + quality.n_lost + quality.n_unplaced
    assert quality.n_received == len(seen.received.tick)
    assert quality.n_received == n_matched + quality.n_doubled + quality.n_foreign + quality.n_rest
    assert len(quality.unmatched) == quality.n_lost + quality.n_unplaced + quality.n_doubled + quality.n_foreign
    assert quality.n_presentations == np.count_nonzero(world.lit)
    assert quality.n_presentations == sum(quality.n_by_source.values()) + quality.n_set_aside
    assert [one.reason for one in quality.set_aside] == [
        reason for reason, lit in zip(found.reason, world.lit, strict=True) if lit and reason
    ]


@st.composite
def faulty_sessions(draw: st.DrawFn) -> tuple[World, Device, Line, int]:
    """Draw a session with any of the faults, alone or together."""
    n, seed = draw(st.integers(40, 1200)), draw(st.integers(0, 10_000))
    world = make_world(
        n,
        seed=seed,
        n_codes=draw(st.sampled_from([199, 255, 100_000])),
        first_code=draw(st.sampled_from([1, 65_300])),
        restarts=draw(st.integers(0, 2)),
        rig_ppm=draw(st.sampled_from([0.0, 30.0])),
    )
    end_s = float(world.world_s[-1])
    times = st.floats(0.05, 0.95).map(lambda share: share * end_s)
    resets = sorted(draw(st.lists(times, max_size=2, unique_by=lambda t: round(t / 20))))
    pauses = [(start, start + draw(st.floats(0.5, 60.0))) for start in draw(st.lists(times, max_size=1))]
    hz, t0_s = draw(st.sampled_from([(30_000, 100.0), (30_000, 0.0), (1_000_000_000, 1.7e9)]))
    device = Device(
        t0_s=t0_s + draw(st.floats(5.0, 5000.0)),
        ppm=draw(st.floats(-100, 100)),
        resets_s=tuple(resets),
        restart_s=draw(st.sampled_from([0.0, 300.0])),
        reset_takes_s=draw(st.floats(0.01, 5.0)),
        pauses_s=tuple(pauses),
        starts_s=draw(st.sampled_from([-5.0, 0.1 * end_s])),
        stops_s=draw(st.sampled_from([None, 0.9 * end_s])),
        tick_hz=hz,
    )
    chance = st.sampled_from([0.0, 1.0])
    line = Line(lost=0.01 * draw(chance), doubled=0.01 * draw(chance), flipped=0.001 * draw(chance))
    return world, device, line, seed


def check_session(session: tuple[World, Device, Line, int]) -> None:
    world, device, line, seed = session
    seen = observe(world, device, seed=seed, line=line)
    try:
        found = align(world.sent, seen.received, segments=seen.segments)
    except AlignmentError:
        assert not large_runs(world, seen), "only a recording of a few codes may be refused"
        return
    check_against_truth(world, seen, found)
    check_all_recovered(world, seen, found)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(session=faulty_sessions())
def test_every_recoverable_code_is_right_and_every_other_one_listed(
    session: tuple[World, Device, Line, int],
) -> None:
    check_session(session)


@pytest.mark.slow
@settings(max_examples=300, phases=UNSHRUNK, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(session=faulty_sessions())
def test_every_recoverable_code_is_right_in_hundreds_of_sessions(session: tuple[World, Device, Line, int]) -> None:
    check_session(session)


@st.composite
def lit_sessions(draw: st.DrawFn) -> tuple[World, dict[str, Device], int]:
    """Draw a session on two recorders of which one has a photodiode, good or bad."""
    n, seed = draw(st.integers(150, 900)), draw(st.integers(0, 10_000))
    world = make_world(
        n,
        seed=seed,
        restarts=draw(st.integers(0, 1)),
        lag_ms=draw(st.floats(5.0, 32.0)),
        lag_drift_ms=draw(st.sampled_from([0.0, 5.0])),
        late_frames=draw(st.sampled_from([0.0, 0.01])),
    )
    end_s = float(world.world_s[-1])
    resets = st.sampled_from([(), (0.3 * end_s,), (0.71 * end_s,)])
    first = Device(
        t0_s=draw(st.floats(5.0, 5000.0)),
        ppm=draw(st.floats(-100, 100)),
        resets_s=draw(resets),
        photodiode=True,
        edges_lost=draw(st.sampled_from([0.0, 0.1])),
        dies_s=draw(st.sampled_from([np.inf, 0.8 * end_s])),
    )
    second = Device(
        t0_s=draw(st.floats(5.0, 5000.0)),
        ppm=draw(st.floats(-100, 100)),
        residual_drift_ms=draw(st.sampled_from([0.0, 3.0])),
        resets_s=draw(resets),
        restart_s=draw(st.sampled_from([0.0, 50.0])),
    )
    return world, {"NSP1": first, "NSP2": second}, seed


def check_devices(session: tuple[World, dict[str, Device], int]) -> None:
    world, devices, seed = session
    seen = {name: observe(world, device, seed=seed + k) for k, (name, device) in enumerate(devices.items())}
    found = align_devices(
        world.sent,
        {name: own.received for name, own in seen.items()},
        edges={name: own.edges for name, own in seen.items() if own.edges is not None},
        segments={name: own.segments for name, own in seen.items()},
        rules=AlignmentRules(frame_ms=1000 / 60),
    )
    # Nobody saw that a light came a frame late, nor how its lag drifted on, once the photodiode had failed.
    lag_s = world.light_s - world.world_s
    for name, own in seen.items():
        unseen = found[name].source != "photodiode"
        unknowable = (lag_s - np.median(lag_s) > 0.012) | (world.world_s > devices["NSP1"].dies_s)
        check_against_truth(world, own, found[name], light=True, judged=~(unseen & unknowable))
        check_all_recovered(world, own, found[name])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(session=lit_sessions())
def test_light_seen_by_one_device_is_right_on_both(session: tuple[World, dict[str, Device], int]) -> None:
    check_devices(session)


@pytest.mark.slow
@settings(max_examples=100, phases=UNSHRUNK, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(session=lit_sessions())
def test_light_seen_by_one_device_is_right_on_both_in_many_sessions(
    session: tuple[World, dict[str, Device], int],
) -> None:
    check_devices(session)
