"""NSx files of every specification: the real ones, and round trips against what was written and what neo reads."""

from __future__ import annotations

import pickle
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.blackrock.nsx.header import NsxChannel, analog_input, read_nsx_header
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment
from closedloop.simulation.damage import nsx as damage
from tests.unit.blackrock.nsx.nsx_files import CHANNELS, DATA, IN_BLOCKS, SPECIFICATIONS, START, ReadByNeo, ramp, write

PTP_PERIOD_NS = Fraction(100_000, 3)  # at 30 kHz


def all_samples(file: Path, *, bridge_ms: float = 1.0) -> list[np.ndarray]:
    source = open_samples(file, bridge_ms=bridge_ms)
    return [source.read(number, 0, segment.n_samples) for number, segment in enumerate(source.segments)]


@pytest.mark.parametrize(
    ("name", "specification", "segments", "scale", "units"),
    [
        ("Test_anonymized", "2.3", (Segment(0, 114_000, 115_500, 100),), 0.25, "uV"),
        ("test_BRSMPGRP_raw", "3.0", (Segment(0, 0, 1500, 100), Segment(0, 2250, 4500, 150)), 5000 / 8192, "mV"),
    ],
)
def test_the_real_files_have_the_shape_and_times_of_their_readme_and_the_samples_that_neo_gives(
    name: str, specification: str, segments: tuple[Segment, ...], scale: float, units: str
) -> None:
    source, neo = open_samples(DATA / f"{name}.ns3"), ReadByNeo(DATA / name, 3)
    assert (source.header.specification, source.rate_hz, source.tick_hz) == (specification, 2000.0, 30_000)
    assert source.segments == segments
    assert source.header.repairs == ()
    assert {(channel.scale, channel.units) for channel in source.channels} == {(scale, units)}
    neo_labels = [label.split("\0")[0] for label in neo.channels["name"]]  # it keeps what stands after the end
    assert [channel.label for channel in source.channels] == neo_labels
    assert [segment.first_tick / 30_000 for segment in source.segments] == neo.t_starts
    for ours, segment in zip(all_samples(DATA / f"{name}.ns3"), neo.segments, strict=True):
        np.testing.assert_array_equal(ours, segment)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    specification=st.sampled_from(IN_BLOCKS),
    rate_hz=st.sampled_from([30_000.0, 10_000.0, 2_000.0]),
    blocks=st.lists(st.tuples(st.integers(1, 500), st.lists(st.integers(1, 40), min_size=2, max_size=4)), max_size=4),
)
def test_blocks_are_read_as_they_were_written_and_as_neo_reads_them(
    tmp_path: Path, specification: str, rate_hz: float, blocks: list[tuple[int, list[int]]]
) -> None:
    step = round(30_000 / rate_hz)
    chunks, written, segments, tick = [], [], [], 0
    for pause, lengths in [(7, [2]), *blocks]:
        tick += pause * step
        written.append(ramp(sum(lengths), start=tick))
        segments.append(Segment(0, tick, tick + sum(lengths) * step, sum(lengths)))
        for at, length in zip(np.cumsum([0, *lengths]), lengths, strict=False):
            chunks.append((tick, written[-1][at : at + length]))
            tick += length * step
    file = write(tmp_path / "made.ns6", chunks, specification=specification, rate_hz=rate_hz)
    source, neo = open_samples(file, bridge_ms=0), ReadByNeo(tmp_path / "made", 6)
    assert source.segments == tuple(segments)
    assert (source.header.specification, source.rate_hz, neo.rate_hz) == (specification, rate_hz, rate_hz)
    assert neo.t_starts == [segment.first_tick / 30_000 for segment in segments]
    for ours, segment, samples in zip(all_samples(file, bridge_ms=0), neo.segments, written, strict=True):
        np.testing.assert_array_equal(ours, samples)
        np.testing.assert_array_equal(segment, samples)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n_samples=st.integers(3, 60), n_channels=st.integers(1, 6), rate_hz=st.sampled_from([30_000.0, 500.0]))
def test_a_2_1_file_is_read_to_its_last_sample_which_neo_drops(
    tmp_path: Path, n_samples: int, n_channels: int, rate_hz: float
) -> None:
    channels = [NsxChannel(126 + number, f"any{number}") for number in range(n_channels)]
    data = ramp(n_samples, n_channels)
    file = write(tmp_path / "made.ns5", [(0, data)], specification="2.1", rate_hz=rate_hz, channels=channels)
    source, neo = open_samples(file), ReadByNeo(tmp_path / "made", 5)
    np.testing.assert_array_equal(source.read(0, 0, n_samples), data)
    np.testing.assert_array_equal(neo.segments[0], data[:-1])
    assert (source.header.specification, source.rate_hz, neo.rate_hz) == ("2.1", rate_hz, rate_hz)
    assert source.segments == (Segment(0, 0, round(n_samples * 30_000 / rate_hz), n_samples),)
    assert [channel.label for channel in source.channels] == neo.channels["name"].tolist()
    assert [str(channel.channel_id) for channel in source.channels] == neo.channels["id"].tolist()
    assert source.scale.tolist() == neo.channels["gain"].tolist() == [1.0] * n_channels
    assert source.offset.tolist() == neo.channels["offset"].tolist() == [0.0] * n_channels
    assert {channel.units for channel in source.channels} == set(neo.channels["units"].tolist()) == {""}
    assert [channel.is_electrode for channel in source.channels] == [c.channel_id <= 128 for c in channels]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first_tick=st.integers(0, 2**61),
    lengths=st.lists(st.integers(2, 50), min_size=1, max_size=5),
    gaps=st.lists(st.integers(2, 10_000), min_size=4, max_size=4),
)
def test_ptp_packets_are_read_as_they_were_written_and_as_neo_reads_them(
    tmp_path: Path, first_tick: int, lengths: list[int], gaps: list[int]
) -> None:
    index = np.concatenate([np.arange(n) + skip for n, skip in zip(lengths, skips(lengths, gaps), strict=True)])
    ticks = first_tick + (index * 100_000) // 3
    data = ramp(len(ticks))
    file = write(tmp_path / "made.ns6", [(ticks, data)], specification="3.0-ptp")
    source, neo = open_samples(file, bridge_ms=0), ReadByNeo(tmp_path / "made", 6, gap_tolerance_ms=1e-6)
    assert source.header.specification == "3.0-ptp"
    assert [segment.n_samples for segment in source.segments] == lengths
    assert {segment.clock_segment for segment in source.segments} == {0}
    np.testing.assert_array_equal(np.concatenate(all_samples(file, bridge_ms=0)), data)
    np.testing.assert_array_equal(np.concatenate(neo.segments), data)
    found = [source.ticks(number, np.arange(segment.n_samples)) for number, segment in enumerate(source.segments)]
    np.testing.assert_array_equal(np.concatenate(found), ticks)
    for segment, stamps in zip(source.segments, found, strict=True):
        assert (segment.first_tick, segment.end_tick) == (stamps[0], stamps[-1] + 33_333)


def skips(lengths: list[int], gaps: list[int]) -> list[int]:
    """Where each run of samples starts when `gaps` samples are missing between them."""
    return [sum(lengths[:number]) + sum(gaps[:number]) for number in range(len(lengths))]


def test_neo_sees_the_same_ptp_gap_when_it_is_allowed_to(tmp_path: Path) -> None:
    ticks = np.concatenate([np.arange(20), np.arange(300, 330)]) * 100_000 // 3
    file = write(tmp_path / "made.ns6", [(ticks, ramp(50))], specification="3.0-ptp")
    neo = ReadByNeo(tmp_path / "made", 6, gap_tolerance_ms=0.1)
    assert [len(segment) for segment in neo.segments] == [s.n_samples for s in open_samples(file).segments] == [20, 30]


def test_a_3_0_file_in_nanoseconds_but_in_blocks_is_read(tmp_path: Path) -> None:
    data = ramp(90)
    chunks = [(5, data[:40]), (5 + 1_333_333, data[40:60]), (10**7, data[60:])]
    file = write(tmp_path / "made.ns6", chunks, specification="3.0", tick_hz=1_000_000_000)
    source, neo = open_samples(file), ReadByNeo(tmp_path / "made", 6)
    assert (source.header.specification, source.tick_hz, source.rate_hz) == ("3.0", 1_000_000_000, 30_000.0)
    assert source.segments == (Segment(0, 5, 5 + 2_000_000, 60), Segment(0, 10**7, 10**7 + 1_000_000, 30))
    assert source.ticks(0, np.array([0, 1, 2, 3])).tolist() == [5, 5 + 33_333, 5 + 66_667, 5 + 100_000]
    for ours, segment in zip(all_samples(file), neo.segments, strict=True):
        np.testing.assert_array_equal(ours, segment)


def test_a_sync_stub_of_one_sample_before_blocks_in_nanoseconds_is_not_taken_for_ptp(tmp_path: Path) -> None:
    chunks = [(7 * 10**9, ramp(1)), (0, ramp(50, start=3))]
    file = write(tmp_path / "made.ns6", chunks, specification="3.0", tick_hz=1_000_000_000)
    source = open_samples(file)
    assert source.header.specification == "3.0"
    assert [(s.clock_segment, s.first_tick, s.n_samples) for s in source.segments] == [(0, 7 * 10**9, 1), (1, 0, 50)]


def test_neo_agrees_on_channels_and_scale(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(50))], specification="3.0")
    source, channels = open_samples(file), ReadByNeo(tmp_path / "made", 6).channels
    assert [c.label for c in source.channels] == channels["name"].tolist() == ["elec1", "elec130", "ainp1"]
    assert [str(c.channel_id) for c in source.channels] == channels["id"].tolist()
    assert [c.units for c in source.channels] == channels["units"].tolist() == ["uV", "uV", "mV"]
    np.testing.assert_allclose(source.scale, channels["gain"], rtol=1e-12)
    np.testing.assert_allclose(source.offset, channels["offset"], atol=1e-9)


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_texts_and_date_are_kept_where_the_version_has_room(tmp_path: Path, specification: str) -> None:
    header = read_nsx_header(write(tmp_path / "made.ns6", [(0, ramp(5))], specification=specification))
    expected = ("test", "", None) if specification == "2.1" else ("test", "a file for tests", START)
    assert (header.label, header.comment, header.start) == expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    specification=st.sampled_from(SPECIFICATIONS),
    wanted=st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True),
    bounds=st.tuples(st.integers(0, 400), st.integers(0, 400)),
)
def test_any_part_of_any_channels_in_any_order_is_what_was_written(
    tmp_path: Path, specification: str, wanted: list[int], bounds: tuple[int, int]
) -> None:
    channels = [NsxChannel(number + 1, f"elec{number + 1}") for number in range(7)]
    data = ramp(400, 7)
    file = write(tmp_path / "made.ns6", [(0, data)], specification=specification, channels=channels)
    source = open_samples(file, channel_ids=[number + 1 for number in wanted])
    start, stop = sorted(bounds)
    part = source.read(0, start, stop)
    assert part.dtype == np.int16
    assert part.flags.c_contiguous
    assert part.flags.writeable
    np.testing.assert_array_equal(part, data[start:stop, wanted])


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_parts_longer_than_the_buffer_are_read_whole(tmp_path: Path, specification: str) -> None:
    data = np.random.default_rng(1).integers(-32768, 32767, (500_000, 3), np.int16)  # 3 MB, with the buffer at 2
    file = write(tmp_path / "made.ns6", [(0, data)], specification=specification)
    np.testing.assert_array_equal(open_samples(file).read(0, 0, 500_000), data)
    np.testing.assert_array_equal(open_samples(file, channel_ids=[257, 1]).read(0, 7, 499_999), data[7:-1, [2, 0]])


def test_a_day_of_214_gb_is_opened_and_read_at_its_end(tmp_path: Path) -> None:
    n_channels, n_samples = 198, 5 * 3600 * 30_000
    channels = [NsxChannel(number + 1, f"elec{number + 1}") for number in range(n_channels)]
    file = write(tmp_path / "day.ns6", [(0, ramp(1, n_channels))], channels=channels)
    damage.write_last_count(file, n_samples)
    first_byte = file.stat().st_size - 2 * n_channels
    with file.open("rb+") as stream:  # a file with a hole: nothing of it lies on the disk
        stream.seek(first_byte + (n_samples - 2) * 2 * n_channels)
        stream.write(ramp(2, n_channels, start=7).tobytes())
    assert file.stat().st_size > 213e9
    source = open_samples(file, channel_ids=[3, 198])
    assert source.segments == (Segment(0, 0, n_samples, n_samples),)
    assert source.header.repairs == ()
    np.testing.assert_array_equal(source.read(0, n_samples - 2, n_samples), ramp(2, n_channels, start=7)[:, [2, 197]])


def test_a_source_works_after_it_was_pickled(tmp_path: Path) -> None:
    source = open_samples(write(tmp_path / "made.ns6", [(0, ramp(10))]))
    again = pickle.loads(pickle.dumps(source))
    assert again == source
    np.testing.assert_array_equal(again.read(0, 3, 7), ramp(10)[3:7])


@pytest.mark.parametrize("part", [(-1, 5), (0, 11), (6, 5)])
def test_samples_that_a_segment_has_not_are_the_programmers_mistake(tmp_path: Path, part: tuple[int, int]) -> None:
    source = open_samples(write(tmp_path / "made.ns6", [(0, ramp(10))]))
    with pytest.raises(ValueError, match="segment 0 has samples 0 to 10"):
        source.read(0, *part)
    with pytest.raises(ValueError, match="segment 0 has samples 0 to 10"):
        source.ticks(0, np.array(part)[[0, 1]] if part != (6, 5) else np.array([10]))


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_ticks_keep_the_shape_of_what_is_asked(tmp_path: Path, specification: str) -> None:
    source = open_samples(write(tmp_path / "made.ns6", [(0, ramp(10))], specification=specification))
    wanted = np.array([[9, 0, 3], [3, 3, 1]])
    ns = np.array([[300_000, 0, 100_000], [100_000, 100_000, 33_333]])
    np.testing.assert_array_equal(source.ticks(0, wanted), ns if specification == "3.0-ptp" else wanted)
    assert source.ticks(0, np.zeros((0, 4), np.int64)).shape == (0, 4)


def test_ptp_ticks_far_apart_and_close_by_are_the_packets_own(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    ticks = np.cumsum(random.integers(30_000, 36_000, 100_000))  # jitter of a tenth of a period
    source = open_samples(write(tmp_path / "made.ns6", [(ticks, ramp(100_000))], specification="3.0-ptp"))
    few, many = np.array([99_999, 0, 50_000]), random.integers(0, 100_000, 30_000)
    np.testing.assert_array_equal(source.ticks(0, few), ticks[few])
    np.testing.assert_array_equal(source.ticks(0, many), ticks[many])


def test_a_file_that_shrinks_while_it_is_read_is_said(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(10))])
    source = open_samples(file)
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(RecordingError, match=r"made\.ns6: expected 7 more bytes"):
        source.read(0, 0, 10)
    file.unlink()
    with pytest.raises(RecordingError, match=r"made\.ns6: expected a readable file"):
        source.read(0, 0, 10)


def test_neighbours_and_names_of_the_file_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "made.ns2").write_bytes(b"not a recording")
    (tmp_path / "made.nev").write_bytes(b"nor this")
    for name in ("made.ns6", "MADE.NS6", "a.ns6.copy/made.ns5", "with space/made"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.testing.assert_array_equal(open_samples(write(tmp_path / name, [(0, ramp(9))])).read(0, 0, 9), ramp(9))


def patched(tmp_path: Path, at: int, value: bytes) -> Path:
    data = bytearray(write(tmp_path / "made.ns6", [(0, ramp(5)), (50, ramp(5))]).read_bytes())
    data[at : at + len(value)] = value
    (tmp_path / "made.ns6").write_bytes(data)
    return tmp_path / "made.ns6"


@pytest.mark.parametrize(
    ("at", "value", "word"),
    [
        (0, b"RIFFWAVE", "NEURALCD"),
        (0, b"BRSMPGRP", "found 2.3"),
        (9, b"\x07", "found 2.7"),
        (10, (711).to_bytes(4, "little"), "expected 512 header bytes"),
        (310, (70_000).to_bytes(4, "little"), "header bytes"),
        (310, bytes(4), "0 channels"),
        (286, bytes(4), "period 0"),
        (286, (30_001).to_bytes(4, "little"), "period 30001"),
        (290, bytes(4), "at 0 ticks/s"),
        (290, (30_001).to_bytes(4, "little"), "at 30001 ticks/s"),
        (314, b"XX", "'CC'"),
    ],
)
def test_a_corrupt_foreign_or_unsupported_header_is_refused_in_one_line(
    tmp_path: Path, at: int, value: bytes, word: str
) -> None:
    file = patched(tmp_path, at, value)
    with pytest.raises(RecordingError) as caught:
        open_samples(file)
    assert str(caught.value).startswith(f"{file}: expected")
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none\.ns6: expected a readable file, found: No such file"):
        open_samples(tmp_path / "none.ns6")


MIXED = (
    NsxChannel(1, "elec1"),
    NsxChannel(2, "A-002"),
    NsxChannel(3, "chan3", units="mV"),
    analog_input(1, "ainp1"),
    analog_input(9, "photodiode"),
    analog_input(10, "chanEye"),
    NsxChannel(11, "analog 2", units="uV"),
    NsxChannel(12, "eye x", units="V"),
    NsxChannel(13, "chan1 of the eye", units="mV"),
)


def test_electrodes_are_told_from_analog_inputs_by_label_then_by_unit(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(4, 9))], channels=MIXED)
    assert [c.label for c in open_samples(file, kind="electrode").channels] == ["elec1", "A-002", "chan3"]
    assert [c.channel_id for c in open_samples(file, kind="analog").channels] == [1, 9, 10, 11, 12, 13]


def test_channels_are_found_by_number_and_by_label_also_where_numbers_collide(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(4, 9))], channels=MIXED)
    data = ramp(4, 9)
    by_number = open_samples(file, channel_ids=[2, 1], kind="electrode")
    np.testing.assert_array_equal(by_number.read(0, 0, 4), data[:, [1, 0]])
    np.testing.assert_array_equal(open_samples(file, channel_ids=[1], kind="analog").read(0, 0, 4), data[:, [3]])
    np.testing.assert_array_equal(open_samples(file, labels=["photodiode"]).read(0, 0, 4), data[:, [4]])
    for wanted, message in [
        ({"channel_ids": [1]}, "expected one channel 1 among 9, found 2"),
        ({"channel_ids": [77]}, "expected one channel 77 among 9, found 0"),
        ({"labels": ["photodiode"], "kind": "electrode"}, "expected one electrode 'photodiode' among 3, found 0"),
    ]:
        with pytest.raises(RecordingError, match=message):
            open_samples(file, **wanted)
    with pytest.raises(ValueError, match="not both"):
        open_samples(file, channel_ids=[1], labels=["ainp1"])


def test_scale_and_offset_follow_the_channels_asked_for(tmp_path: Path) -> None:
    source = open_samples(write(tmp_path / "made.ns6", [(0, ramp(2))]), channel_ids=[257, 1])
    np.testing.assert_allclose(source.scale, [5000 / 32767, 0.25], rtol=1e-12)
    np.testing.assert_allclose(source.offset, [0, 0], atol=1e-9)
    assert source.channels == (CHANNELS[2], CHANNELS[0])
