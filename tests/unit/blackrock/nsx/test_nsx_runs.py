"""Torn files: short holes are bridged, small steps back are jitter, stubs are left out; only the rest is split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment
from closedloop.simulation.damage import nsx as damage
from tests.unit.blackrock.nsx.nsx_files import IN_BLOCKS, ramp, write
from tests.unit.messages import refused

PERIOD_NS = 100_000 / 3
START_NS = 1_700_000_000 * 10**9


def noise(n: int, n_channels: int = 3) -> np.ndarray:
    return np.random.default_rng(5).integers(-3000, 3000, (n, n_channels)).astype(np.int16)


def ptp(folder: Path, kept: np.ndarray, data: np.ndarray, *, bridge_ms: float = 1.0) -> NsxSamples:
    """A file that holds some of the samples of `data`, at their ticks."""
    ticks = START_NS + np.round(kept * PERIOD_NS).astype(np.int64)
    file = write(folder / "made.ns6", [(ticks, data[kept])], specification="3.0-ptp")
    return open_samples(file, bridge_ms=bridge_ms)


def lined(data: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Each channel with a line over what was not kept, by numpy's interpolation."""
    every = np.arange(len(data))
    columns = [np.interp(every, kept, data[kept, channel]) for channel in range(data.shape[1])]
    return np.round(np.stack(columns, axis=1)).astype(np.int16)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    holes=st.lists(st.tuples(st.integers(5, 590), st.integers(1, 25)), max_size=5),
    asked=st.tuples(st.integers(0, 599), st.integers(0, 599)),
    specification=st.sampled_from(["3.0", "3.0-ptp"]),
    columns=st.sampled_from([None, [2, 0]]),
)
def test_any_part_of_a_torn_file_is_the_whole_one_with_lines_over_its_holes(
    tmp_path: Path,
    holes: list[tuple[int, int]],
    asked: tuple[int, int],
    specification: str,
    columns: list[int] | None,
) -> None:
    data = noise(600)
    gone = {place for first, length in holes for place in range(first, min(first + length, 599))}
    longest = max((len(run) for run in _runs(sorted(gone))), default=0)
    kept = np.array([place for place in range(600) if place not in gone])
    bridge_ms = (longest + 0.5) / 30
    if specification == "3.0-ptp":
        source = ptp(tmp_path, kept, data, bridge_ms=bridge_ms)
        true = START_NS + np.round(np.arange(600) * PERIOD_NS)
    else:
        chunks = [(run[0], data[run]) for run in _runs(kept.tolist())]
        source = open_samples(write(tmp_path / "made.ns6", chunks, specification=specification), bridge_ms=bridge_ms)
        true = np.arange(600)
    if columns is not None:
        ids = [source.channels[column].channel_id for column in columns]
        source = open_samples(source.file, channel_ids=ids, bridge_ms=bridge_ms)
    start, stop = sorted(asked)
    (segment,) = source.segments
    assert segment.n_samples == 600
    expected = lined(data, kept)[start:stop]
    read = source.read(0, start, stop)
    np.testing.assert_allclose(read, expected if columns is None else expected[:, columns], atol=1)  # half a bit
    assert set(source.bridged(0, start, stop).tolist()) == gone & set(range(start, stop))
    assert abs(source.ticks(0, np.arange(start, stop)) - true[start:stop]).max(initial=0) <= (len(gone) > 0)
    assert bool(gone) == any("were bridged" in said for said in source.header.repairs)


def _runs(places: list[int]) -> list[list[int]]:
    """Split increasing numbers where one is missing."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


@pytest.mark.parametrize(("n_missing", "bridge_ms", "n_segments"), [(30, 1.0, 1), (31, 1.0, 2), (1, 0, 2), (90, 3, 1)])
def test_a_hole_of_at_most_a_millisecond_is_bridged_and_how_long_is_a_setting(
    tmp_path: Path, n_missing: int, bridge_ms: float, n_segments: int
) -> None:
    kept = np.delete(np.arange(3000), np.arange(1000, 1000 + n_missing))
    source = ptp(tmp_path, kept, noise(3000), bridge_ms=bridge_ms)
    assert len(source.segments) == n_segments
    assert {segment.clock_segment for segment in source.segments} == {0}


def test_where_more_than_a_twentieth_is_missing_holes_are_gaps_again(tmp_path: Path) -> None:
    place = np.arange(60_000)
    dense = (place >= 20_000) & (place < 40_000) & (place % 100 >= 90)  # a tenth is missing
    sparse = ~dense & (place % 1000 >= 990)  # a hundredth
    source = ptp(tmp_path, place[~(dense | sparse)], noise(60_000))
    bounds = [segment.first_tick - START_NS for segment in source.segments[1:]]
    assert all(20_000 * PERIOD_NS < tick < 44_000 * PERIOD_NS for tick in bounds)
    assert len(bounds) > 150
    assert sum(len(source.bridged(k, 0, s.n_samples)) for k, s in enumerate(source.segments)) < 0.02 * 60_000


@pytest.mark.parametrize("specification", IN_BLOCKS)
@pytest.mark.parametrize("overlap", [0, 1, 4])
def test_blocks_that_follow_or_overlap_by_a_few_samples_are_one_segment(
    tmp_path: Path, specification: str, overlap: int
) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(300))], specification=specification)
    damage.tear(file, every=100, again=overlap)
    source = open_samples(file)
    n = 300 + 2 * overlap
    assert source.segments == (Segment(0, 0, 300, n),)
    ticks = source.ticks(0, np.arange(n))
    assert (np.diff(ticks) >= 0).all()
    assert np.unique(ticks).tolist() == list(range(300))
    assert (source.header.repairs == ()) == (overlap == 0)


@pytest.mark.parametrize("overlap", [5, 50])
def test_an_overlap_of_more_is_a_reset(tmp_path: Path, overlap: int) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(300))], specification="2.3")
    damage.tear(file, every=100, again=overlap)
    assert [segment.clock_segment for segment in open_samples(file).segments] == [0, 1, 2]


@pytest.mark.parametrize("rate_hz", [30_000.0, 500.0])
@pytest.mark.parametrize("n_samples", [1, 3])
def test_a_block_of_a_few_samples_at_the_tick_of_the_next_is_left_out_and_said(
    tmp_path: Path, rate_hz: float, n_samples: int
) -> None:
    chunks = [(0, ramp(100)), (90_000, ramp(n_samples)), (90_000, ramp(200))]
    source = open_samples(write(tmp_path / "made.ns1", chunks, rate_hz=rate_hz))
    assert [(segment.clock_segment, segment.first_tick, segment.n_samples) for segment in source.segments] == [
        (0, 0, 100),
        (0, 90_000, 200),
    ]
    np.testing.assert_array_equal(source.read(1, 0, 200), ramp(200))
    (said,) = source.header.repairs
    assert said.startswith(f"1 blocks of 1 to {n_samples} samples at the tick of the block after them were left out")


@pytest.mark.parametrize("n_resets", [1_000, 60_000])
def test_more_resets_than_any_day_has_are_refused_in_one_line(tmp_path: Path, n_resets: int) -> None:
    chunks = [(0, ramp(50))] * n_resets
    file = write(tmp_path / "made.ns6", chunks)
    if n_resets < 1_001:
        assert open_samples(file).segments[-1].clock_segment == n_resets - 1
        return
    with refused(RecordingError, file, "at most 1000 clock segments", str(n_resets)):
        open_samples(file)
