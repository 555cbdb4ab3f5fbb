"""PTP files: a time stamp for every sample, with drift, jitter, gaps, jumps and damage."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.blackrock.nsx import packets
from closedloop.blackrock.nsx.header import read_nsx_header
from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.simulation.damage import nsx as damage
from tests.unit.blackrock.nsx.nsx_files import ramp, write

PERIOD_NS = 100_000 / 3
START_NS = 1_700_000_000 * 10**9  # what such a clock shows: nanoseconds since 1970


def made(folder: Path, ticks: np.ndarray, *, bridge_ms: float = 1.0) -> NsxSamples:
    file = write(folder / "made.ns6", [(ticks, ramp(len(ticks)))], specification="3.0-ptp")
    return open_samples(file, bridge_ms=bridge_ms)


def regular(n: int, *, ppm: float = 0.0) -> np.ndarray:
    return START_NS + np.round(np.arange(n) * PERIOD_NS * (1 + ppm * 1e-6)).astype(np.int64)


def ticks_of(source: NsxSamples) -> np.ndarray:
    return np.concatenate([source.ticks(k, np.arange(s.n_samples)) for k, s in enumerate(source.segments)])


def samples_of(source: NsxSamples) -> np.ndarray:
    return np.concatenate([source.read(k, 0, s.n_samples) for k, s in enumerate(source.segments)])


@pytest.mark.parametrize("ppm", [-100.0, 50.0, 100.0])
def test_a_long_drift_splits_nothing_and_is_in_the_ticks(tmp_path: Path, ppm: float) -> None:
    ticks = regular(600_000, ppm=ppm)  # 20 s: the drift adds up to 2 ms, 60 samples
    source = made(tmp_path, ticks)
    assert len(source.segments) == 1
    assert abs(ticks[-1] - regular(600_000)[-1]) > 900_000
    assert source.ticks(0, np.array([0, 599_999])).tolist() == [ticks[0], ticks[-1]]
    assert source.segments[0].end_tick == ticks[-1] + 33_333


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1),
    n_packets=st.integers(1, 400),
    events=st.lists(
        st.tuples(st.integers(1, 39), st.sampled_from([-5000.0, -4.5, -3.0, 0.0, 0.4, 1.6, 2.0, 3.0, 900.0])),
        max_size=6,
        unique_by=lambda event: event[0],
    ),
    chunk_packets=st.sampled_from([1, 2, 7, 1000]),
)
def test_a_step_beyond_one_and_a_half_periods_is_a_gap_and_one_far_back_opens_a_clock_segment(
    tmp_path: Path, seed: int, n_packets: int, events: list[tuple[int, float]], chunk_packets: int
) -> None:
    random = np.random.default_rng(seed)
    steps = PERIOD_NS * random.uniform(0.8, 1.2, n_packets)  # jitter
    wanted = {10 * at: periods for at, periods in events if 10 * at < n_packets}
    for at, periods in wanted.items():
        steps[at] = PERIOD_NS * periods
    ticks = START_NS + np.round(np.cumsum(steps)).astype(np.int64)
    with pytest.MonkeyPatch.context() as patch:  # the packets fall into chunks of any length
        patch.setattr(packets, "_CHUNK_BYTES", 19 * chunk_packets)
        source = made(tmp_path, ticks, bridge_ms=0)
    places = sorted(at for at, periods in wanted.items() if periods < -4 or periods > 1.5)
    bounds = [0, *places, n_packets]
    assert [s.n_samples for s in source.segments] == np.diff(bounds).tolist()
    resets = np.cumsum([0, *(wanted[at] < 0 for at in places)])
    assert [s.clock_segment for s in source.segments] == resets.tolist()
    assert [s.first_tick for s in source.segments] == [ticks[at] for at in bounds[:-1]]
    assert [s.end_tick for s in source.segments] == [ticks[a:b].max() + 33_333 for a, b in pairwise(bounds)]
    held = np.concatenate([np.maximum.accumulate(ticks[a:b]) for a, b in pairwise(bounds)])
    np.testing.assert_array_equal(ticks_of(source), held)
    np.testing.assert_array_equal(samples_of(source), ramp(n_packets))
    n_back = sum(-4 < periods < 0.5 for periods in wanted.values())
    said = f"the clock steps back by less than 5 samples {n_back} times: taken for jitter"
    assert source.header.repairs == ((said,) if n_back else ())


def without(places: list[int], n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Ticks and samples of a sound file, and a line over the places of single samples that are missing."""
    samples = ramp(n).astype(np.float64)
    for place in places:
        samples[place] = (samples[place - 1] + samples[place + 1]) / 2
    return regular(n), np.round(samples).astype(np.int16)


@pytest.mark.parametrize(
    ("name", "value"), [("flag", 0), ("flag", 255), ("n_samples", 0), ("n_samples", 4_000_000_000)]
)
def test_packets_with_a_damaged_header_are_holes_of_one_sample_and_said(tmp_path: Path, name: str, value: int) -> None:
    file = write(tmp_path / "made.ns6", [(regular(50), ramp(50))], specification="3.0-ptp")
    for packet in (7, 30, 33, 49):
        damage.spoil_packet(file, packet=packet, name=name, value=value)
    split = open_samples(file, bridge_ms=0)
    kept = np.delete(np.arange(50), [7, 30, 33, 49])
    assert [(s.clock_segment, s.n_samples) for s in split.segments] == [(0, 7), (0, 22), (0, 2), (0, 15)]
    np.testing.assert_array_equal(ticks_of(split), regular(50)[kept])
    np.testing.assert_array_equal(samples_of(split), ramp(50)[kept])
    assert split.header.repairs == ("4 packets with a damaged header, first packet 7, left out",)

    source = open_samples(file)
    ticks, samples = without([7, 30, 33])
    assert [(s.clock_segment, s.n_samples) for s in source.segments] == [(0, 49)]
    assert source.bridged(0, 0, 49).tolist() == [7, 30, 33]
    assert abs(ticks_of(source) - ticks[:49]).max() <= 1
    np.testing.assert_array_equal(samples_of(source), samples[:49])
    assert source.header.repairs[1].startswith("3 holes of up to 0.0333 ms, 0.1 ms in all, were bridged")


@pytest.mark.parametrize("value", [0, START_NS + 5, 2**60, 2**62 + 1, 2**64 - 1])
def test_single_packets_with_a_damaged_time_stamp_are_left_out_and_open_no_clock_segment(
    tmp_path: Path, value: int
) -> None:
    file = write(tmp_path / "made.ns6", [(regular(50), ramp(50))], specification="3.0-ptp")
    for packet in (20, 30):
        damage.spoil_packet(file, packet=packet, name="timestamp", value=value)
    source = open_samples(file)
    ticks, samples = without([20, 30])
    assert [(s.clock_segment, s.n_samples) for s in source.segments] == [(0, 50)]
    assert source.bridged(0, 0, 50).tolist() == [20, 30]
    assert abs(ticks_of(source) - ticks).max() <= 1
    np.testing.assert_array_equal(samples_of(source), samples)
    assert source.header.repairs[0].startswith("2 packets with a damaged")


def test_no_sample_is_made_up_for_a_damaged_packet_that_took_no_time(tmp_path: Path) -> None:
    ticks = regular(50) - np.where(np.arange(50) > 20, 33_333, 0)  # as if packet 20 had never taken time
    file = write(tmp_path / "made.ns6", [(ticks, ramp(50))], specification="3.0-ptp")
    damage.spoil_packet(file, packet=20, name="flag", value=0)
    source = open_samples(file)
    assert [(s.clock_segment, s.n_samples) for s in source.segments] == [(0, 49)]
    np.testing.assert_array_equal(samples_of(source), np.delete(ramp(50), 20, axis=0))


def test_the_walk_tells_how_far_it_is(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(regular(500_000), ramp(500_000))], specification="3.0-ptp")
    told: list[tuple[int, int]] = []
    read_nsx_header(file, progress=lambda done, total: told.append((done, total)))
    assert len(told) == 10  # 9.5 MB in pieces of one
    assert told == sorted(told)
    assert told[-1] == (19 * 500_000, 19 * 500_000)
