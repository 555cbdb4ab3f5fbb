"""Clock segments of a NEV: jitter is sorted in, resets open the next one, strays are set aside, the NSx decides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.blackrock.nev import packets
from closedloop.blackrock.nev.clock_segments import first_after_step
from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nev.runs import find_runs
from closedloop.errors import RecordingError
from closedloop.recording.segments import ClockSegment, Segment
from tests.unit.blackrock.nev.nev_files import batch, packet_bytes, swapped, with_codes, write

HZ = 30_000
per_file = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Stream:
    """Packets in the file's order, and the clock segment to which each belongs."""

    tick: np.ndarray
    clock_segment: np.ndarray

    @property
    def n_late(self) -> int:
        """Packets after one of their clock segment with a later tick, counted one by one."""
        late = 0
        for clock_segment in np.unique(self.clock_segment):
            ticks = self.tick[self.clock_segment == clock_segment].tolist()
            late += sum(tick < max(ticks[:i]) for i, tick in enumerate(ticks) if i)
        return late


@st.composite
def streams(draw: st.DrawFn, *, hz: int = HZ) -> Stream:
    """One to four clock segments of 5 to 30 s, packets about every 0.1 s, up to 5 ticks late, clocks starting anew."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    ticks, clock_segments = [], []
    for clock_segment in range(draw(st.integers(1, 4))):
        length = draw(st.integers(5, 30))
        near = random.integers(0, length * hz, 2)[:, None] + random.integers(0, 20, (2, 20))  # where jitter tells
        own = np.sort(
            np.concatenate([random.integers(0, length * hz, 10 * length), near.clip(0, length * hz - 1).ravel()])
        )
        own[[0, -1]] = 0, length * hz - 1
        ticks.append(own[np.argsort(own + random.integers(0, 6, len(own)), kind="stable")])
        clock_segments.append(np.full(len(own), clock_segment))
    return Stream(np.concatenate(ticks), np.concatenate(clock_segments))


@per_file
@given(stream=streams(), specification=st.sampled_from(["2.3", "3.0"]))
def test_every_packet_is_of_its_clock_segment_and_in_order_of_time(
    tmp_path: Path, stream: Stream, specification: str
) -> None:
    events = read_nev(with_codes(tmp_path / "made.nev", stream.tick, specification=specification))
    found, n_late = events.codes, events.n_out_of_order
    order = np.lexsort((np.arange(len(stream.tick)), stream.tick, stream.clock_segment))
    assert found.value.tolist() == order.tolist()
    assert found.clock_segment.tolist() == stream.clock_segment[order].tolist()
    assert found.tick.tolist() == stream.tick[order].tolist()
    assert (n_late, events.n_stray) == (stream.n_late, 0)


@per_file
@given(stream=streams(), n_packets=st.sampled_from([1, 3, 17, 40]))
def test_events_do_not_depend_on_how_many_packets_are_read_at_once(
    tmp_path: Path, stream: Stream, n_packets: int
) -> None:
    file = with_codes(tmp_path / "made.nev", stream.tick)
    whole = read_nev(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packets, "_BATCH_BYTES", n_packets * packet_bytes("2.3"))
        parts = read_nev(file)
    for name in ("clock_segment", "tick", "value"):
        assert np.array_equal(getattr(parts.codes, name), getattr(whole.codes, name))
    assert (parts.n_out_of_order, parts.segments) == (whole.n_out_of_order, whole.segments)


@per_file
@given(stream=streams(), cuts=st.lists(st.integers(0, 1000), max_size=8))
def test_runs_do_not_depend_on_how_the_file_is_cut_in_batches(stream: Stream, cuts: list[int]) -> None:
    whole = find_runs([stream.tick], tick_hz=HZ)
    parts = find_runs(np.split(stream.tick, sorted(cuts)), tick_hz=HZ)
    assert told(whole) == told(parts)
    assert len(whole.runs) == stream.clock_segment[-1] + 1


def told(found: object) -> list:
    rows = [
        (run.first_packet, run.end_packet, run.first_tick, run.last_tick, run.n_packets, run.n_out_of_order)
        for run in found.runs
    ]
    return [*rows, [run.silences.tolist() for run in found.runs], found.strays.tolist()]


@per_file
@given(stream=streams(), data=st.data())
def test_a_few_packets_with_a_flipped_bit_are_set_aside_and_split_nothing(
    tmp_path: Path, stream: Stream, data: st.DataObject
) -> None:
    starts = np.searchsorted(stream.clock_segment, np.arange(stream.clock_segment[-1] + 1)).tolist()
    ends = [*starts[1:], len(stream.tick)]
    ticks, hit = stream.tick.copy(), []
    for first, end in zip(starts, ends, strict=True):
        at = data.draw(st.integers(first + 10, end - 10))
        n = data.draw(st.integers(1, 3))
        ticks[at : at + n] ^= 1 << data.draw(st.integers(22, 31))  # 140 s and more
        hit += range(at, at + n)
    events = read_nev(with_codes(tmp_path / "made.nev", ticks))
    kept = np.setdiff1d(np.arange(len(ticks)), hit)
    assert events.n_stray == len(hit)
    assert sorted(events.codes.value.tolist()) == kept.tolist()
    assert events.codes.clock_segment.tolist() == np.sort(stream.clock_segment[kept]).tolist()
    assert any("absurd" in line for line in events.repairs)


def test_a_reset_of_the_clock_opens_the_next_clock_segment(tmp_path: Path) -> None:
    events = read_nev(swapped(tmp_path, "3.0", (0, 20, 25_000, 50_000, 90_000, 200, 20_300, 40_000, 60_000)))
    assert events.spikes.clock_segment.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert events.spikes.tick.tolist() == [20, 25_000, 50_000, 90_000, 200, 20_300, 40_000]
    assert (events.codes.clock_segment.tolist(), events.n_out_of_order) == ([0, 1], 0)


@pytest.mark.parametrize(("step", "clock_segments"), [(HZ, [0, 0, 0]), (HZ + 1, [0, 0, 1])])
def test_a_step_back_of_one_second_is_jitter_and_a_larger_one_a_reset(
    tmp_path: Path, step: int, clock_segments: list[int]
) -> None:
    events = read_nev(with_codes(tmp_path / "made.nev", [5 * HZ, 6 * HZ, 6 * HZ - step]))
    assert events.codes.clock_segment.tolist() == clock_segments
    assert events.n_out_of_order == clock_segments.count(0) - 2


@pytest.mark.parametrize("specification", ["2.3", "3.0"])
def test_packets_slightly_out_of_order_are_sorted_in_and_counted(tmp_path: Path, specification: str) -> None:
    events = read_nev(swapped(tmp_path, specification, (100, 205, 200, 300, 295, 400)))
    assert events.spikes.tick.tolist() == [200, 205, 295, 300]
    assert events.codes.tick.tolist() == [100, 400]
    assert events.n_out_of_order == 2
    assert any("2 packets stood out of order" in line for line in events.repairs)


def test_ticks_beyond_what_we_count_are_strays_and_no_overflow(tmp_path: Path) -> None:
    ticks = [*range(0, 600, 100), 2**64 - 1, 2**63, *range(600, 1200, 100)]
    events = read_nev(with_codes(tmp_path / "made.nev", ticks, specification="3.0"))
    assert (events.n_stray, events.codes.tick.tolist()) == (2, list(range(0, 1200, 100)))


def test_ticks_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    ticks = np.random.default_rng(0).integers(0, 2**31, 30_000)
    with pytest.raises(RecordingError, match="at most 1000 resets of the clock, found more"):
        read_nev(with_codes(tmp_path / "made.nev", ticks))


def segment(clock_segment: int, first: int, end: int) -> Segment:
    return Segment(clock_segment, first, end, end - first)


def regular(first: int, end: int, step: int = 3000) -> list[int]:
    return list(range(first, end, step))


def test_a_synchronisation_stub_without_packets_keeps_its_number(tmp_path: Path) -> None:
    device = [segment(0, 0, 500), segment(1, 0, 20 * HZ)]
    events = read_nev(with_codes(tmp_path / "made.nev", regular(7, 20 * HZ)), clock_segments=device)
    assert set(events.codes.clock_segment.tolist()) == {1}
    assert events.segments == tuple(device)


@pytest.mark.parametrize("stub", [[100], [10, 480], [0, 200, 499]])
def test_packets_of_a_synchronisation_stub_are_of_its_clock_segment(tmp_path: Path, stub: list[int]) -> None:
    device = [segment(0, 0, 500), segment(1, 0, 20 * HZ)]
    events = read_nev(with_codes(tmp_path / "made.nev", [*stub, *regular(7, 20 * HZ)]), clock_segments=device)
    n = len(stub) if stub[-1] - 7 > 30 else 0  # less than a millisecond back is no step
    assert events.codes.clock_segment.tolist() == [0] * n + [1] * (len(events.codes) - n)


def test_clock_segments_without_packets_before_between_and_after_are_skipped(tmp_path: Path) -> None:
    device = [segment(0, 0, 500), segment(1, 0, 20 * HZ), segment(2, 0, 500), segment(3, 0, 40 * HZ), segment(4, 0, 9)]
    ticks = [*regular(9000, 20 * HZ), *regular(9000, 40 * HZ)]
    events = read_nev(with_codes(tmp_path / "made.nev", ticks), clock_segments=device)
    assert events.codes.clock_segment.tolist() == [1] * len(regular(9000, 20 * HZ)) + [3] * len(regular(9000, 40 * HZ))


PTP_HZ = 10**9


@st.composite
def ptp_streams(draw: st.DrawFn) -> tuple[Stream, list[Segment]]:
    """A PTP clock that goes back by 5 to 900 ms every few seconds; a packet about every half millisecond around.

    Were there none for milliseconds just there, a step of 5 ms would look like packets that overtook one another.
    """
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    start = draw(st.integers(10**15, 10**18))
    ticks, clock_segments, device = [], [], []
    for clock_segment in range(draw(st.integers(2, 4))):
        end = start + draw(st.integers(3, 6)) * PTP_HZ
        around = np.arange(0, 20_000_000, 500_000)
        edges = [edge + around + random.integers(0, 400_000, len(around)) for edge in (start, end - 20_000_000)]
        own = np.unique(np.concatenate([random.integers(start, end, 100), *edges]))
        ticks.append(own[np.argsort(own + random.integers(0, 6, len(own)), kind="stable")])
        clock_segments.append(np.full(len(own), clock_segment))
        device.append(segment(clock_segment, start, end))
        start = end - draw(st.integers(5, 900)) * 1_000_000
    return Stream(np.concatenate(ticks), np.concatenate(clock_segments)), device


@per_file
@given(made=ptp_streams())
def test_small_steps_back_that_the_nsx_knows_are_found_among_packets(
    tmp_path: Path, made: tuple[Stream, list[Segment]]
) -> None:
    stream, device = made
    events = read_nev(with_codes(tmp_path / "made.nev", stream.tick, specification="3.0-ptp"), clock_segments=device)
    found = np.full(len(stream.tick), -1)
    found[events.codes.value] = events.codes.clock_segment
    assert found.tolist() == stream.clock_segment.tolist()
    assert events.n_out_of_order == stream.n_late


@per_file
@given(stream=streams())
def test_with_the_nsx_the_clock_segments_are_the_same_as_without_where_it_knows_no_more(
    tmp_path: Path, stream: Stream
) -> None:
    file = with_codes(tmp_path / "made.nev", stream.tick)
    device = [
        segment(int(clock_segment), 0, int(stream.tick[stream.clock_segment == clock_segment].max()) + 1)
        for clock_segment in np.unique(stream.clock_segment)
    ]
    alone, agreed = read_nev(file), read_nev(file, clock_segments=device)
    assert alone.codes.clock_segment.tolist() == agreed.codes.clock_segment.tolist()
    assert alone.codes.value.tolist() == agreed.codes.value.tolist()


def test_packets_in_a_pause_or_after_the_nsx_ended_keep_the_clock_segment(tmp_path: Path) -> None:
    device = [segment(0, 0, 5 * HZ), segment(0, 8 * HZ, 10 * HZ), segment(1, 0, 5 * HZ)]
    first, second = regular(0, 12 * HZ), regular(0, 60 * HZ)
    events = read_nev(with_codes(tmp_path / "made.nev", [*first, *second]), clock_segments=device)
    assert events.codes.clock_segment.tolist() == [0] * len(first) + [1] * len(second)


def test_a_run_of_the_clock_that_the_nsx_lacks_is_an_clock_segment_of_its_own_and_said(tmp_path: Path) -> None:
    device = [segment(0, 100 * HZ, 110 * HZ)]
    ticks = [*regular(100 * HZ, 110 * HZ), *regular(0, 30 * HZ)]
    events = read_nev(with_codes(tmp_path / "made.nev", ticks), clock_segments=device)
    assert events.codes.clock_segment.tolist() == [0] * 100 + [1] * 300
    assert any("300 packets are of a run of the clock without samples" in line for line in events.repairs)


def test_first_packets_with_an_absurd_tick_are_set_aside_once_the_nsx_tells(tmp_path: Path) -> None:
    ticks = [2**31, 2**31 + 5, *regular(0, 30 * HZ)]
    device = [segment(0, 0, 30 * HZ)]
    events = read_nev(with_codes(tmp_path / "made.nev", ticks), clock_segments=device)
    assert (events.n_stray, events.codes.clock_segment.tolist()) == (2, [0] * 300)
    assert events.codes.value.tolist() == list(range(2, 302))
    alone = read_nev(with_codes(tmp_path / "made.nev", ticks))
    assert alone.codes.clock_segment.tolist() == [0, 0] + [1] * 300, (
        "nothing tells strays from a clock segment of two packets"
    )


def test_three_packets_and_a_reset_are_an_clock_segment_and_no_strays(tmp_path: Path) -> None:
    ticks = [0, 2 * HZ, 3 * HZ, 200, *regular(300, 30 * HZ)]
    events = read_nev(with_codes(tmp_path / "made.nev", ticks))
    assert (events.n_stray, events.codes.clock_segment.tolist()) == (0, [0, 0, 0] + [1] * 301)


def test_a_step_back_is_where_ticks_fall_back_most_and_not_where_they_do_not() -> None:
    before, after = ClockSegment(0, 0, 1000), ClockSegment(1, 850, 5000)
    assert first_after_step(np.array([100, 990, 985, 860, 1200]), before, after, HZ) == 3
    assert first_after_step(np.array([100, 840, 860, 990, 1200]), before, after, HZ) is None
    assert first_after_step(np.array([100]), before, after, HZ) is None
    assert first_after_step(np.zeros(0, np.int64), before, after, HZ) is None


@pytest.mark.parametrize(
    ("ticks", "n_before"),
    [
        ([*regular(0, 90_000), *regular(90_300, 200_000)], 30),  # nothing between the clock segments
        ([*regular(0, 90_000), 89_990, *regular(92_000, 200_000)], 30),  # one within the step: of the later
        (regular(0, 89_000), 30),  # all of the earlier
        ([*regular(0, 89_000), 89_900], 31),  # and so is one within the step, with nothing after it
        ([*regular(0, 89_900), 89_950, 89_860, 89_900], 31),  # the later one's, that end before the earlier's end
    ],
)
def test_a_step_back_among_few_packets(tmp_path: Path, ticks: list[int], n_before: int) -> None:
    device = [segment(0, 0, 90_000), segment(1, 89_850, 200_000)]
    events = read_nev(with_codes(tmp_path / "made.nev", ticks), clock_segments=device)
    assert events.codes.clock_segment.tolist() == [0] * n_before + [1] * (len(ticks) - n_before)


def test_codes_and_spikes_of_one_file_have_the_same_clock_segments(tmp_path: Path) -> None:
    first = batch([(i * 3000, 1) for i in range(200)], [(i * 3000 + 1, i) for i in range(200)])
    second = batch([(i * 3000, 2) for i in range(50)], [(i * 3000 + 1, i) for i in range(50)])
    events = read_nev(write(tmp_path / "made.nev", first, second, in_order=False))
    assert events.spikes.clock_segment.tolist() == events.codes.clock_segment.tolist() == [0] * 200 + [1] * 50
    assert set(events.spikes.electrode_id[events.spikes.clock_segment == 1].tolist()) == {2}
