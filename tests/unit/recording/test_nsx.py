"""NSx files: the real ones, round trips through neo, and every fault that neo would pass over."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neo.rawio import BlackrockRawIO

from closedloop.errors import RecordingError
from closedloop.recording.chunks import rescaled
from closedloop.recording.info import read_info
from closedloop.recording.nsx import open_samples
from closedloop.recording.nsx_header import NsxChannel, analog_input
from closedloop.recording.nsx_writer import write_nsx

DATA = Path(__file__).parents[2] / "data" / "blackrock"
START = datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)
CHANNELS = (NsxChannel(1, "elec1"), NsxChannel(130, "elec130"), analog_input(257, "ainp1"))


def ramp(n: int, n_channels: int = 3, start: int = 0) -> np.ndarray:
    return (np.arange(start, start + n * n_channels) % 60_000 - 30_000).astype(np.int16).reshape(n, n_channels)


def write(file: Path, chunks: list, *, specification: str = "2.3", rate_hz: float = 30_000.0) -> Path:
    write_nsx(file, CHANNELS, rate_hz=rate_hz, specification=specification, chunks=chunks, start=START)
    return file


def fails_in_one_line(file: Path, *words: str) -> None:
    with pytest.raises(RecordingError) as caught:
        list(open_samples(file))
    message = str(caught.value)
    assert message.startswith(str(file))
    assert "\n" not in message
    assert all(word in message for word in words), message


def samples_by_neo(stem: Path, number: int) -> tuple[BlackrockRawIO, list[np.ndarray]]:
    reader = BlackrockRawIO(filename=str(stem), nsx_to_load=number, load_nev=False)
    reader.parse_header()
    segments = [
        np.array(reader.get_analogsignal_chunk(0, segment, None, None, 0)) for segment in range(reader.segment_count(0))
    ]
    for stream in reader._nsx_fids.values():
        stream.close()
    return reader, segments


def test_the_real_2_3_file_has_the_shape_scale_and_times_of_its_readme() -> None:
    info = read_info(DATA / "Test_anonymized.ns3")
    assert (info.kind, info.specification, info.rate_hz, info.tick_hz) == ("nsx", "2.3", 2000.0, 30_000)
    assert [(block.first_tick, block.first_s, block.n_samples) for block in info.blocks] == [(114_000, 3.8, 100)]
    assert {channel.scale for channel in info.channels} == {0.25}
    assert [channel.label for channel in info.channels] == ["RAMY01", "RAMY02", "RAMY05", "RTMa03", "RTMa08"]
    assert info.duration_s == 0.05


def test_the_real_3_0_file_has_the_shape_scale_and_times_of_its_readme() -> None:
    info = read_info(DATA / "test_BRSMPGRP_raw.ns3")
    assert (info.specification, info.rate_hz, len(info.channels)) == ("3.0", 2000.0, 128)
    assert [(block.first_tick, block.n_samples) for block in info.blocks] == [(0, 100), (2250, 150)]
    assert {(channel.scale, channel.units) for channel in info.channels} == {(5000 / 8192, "mV")}
    assert info.duration_s == 0.075 + 150 / 2000
    assert info.start == "2023-01-31T14:36:44.600000+00:00"


@pytest.mark.parametrize("name", ["Test_anonymized", "test_BRSMPGRP_raw"])
def test_the_real_files_give_the_samples_that_neo_gives(name: str) -> None:
    _, segments = samples_by_neo(DATA / name, 3)
    chunks = list(open_samples(DATA / f"{name}.ns3", chunk_samples=33))
    assert max(len(samples) for _, samples in chunks) == 33
    first_ticks = {"Test_anonymized": [114_000], "test_BRSMPGRP_raw": [0, 2250]}[name]
    lengths = [len(segment) for segment in segments]
    expected = [first + at * 15 for first, n in zip(first_ticks, lengths, strict=True) for at in range(0, n, 33)]
    assert [first_tick for first_tick, _ in chunks] == expected
    np.testing.assert_array_equal(np.concatenate([samples for _, samples in chunks]), np.concatenate(segments))


def test_what_info_says_can_be_written_as_json() -> None:
    said = json.loads(json.dumps(read_info(DATA / "Test_anonymized.ns3").to_json_dict()))
    assert said["channels"][0]["channel_id"] == 1
    assert said["blocks"][0]["first_tick"] == 114_000


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    specification=st.sampled_from(["2.2", "2.3", "3.0"]),
    rate_hz=st.sampled_from([30_000.0, 2_000.0]),
    blocks=st.lists(st.tuples(st.integers(1, 500), st.lists(st.integers(1, 40), min_size=2, max_size=4)), max_size=4),
)
def test_neo_reads_back_what_was_written(
    tmp_path: Path, specification: str, rate_hz: float, blocks: list[tuple[int, list[int]]]
) -> None:
    step = round(30_000 / rate_hz)
    chunks, expected, tick = [], [], 0
    for pause, lengths in [(7, [2]), *blocks]:
        tick += pause
        expected.append((tick, ramp(sum(lengths), start=tick)))
        at = 0
        for length in lengths:
            chunks.append((tick, expected[-1][1][at : at + length]))
            at, tick = at + length, tick + length * step
    file = write(tmp_path / "made.ns6", chunks, specification=specification, rate_hz=rate_hz)
    reader, segments = samples_by_neo(tmp_path / "made", 6)
    assert [len(segment) for segment in segments] == [len(samples) for _, samples in expected]
    for index, (first_tick, samples) in enumerate(expected):
        np.testing.assert_array_equal(segments[index], samples)
        assert reader.get_signal_t_start(0, index, 0) == first_tick / 30_000
    assert reader.get_signal_sampling_rate(0) == rate_hz
    ours = [(first_tick, samples) for first_tick, samples in open_samples(file)]
    assert [first_tick for first_tick, _ in ours] == [first_tick for first_tick, _ in expected]
    np.testing.assert_array_equal(np.concatenate([samples for _, samples in ours]), np.concatenate(segments))


def test_neo_agrees_on_channels_and_scale(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(50))], specification="3.0")
    reader, _ = samples_by_neo(tmp_path / "made", 6)
    channels = reader.header["signal_channels"]
    info = read_info(file)
    assert [c.label for c in info.channels] == channels["name"].tolist() == ["elec1", "elec130", "ainp1"]
    assert [str(c.channel_id) for c in info.channels] == channels["id"].tolist()
    assert [c.units for c in info.channels] == channels["units"].tolist() == ["uV", "uV", "mV"]
    np.testing.assert_allclose([c.scale for c in info.channels], channels["gain"], rtol=1e-12)
    np.testing.assert_allclose([c.offset for c in info.channels], channels["offset"], atol=1e-9)
    assert [c.is_electrode for c in info.channels] == [True, True, False]
    assert info.start == START.isoformat()


def test_channels_come_in_the_order_asked_for_and_in_their_units(tmp_path: Path) -> None:
    data = ramp(10)
    samples = open_samples(write(tmp_path / "made.ns6", [(0, data)]), channel_ids=[257, 1])
    ((first_tick, values),) = rescaled(samples, scale=samples.scale, offset=samples.offset)
    assert first_tick == 0
    np.testing.assert_allclose(values[:, 0], data[:, 2] * (5000 / 32767), rtol=1e-12)
    np.testing.assert_allclose(values[:, 1], data[:, 0] * 0.25, rtol=1e-12)


def test_the_same_samples_can_be_gone_through_again(tmp_path: Path) -> None:
    samples = open_samples(write(tmp_path / "made.ns6", [(0, ramp(10))]))
    assert len(list(samples)) == len(list(samples)) == 1


def test_the_writer_holds_one_chunk_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "made.ns6"
    sizes = []

    def chunks():
        for index in range(4):
            yield index * 20_000, ramp(20_000)
            sizes.append(file.stat().st_size)

    write(file, chunks())
    assert sizes == sorted(set(sizes)), "each chunk was on disk before the next was asked for"


def test_a_broken_neighbour_of_the_same_stem_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "made.ns2").write_bytes(b"not a recording")
    (tmp_path / "made.nev").write_bytes(b"nor this")
    assert [len(samples) for _, samples in open_samples(write(tmp_path / "made.ns6", [(0, ramp(10))]))] == [10]


@pytest.mark.parametrize("name", ["MADE.NS6", "a.ns6.copy/made.ns5", "with space/made"])
def test_the_name_of_the_file_does_not_matter(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    assert [len(samples) for _, samples in open_samples(write(tmp_path / name, [(0, ramp(10))]))] == [10]


@pytest.mark.parametrize("specification", ["2.3", "3.0"])
def test_a_file_cut_anywhere_in_its_last_block_or_headers_is_refused(tmp_path: Path, specification: str) -> None:
    whole = write(tmp_path / "whole.ns6", [(0, ramp(5)), (100, ramp(5))], specification=specification).read_bytes()
    first_block_end = len(whole) - (30 + (9 if specification == "2.3" else 13))
    cut = tmp_path / "cut.ns6"
    for n_bytes in [*range(first_block_end + 1, len(whole)), *range(0, first_block_end - 30, 13)]:
        cut.write_bytes(whole[:n_bytes])
        if n_bytes == 314 + 3 * 66:
            assert read_info(cut).blocks == ()
        else:
            fails_in_one_line(cut)
            with pytest.raises(RecordingError, match=r"cut\.ns6: expected"):
                read_info(cut)


def test_a_recorder_that_crashed_leaves_a_block_without_a_count_which_is_refused(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "made.ns6", [(0, ramp(5))]).read_bytes())
    data[314 + 3 * 66 + 5 : 314 + 3 * 66 + 9] = bytes(4)
    (tmp_path / "made.ns6").write_bytes(data)
    fails_in_one_line(tmp_path / "made.ns6", "found 0 before 5 samples")


def patched(tmp_path: Path, at: int, value: bytes) -> Path:
    data = bytearray(write(tmp_path / "made.ns6", [(0, ramp(5)), (50, ramp(5))]).read_bytes())
    data[at : at + len(value)] = value
    (tmp_path / "made.ns6").write_bytes(data)
    return tmp_path / "made.ns6"


@pytest.mark.parametrize(
    ("at", "value", "word"),
    [
        (0, b"RIFFWAVE", "NEURALCD"),
        (0, b"NEURALSG", "2.1"),
        (9, b"\x07", "2.7"),
        (290, (1_000_000_000).to_bytes(4, "little"), "PTP"),
        (310, (70_000).to_bytes(4, "little"), "header bytes"),
        (286, bytes(4), "period 0"),
        (314, b"XX", "'CC'"),
        (314 + 3 * 66, b"\x05", "found 5"),
        (314 + 3 * 66 + 9 + 30 + 1, (3).to_bytes(4, "little"), "clock was reset"),
    ],
)
def test_a_corrupt_foreign_or_unsupported_file_is_refused(tmp_path: Path, at: int, value: bytes, word: str) -> None:
    fails_in_one_line(patched(tmp_path, at, value), word)


def test_a_block_that_neo_would_drop_is_refused_not_lost(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(0, ramp(1)), (50, ramp(5))])
    _, segments = samples_by_neo(tmp_path / "made", 6)
    assert [len(segment) for segment in segments] == [5], "neo still drops it: the guard is needed"
    fails_in_one_line(file, "neo would drop")


def test_a_missing_file_and_a_missing_channel_are_refused(tmp_path: Path) -> None:
    fails_in_one_line(tmp_path / "none.ns6", "No such file")
    file = write(tmp_path / "made.ns6", [(0, ramp(5))])
    with pytest.raises(RecordingError, match=r"expected channels \[3\]"):
        open_samples(file, channel_ids=[1, 3])


@pytest.mark.parametrize(
    ("chunks", "rate_hz", "specification"),
    [
        ([(0, ramp(5)), (4, ramp(5))], 30_000.0, "2.3"),
        ([(-1, ramp(5))], 30_000.0, "2.3"),
        ([(2**32, ramp(5))], 30_000.0, "2.3"),
        ([(0, ramp(5).astype(np.int32))], 30_000.0, "2.3"),
        ([(0, ramp(5, 2))], 30_000.0, "2.3"),
        ([(0, ramp(5))], 7_000.0, "2.3"),
        ([(0, ramp(5))], 30_000.0, "2.1"),
    ],
)
def test_the_writer_refuses_what_the_format_cannot_hold(
    tmp_path: Path, chunks: list, rate_hz: float, specification: str
) -> None:
    with pytest.raises(ValueError, match=r"."):
        write(tmp_path / "made.ns6", chunks, rate_hz=rate_hz, specification=specification)


@pytest.mark.parametrize("label", ["µ-electrode", "a label of seventeen"])
def test_the_writer_refuses_labels_that_neo_cannot_read_or_that_would_be_cut(tmp_path: Path, label: str) -> None:
    with pytest.raises(ValueError, match=r"ascii|20 bytes"):
        write_nsx(
            tmp_path / "made.ns6",
            [NsxChannel(1, label)],
            rate_hz=30_000.0,
            specification="2.3",
            chunks=[],
            start=START,
        )


def test_ticks_beyond_32_bits_fit_3_0(tmp_path: Path) -> None:
    file = write(tmp_path / "made.ns6", [(2**40, ramp(5))], specification="3.0")
    assert [first_tick for first_tick, _ in open_samples(file)] == [2**40]
