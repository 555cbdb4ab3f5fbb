"""Damaged NSx files: what is there is read, what was repaired is reported, and nothing is made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.blackrock.nsx.header import read_nsx_header
from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment
from closedloop.simulation.damage import nsx as damage
from tests.unit.blackrock.nsx.nsx_files import BLOCK_HEADER_BYTES, HEADER_BYTES, IN_BLOCKS, SPECIFICATIONS, ramp, write

SAMPLE_BYTES = 6
PTP_TICKS = np.arange(20) * 100_000 // 3


def two_blocks(file: Path, specification: str) -> Path:
    return write(file, [(3, ramp(5)), (100, ramp(7, start=90))], specification=specification)


def everything(source: NsxSamples) -> list[list[list[int]]]:
    return [source.read(number, 0, segment.n_samples).tolist() for number, segment in enumerate(source.segments)]


@pytest.mark.parametrize("specification", IN_BLOCKS)
def test_a_file_cut_at_any_byte_of_its_last_block_keeps_every_whole_sample(tmp_path: Path, specification: str) -> None:
    whole = two_blocks(tmp_path / "whole.ns6", specification).read_bytes()
    cut = tmp_path / "cut.ns6"
    last_block = len(whole) - 7 * SAMPLE_BYTES - BLOCK_HEADER_BYTES[specification]
    for n_bytes in range(last_block, len(whole) + 1):
        cut.unlink(missing_ok=True)
        cut.write_bytes(whole[:n_bytes])
        source = open_samples(cut)
        n_held = max(n_bytes - last_block - BLOCK_HEADER_BYTES[specification], 0) // SAMPLE_BYTES
        parts = [ramp(5).tolist()] + ([ramp(7, start=90)[:n_held].tolist()] if n_held else [])
        assert everything(source) == parts
        assert source.segments[1:] == ((Segment(0, 100, 100 + n_held, n_held),) if n_held else ())
        assert len(source.header.repairs) == (n_bytes not in (last_block, len(whole)))


@pytest.mark.parametrize("specification", ["2.1", "3.0-ptp"])
def test_a_file_without_blocks_cut_at_any_byte_keeps_every_whole_sample(tmp_path: Path, specification: str) -> None:
    data = ramp(20)
    tick = PTP_TICKS if specification == "3.0-ptp" else 0
    whole = write(tmp_path / "whole.ns6", [(tick, data)], specification=specification).read_bytes()
    cut = tmp_path / "cut.ns6"
    a_sample = BLOCK_HEADER_BYTES[specification] + SAMPLE_BYTES
    for n_bytes in range(HEADER_BYTES[specification] + a_sample, len(whole) + 1):
        cut.unlink(missing_ok=True)
        cut.write_bytes(whole[:n_bytes])
        n_held, rest = divmod(n_bytes - HEADER_BYTES[specification], a_sample)
        source = open_samples(cut)
        assert everything(source) == [data[:n_held].tolist()]
        assert [bool(rest)] == [bool(source.header.repairs)]
        assert all(f"cut after {rest} of {a_sample} bytes" in said for said in source.header.repairs)


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_a_file_cut_within_its_headers_or_before_its_first_sample_is_refused_in_one_line(
    tmp_path: Path, specification: str
) -> None:
    whole = write(tmp_path / "whole.ns6", [(0, ramp(5))], specification=specification).read_bytes()
    headers, block = HEADER_BYTES[specification], BLOCK_HEADER_BYTES[specification]
    cut = tmp_path / "cut.ns6"
    for n_bytes in range(headers + block + SAMPLE_BYTES):
        cut.unlink(missing_ok=True)
        cut.write_bytes(whole[:n_bytes])
        if n_bytes == headers:
            assert read_nsx_header(cut).segments == ()  # a recorder that was started and stopped
            continue
        with pytest.raises(RecordingError) as caught:
            read_nsx_header(cut)
        assert str(caught.value).startswith(f"{cut}: expected")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("specification", IN_BLOCKS)
@pytest.mark.parametrize("n_lost_bytes", [0, 1, 6, 13])
def test_a_recorder_that_crashed_before_it_wrote_the_count_loses_nothing(
    tmp_path: Path, specification: str, n_lost_bytes: int
) -> None:
    file = two_blocks(tmp_path / "made.ns6", specification)
    damage.forget_last_count(file)
    damage.cut_off(file, n_lost_bytes)
    n_held = (7 * SAMPLE_BYTES - n_lost_bytes) // SAMPLE_BYTES
    source = open_samples(file)
    assert everything(source) == [ramp(5).tolist(), ramp(7, start=90)[:n_held].tolist()]
    (said,) = source.header.repairs
    assert f"data block 1 was never closed by the recorder: {n_held} samples found" in said
    assert ("bytes of a sample" in said) == (n_lost_bytes % SAMPLE_BYTES > 0)


@pytest.mark.parametrize("specification", IN_BLOCKS)
@pytest.mark.parametrize("before", [0, 1])
def test_an_empty_block_before_good_ones_is_passed_over_and_said(
    tmp_path: Path, specification: str, before: int
) -> None:
    file = two_blocks(tmp_path / "made.ns6", specification)
    damage.insert_empty_block(file, before=before, first_tick=50)
    source = open_samples(file)
    assert everything(source) == [ramp(5).tolist(), ramp(7, start=90).tolist()]
    assert source.header.repairs == ("1 data blocks without a sample were passed over",)


def test_an_empty_block_at_the_very_end_is_passed_over(tmp_path: Path) -> None:
    file = two_blocks(tmp_path / "made.ns6", "2.3")
    with file.open("ab") as stream:
        stream.write(b"\x01" + (500).to_bytes(4, "little") + bytes(4))
    source = open_samples(file)
    assert everything(source) == [ramp(5).tolist(), ramp(7, start=90).tolist()]
    assert source.header.repairs == ("1 data blocks without a sample were passed over",)


def test_a_count_beyond_the_files_end_is_corrected(tmp_path: Path) -> None:
    file = two_blocks(tmp_path / "made.ns6", "3.0")
    damage.write_last_count(file, 4_000_000_000)
    source = open_samples(file)
    assert everything(source) == [ramp(5).tolist(), ramp(7, start=90).tolist()]
    assert source.header.repairs == ("the file is cut within data block 1: 7 of 4000000000 samples found",)


@pytest.mark.parametrize("specification", IN_BLOCKS)
def test_a_wrong_flag_before_a_sound_rest_is_repaired(tmp_path: Path, specification: str) -> None:
    file = two_blocks(tmp_path / "made.ns6", specification)
    damage.spoil_flag(file, block=0, flag=9)
    source = open_samples(file)
    assert everything(source) == [ramp(5).tolist(), ramp(7, start=90).tolist()]
    assert source.header.repairs == ("data block 0 starts with 9 in place of 1; the rest of the file is sound",)


@pytest.mark.parametrize("specification", IN_BLOCKS)
def test_what_comes_before_a_place_where_no_block_starts_is_kept(tmp_path: Path, specification: str) -> None:
    file = two_blocks(tmp_path / "made.ns6", specification)
    damage.cut_off(file, 3)
    damage.spoil_flag(file, block=1, flag=0)
    source = open_samples(file)
    assert everything(source) == [ramp(5).tolist()]
    n_left = 7 * SAMPLE_BYTES - 3 + BLOCK_HEADER_BYTES[specification]
    assert source.header.repairs == (
        f"data block 1 starts with 0 in place of 1; the last {n_left} bytes of the file are left out",
    )


def test_a_file_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(5))])
    damage.cut_off(file, 3)
    damage.spoil_flag(file, block=0)
    with pytest.raises(RecordingError, match=r"expected samples, found none: data block 0 starts with 0"):
        open_samples(file)


def test_a_tick_that_no_clock_reaches_ends_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(5)), (2**63 + 5, ramp(5))], specification="3.0")
    source = open_samples(file)
    assert source.segments == (Segment(0, 0, 5, 5),)
    assert "beyond any clock" in source.header.repairs[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    specification=st.sampled_from(IN_BLOCKS),
    period=st.sampled_from([1, 15]),
    blocks=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 60)), min_size=1, max_size=8),
)
def test_a_block_well_before_the_end_of_the_last_opens_a_clock_segment_and_a_later_one_is_a_pause(
    tmp_path: Path, specification: str, period: int, blocks: list[tuple[int, int]]
) -> None:
    kept: list[tuple[int, int]] = []
    for tick, n_samples in blocks:
        if not kept or tick != kept[-1][0] + kept[-1][1] * period:  # that one would continue the block
            kept.append((tick, n_samples))
    file = write(
        tmp_path / "made.ns6",
        [(tick, ramp(n_samples, start=tick)) for tick, n_samples in kept],
        specification=specification,
        rate_hz=30_000 / period,
    )
    expected: list[Segment] = []
    samples: list[list[np.ndarray]] = []
    ended = 0
    for (tick, n_samples), (following, _) in zip(kept, [*kept[1:], (10**9, 0)], strict=True):
        if n_samples <= 5 and abs(following - tick) < 5 * period and following < tick + n_samples * period:
            continue  # a stub
        end = tick + n_samples * period
        overlap = ended - tick if expected else -period
        if -period / 2 < overlap < 5 * period:  # less than half a sample of pause is none
            one = expected[-1]
            expected[-1] = Segment(one.clock_segment, one.first_tick, max(one.end_tick, end), one.n_samples + n_samples)
            samples[-1].append(ramp(n_samples, start=tick))
        else:
            clock_segment = expected[-1].clock_segment + (overlap > 0) if expected else 0
            expected.append(Segment(clock_segment, tick, end, n_samples))
            samples.append([ramp(n_samples, start=tick)])
        ended = end
    source = open_samples(file, bridge_ms=0)
    assert source.segments == tuple(expected)
    assert everything(source) == [np.concatenate(parts).tolist() for parts in samples]


@pytest.mark.parametrize("n_samples", [1, 500])
@pytest.mark.parametrize("specification", [*IN_BLOCKS, "3.0-ptp"])
def test_the_stub_before_two_processors_agree_on_their_clock_is_a_segment_in_an_clock_segment_of_its_own(
    tmp_path: Path, specification: str, n_samples: int
) -> None:
    data = ramp(40)
    file = write(tmp_path / "made.ns6", [(10, data)], specification=specification)
    damage.prepend_sync_stub(file, n_samples=n_samples, first_tick=10**6)
    source = open_samples(file)
    assert [(s.clock_segment, s.first_tick, s.n_samples) for s in source.segments] == [
        (0, 10**6, n_samples),
        (1, 10, 40),
    ]
    assert everything(source) == [np.zeros((n_samples, 3)).tolist(), data.tolist()]


def test_more_segments_than_a_recording_can_have_are_refused(tmp_path: Path) -> None:
    ticks = np.arange(100_001, dtype=np.int64) * 2_000_000  # two milliseconds apart, in a file that says 30 kHz
    file = write(tmp_path / "made.ns6", [(ticks, ramp(100_001))], specification="3.0-ptp")
    with pytest.raises(RecordingError, match="at most 100000 uninterrupted segments"):
        open_samples(file)


@pytest.mark.parametrize("specification", ["2.1", "2.3"])
def test_faults_that_a_version_cannot_have_are_the_programmers_mistake(tmp_path: Path, specification: str) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(5))], specification=specification)
    if specification == "2.1":
        with pytest.raises(ValueError, match=r"2\.1 has no blocks"):
            damage.forget_last_count(file)
    damage.cut_to(file, HEADER_BYTES[specification])
    assert read_nsx_header(file).segments == ()
