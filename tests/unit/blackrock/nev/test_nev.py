"""NEV files: what was written is read by us and by neo alike, in every specification and of every kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedloop.blackrock.info import read_info
from closedloop.blackrock.nev.events import comment_text, read_nev
from closedloop.blackrock.nev.header import NevElectrode, read_nev_header
from closedloop.blackrock.nev.waveforms import read_waveforms
from closedloop.blackrock.nev.writer import NevBatch
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.errors import RecordingError
from tests.unit.blackrock.nev.nev_files import (
    HEADER_BYTES,
    SPECIFICATIONS,
    START,
    batch,
    fails_in_one_line,
    neo_of,
    packet_bytes,
    swapped,
    write,
)

times = st.integers(0, 5000)
spikes_strategy = st.lists(st.tuples(times, st.sampled_from([1, 2, 130])), max_size=60)
codes_strategy = st.lists(st.tuples(times, st.integers(0, 65535)), max_size=20)
comments_strategy = st.lists(st.tuples(times, st.text("abc xyzÄé", min_size=1, max_size=9).map(str.strip)), max_size=5)
each_specification = pytest.mark.parametrize("specification", SPECIFICATIONS)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    specification=st.sampled_from(SPECIFICATIONS),
    spikes=spikes_strategy,
    codes=codes_strategy,
    serial=codes_strategy,
    comments=comments_strategy,
)
def test_what_was_written_is_read_back_by_neo_and_by_us(
    tmp_path: Path, *, specification: str, spikes: list, codes: list, serial: list, comments: list
) -> None:
    codes, comments = [(0, 7), *codes], [(0, "begin"), *comments]
    file = write(tmp_path / "made.nev", batch(spikes, codes, comments, serial=serial), specification=specification)
    reader, ours = neo_of(file), read_nev(file)
    for unit, (electrode, _) in enumerate(reader.internal_unit_ids):
        expected = sorted(tick for tick, where in spikes if where == electrode)
        assert reader.get_spike_timestamps(0, 0, unit).tolist() == expected
        assert ours.spikes.on(electrode).tick.tolist() == expected
        waveforms = reader.get_spike_raw_waveforms(0, 0, unit)[:, 0]
        assert waveforms[:, 0].tolist() == [tick % 1000 for tick in expected]
        assert np.array_equal(read_waveforms(file, electrode), waveforms)
    assert list(zip(ours.spikes.tick, ours.spikes.electrode_id, strict=True)) == sorted(spikes)
    neo_codes = neo_events(reader, "digital_input_port", int)
    assert neo_codes == pairs(ours.codes.tick, ours.codes.value) == by_time(codes)
    assert neo_events(reader, "serial_input_port", int) == pairs(ours.serial.tick, ours.serial.value) == by_time(serial)
    if specification not in ("2.1", "2.2"):  # there neo reads no comments
        assert neo_events(reader, "comments", str) == by_time(comments)
    assert pairs(ours.comments.tick, ours.comments.text) == by_time(comments)
    assert ours.tick_hz == (10**9 if specification == "3.0-ptp" else 30_000)
    assert (ours.n_out_of_order, ours.n_stray, ours.n_other, ours.repairs) == (0, 0, 0, ())


def neo_events(reader: object, name: str, kind: type) -> list:
    channel = reader.header["event_channels"]["name"].tolist().index(name)
    ticks, _, labels = reader.get_event_timestamps(0, 0, channel)
    return [(int(tick), kind(label)) for tick, label in zip(ticks, labels, strict=True)]


def pairs(ticks: np.ndarray, values: object) -> list:
    return [(int(tick), value) for tick, value in zip(ticks, values, strict=True)]


def by_time(events: list) -> list:
    return sorted(events, key=lambda event: event[0])


def test_batches_are_joined_and_must_come_in_order(tmp_path: Path) -> None:
    early, late = batch([(5, 1), (3, 2)], [(4, 9)], []), batch([(20, 1)], [], [(10, "later")])
    events = read_nev(write(tmp_path / "made.nev", early, late))
    assert events.spikes.tick.tolist() == [3, 5, 20]
    assert events.comments.text == ("later",)
    with pytest.raises(ValueError, match="before the last one's end"):
        write(tmp_path / "made.nev", late, early)


def test_info_counts_packets_and_names_electrodes(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(30, 1), (40, 1), (60_030, 130)], [(50, 3)], [(45, "hello")]))
    info = read_info(file)
    assert (info.kind, info.specification, info.rate_hz) == ("nev", "2.3", None)
    assert info.start == START.isoformat()
    assert info.duration_s == 60_001 / 30_000
    assert [(c.id, c.label, c.units, c.scale) for c in info.channels] == [
        (1, "elec1", "uV", 0.25),
        (2, "elec2", "uV", 0.25),
        (130, "elec130", "uV", 0.25),
    ]
    assert info.events is not None
    assert info.events.n_spikes == {1: 2, 130: 1}
    assert (info.events.n_digital, info.events.n_other, info.events.n_out_of_order) == (1, 0, 0)


@each_specification
def test_a_file_without_packets_has_no_events(tmp_path: Path, specification: str) -> None:
    events = read_nev(write(tmp_path / "made.nev", specification=specification))
    assert len(events.spikes) == len(events.codes) == len(events.comments) == 0
    assert events.segments == ()


def test_spikes_of_one_tick_stand_in_order_of_electrode_and_keep_their_units(tmp_path: Path) -> None:
    made = NevBatch(
        spike_tick=np.array([9, 9, 9, 4]),
        spike_electrode=np.array([300, 2, 2, 7]),
        spike_unit=np.array([3, 255, 1, 2]),
    )
    events = read_nev(write(tmp_path / "made.nev", made), noise=True)
    assert events.spikes.tick.tolist() == [4, 9, 9, 9]
    assert events.spikes.electrode_id.tolist() == [7, 2, 2, 300]
    assert events.spike_unit.tolist() == [2, 1, 255, 3]


def test_spikes_months_apart_are_sorted_as_well(tmp_path: Path) -> None:
    far = 1 << 45  # beyond what fits a sorting key
    made = batch([(0, 2), (5, 3), (5, 1), (far, 9), (far, 2), (far + 90_000, 4)])
    events = read_nev(write(tmp_path / "made.nev", made, specification="3.0"))
    assert events.spikes.tick.tolist() == [0, 5, 5, far, far, far + 90_000]
    assert events.spikes.electrode_id.tolist() == [2, 1, 3, 2, 9, 4]


def test_without_spikes_the_rest_is_the_same(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(1, 1), (9, 2)], [(3, 65535)], [(4, "hello")], serial=[(5, 300)]))
    events = read_nev(file, spikes=False)
    assert (len(events.spikes), len(events.spike_unit)) == (0, 0)
    assert pairs(events.codes.tick, events.codes.value) == [(3, 65535)]
    assert pairs(events.serial.tick, events.serial.value) == [(5, 300)]
    assert events.comments.text == ("hello",)


@each_specification
def test_the_header_says_what_was_written(tmp_path: Path, specification: str) -> None:
    one = NevElectrode(
        7, "V4-7", nv_per_bit=500, connector=2, pin=3, low_threshold=-200, high_pass_hz=300, low_pass_hz=7500
    )
    extra = [("ARRAYNME", b"left IT"), ("MAPFILE", b"map.cmp"), ("TRACKOBJ", bytes(24)), ("NOSUCH", b"\xff" * 24)]
    file = write(tmp_path / "made.nev", specification=specification, electrodes=[one], extra_headers=extra)
    header = read_nev_header(file)
    found = header.electrodes[0]
    assert (header.specification, header.start, header.n_packets) == (specification, START, 0)
    assert (found.electrode_id, found.nv_per_bit, found.connector, found.pin) == (7, 500, 2, 3)
    assert found.low_threshold == -200
    assert (found.label, found.waveform_samples) == (("", None) if specification == "2.1" else ("V4-7", 8))
    if specification != "2.1":
        assert (found.high_pass_hz, found.low_pass_hz) == (300.0, 7500.0)
    assert [(tag, payload.rstrip(b"\0")) for tag, payload in header.extended if tag != "DIGLABEL"] == [
        (tag, payload.rstrip(b"\0")) for tag, payload in extra
    ]


def test_electrodes_up_to_5120_have_spikes_and_channels_above_have_none(tmp_path: Path) -> None:
    rows = [(1, 2048), (2, 2049), (3, 5120), (4, 5121), (5, 32767)]
    events = read_nev(write(tmp_path / "made.nev", batch(rows, others=[(6, 32768)])))
    assert events.spikes.electrode_id.tolist() == [2048, 2049, 5120]
    assert events.n_other == 3
    assert "2 packets of stimulation channels or analog inputs (ids from 5121 on) are no spikes" in events.repairs


def test_neo_alone_still_drops_electrodes_above_2048(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(1, 2048), (2, 2049)], [(3, 1)]))
    assert len(neo_of(file).nev_data["Spikes"][0]) == 1, "neo reads all of them now: say so in nev.py"


@pytest.mark.parametrize("bit_0", [True, False])
def test_waveforms_of_mixed_width_are_read_by_each_electrodes_own(tmp_path: Path, bit_0: bool) -> None:
    wide = [NevElectrode(1, "a", bytes_per_sample=1), NevElectrode(2, "b", bytes_per_sample=4)]
    file = write(
        tmp_path / "made.nev", batch([(11, 1), (12, 2), (13, 1)], [(20, 5)]), electrodes=wide, int16_waveforms=bit_0
    )
    events = read_nev(file)
    assert (events.spikes.tick.tolist(), events.codes.value.tolist()) == ([11, 12, 13], [5])
    first, second = read_waveforms(file, 1), read_waveforms(file, 2)
    assert (first[:, :3].tolist(), second[:, :3].tolist()) == ([[11, 12, 13], [13, 14, 15]], [[12, 13, 14]])
    assert (first.dtype.itemsize, second.dtype.itemsize) == ((2, 2) if bit_0 else (1, 4))


def test_waveforms_of_an_electrode_without_header_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(1, 3000)]))
    with pytest.raises(RecordingError, match="electrode 3000, found none"):
        read_waveforms(file, 3000)


def test_neo_alone_still_fails_without_flag_bit_0(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(1, 1)]), int16_waveforms=False)
    with pytest.raises((TypeError, KeyError)):
        neo_of(file).get_spike_raw_waveforms(0, 0, 0)


@pytest.mark.parametrize(
    ("reason", "is_code", "is_serial"),
    [(1, True, False), (3, True, False), (129, False, True), (128, False, True), (64, False, False), (2, False, False)],
)
def test_the_insertion_reason_tells_the_port(tmp_path: Path, reason: int, is_code: bool, is_serial: bool) -> None:
    file = write(tmp_path / "made.nev", batch(codes=[(5, 40_000)]), specification="2.2")
    data = bytearray(file.read_bytes())
    data[len(data) - packet_bytes("2.2") + 6] = reason
    file.write_bytes(data)
    events = read_nev(file)
    assert events.codes.value.tolist() == ([40_000] if is_code else [])
    assert events.serial.value.tolist() == ([40_000] if is_serial else [])
    assert events.n_other == (not is_code and not is_serial)


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"hello\0\0\0", 0, "hello"),
        (b"full up", 0, "full up"),
        (b"ends\0garbage", 0, "ends"),
        (b"\x80uro", 0, "€uro"),
        (b"a\x81b", 0, "a\ufffdb"),
        ("Reiz ä".encode("utf_16_le") + b"\0\0", 1, "Reiz ä"),
        ("\ufeffmit BOM".encode("utf_16_le"), 1, "mit BOM"),
        ("odd".encode("utf_16_le") + b"\x41", 1, "odd"),
        (b"\x00\xd8x\x00", 1, "\ufffdx"),
        (b"Region:1:in:5\0", 255, "Region:1:in:5"),
        (b"", 0, ""),
    ],
)
def test_a_comments_text_ends_at_its_first_nul_and_never_fails(data: bytes, charset: int, text: str) -> None:
    assert comment_text(data, charset) == text
    assert comment_text(data, charset).encode("utf_8").decode("utf_8") == text


def test_a_comment_in_utf_16_comes_through_a_file(tmp_path: Path) -> None:
    made = NevBatch(comment_tick=np.array([5]), comment_text=("Reiz",), comment_charset=1)
    assert read_nev(write(tmp_path / "made.nev", made)).comments.text == ("Reiz",)


def test_packets_of_other_kinds_are_counted(tmp_path: Path) -> None:
    events = read_nev(write(tmp_path / "made.nev", batch([(1, 1)], others=[(2, 65534), (3, 65531), (4, 40_000)])))
    assert (len(events.spikes), events.n_other) == (1, 3)


def test_the_recorders_restart_mark_does_not_hide_what_follows(tmp_path: Path) -> None:
    made = batch([(1, 1), (9, 1)], [], [(5, "critical load restart")])
    file = write(tmp_path / "made.nev", made, specification="3.0", waveform_samples=48, electrodes=())
    assert read_nev(file).spikes.tick.tolist() == [1, 9]


def test_a_broken_neighbour_of_the_same_stem_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "made.ns6").write_bytes(b"not a recording")
    assert read_nev(write(tmp_path / "made.nev", batch([(1, 1)]))).spikes.tick.tolist() == [1]


def test_neo_alone_still_loses_events_out_of_order(tmp_path: Path) -> None:
    file = swapped(tmp_path, "3.0", (100, 205, 200, 300, 295, 400))
    volts = np.zeros((500, 1), np.int16)
    channel = NsxChannel(1, "elec1")
    write_nsx(tmp_path / "made.ns6", [channel], rate_hz=30_000.0, specification="3.0", chunks=[(0, volts)], start=START)
    with pytest.warns(UserWarning, match="undocumented segments"):
        reader = neo_of(file)
    seen = sum(len(reader.get_spike_timestamps(0, segment, 0)) for segment in range(reader.segment_count(0)))
    assert seen < 4, "neo reads all of them now: the guard can go"
    assert len(read_nev(file).spikes) == 4


@each_specification
def test_a_file_cut_within_a_packet_keeps_the_whole_ones_and_says_so(tmp_path: Path, specification: str) -> None:
    file = write(tmp_path / "made.nev", batch([(1, 1), (2, 2)], [(3, 4)]), specification=specification)
    whole, size = file.read_bytes(), packet_bytes(specification)
    for n_lost in range(1, size):
        file.write_bytes(whole[:-n_lost])
        events = read_nev(file)
        assert (events.spikes.tick.tolist(), len(events.codes)) == ([1, 2], 0)
        assert f"{size - n_lost} of its {size} bytes" in events.repairs[0]


@pytest.mark.parametrize("specification", ["2.3", "3.0"])
def test_a_file_cut_within_its_header_is_refused(tmp_path: Path, specification: str) -> None:
    file = write(tmp_path / "made.nev", batch([(1, 1), (2, 2)], [(3, 4)]), specification=specification)
    whole = file.read_bytes()
    for n_bytes in range(0, HEADER_BYTES, 37):
        file.write_bytes(whole[:n_bytes])
        fails_in_one_line(file)


@pytest.mark.parametrize(
    ("at", "value", "word"),
    [
        (0, b"NEURALCD", "NEV file"),
        (9, b"\x04", "2.4"),
        (0, b"BREVENTS", "BREVENTS"),
        (12, b"\x00\x00\x00\x00", "header bytes"),
        (16, b"\x00\x00\x00\x00", "0 bytes"),
        (16, b"\x19\x00\x00\x00", "25 bytes"),
        (16, b"\x00\x00\x00\x80", "even number"),
        (16, b"\x10\x00\x00\x00", "room for 16 bytes of waveform"),
        (20, b"\x00\x00\x00\x00", "0 ticks/s"),
        (332, b"\x0b\x00\x00\x00", "for 11 extended headers"),
        (332, b"\xff\xff\xff\xff", "for 4294967295 extended headers"),
    ],
)
def test_a_corrupt_foreign_or_unsupported_header_is_refused(tmp_path: Path, at: int, value: bytes, word: str) -> None:
    file = write(tmp_path / "made.nev", batch([(1, 1), (2, 2)], [(3, 4)], [(5, "hello")]))
    data = bytearray(file.read_bytes())
    data[at : at + len(value)] = value
    file.write_bytes(data)
    fails_in_one_line(file, word)


def test_a_header_that_announces_more_than_the_file_holds_is_refused_without_reading_it(tmp_path: Path) -> None:
    file = write(tmp_path / "made.nev", batch([(1, 1)]))
    data = bytearray(file.read_bytes())
    n_extended = 100_000_000
    data[332:336] = n_extended.to_bytes(4, "little")
    data[12:16] = (336 + 32 * n_extended).to_bytes(4, "little")
    file.write_bytes(data)
    fails_in_one_line(file, "at most 131068 extended headers, found 100000000")
    n_extended = 100_000
    data[332:336] = n_extended.to_bytes(4, "little")
    data[12:16] = (336 + 32 * n_extended).to_bytes(4, "little")
    file.write_bytes(data)
    fails_in_one_line(file, "truncated")


@pytest.mark.parametrize(
    ("made", "specification"),
    [
        (batch([(2**32, 1)]), "2.3"),
        (batch([(-1, 1)]), "3.0"),
        (batch([(1, 32768)]), "3.0"),
        (batch([], [(1, 65536)]), "3.0"),
        (batch([], [], [(1, "longer than its packet")]), "3.0"),
        (batch(others=[(1, 65535)]), "3.0"),
        (batch([(1, 1)]), "2.4"),
        (NevBatch(spike_tick=np.array([1]), spike_electrode=np.array([1]), spike_unit=np.array([256])), "3.0"),
    ],
)
def test_the_writer_refuses_what_the_format_cannot_hold(tmp_path: Path, made: NevBatch, specification: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        write(tmp_path / "made.nev", made, specification=specification)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    fails_in_one_line(tmp_path / "none.nev", "No such file")
    fails_in_one_line(tmp_path, "found a folder")
    with pytest.raises(RecordingError, match="No such file"):
        read_info(tmp_path / "none.nev")


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "foreign.nev").write_bytes(b"GIF89a, and so on")
    with pytest.raises(RecordingError, match="expected a Blackrock file"):
        read_info(tmp_path / "foreign.nev")


def test_a_file_that_becomes_shorter_while_it_is_read_is_refused(tmp_path: Path) -> None:
    before, after = (batch([(tick, 1) for tick in range(first, first + 25)]) for first in (900_000, 0))
    file = write(tmp_path / "made.nev", before, after, in_order=False)  # of two clock segments: read again
    done = []

    def shorten(n_done: int, _: int) -> None:
        done.append(n_done)
        file.write_bytes(file.read_bytes()[: HEADER_BYTES + 3 * packet_bytes("2.3")])

    with pytest.raises(RecordingError, match="has become shorter"):
        read_nev(file, progress=shorten)
    assert done == [50]


def test_a_file_of_one_clock_segment_is_read_once(tmp_path: Path) -> None:
    ticks = [*range(0, 60_000, 600), 59_000, *range(60_000, 90_000, 600)]  # one of them late
    file = swapped(tmp_path, "2.3", [0, *ticks, 90_000])
    events = read_nev(file, progress=lambda *_: file.write_bytes(b""))
    assert events.spikes.tick.tolist() == sorted(ticks)
    assert events.n_out_of_order == 1


def test_progress_counts_packets_of_both_passes(tmp_path: Path) -> None:
    told = []
    read_nev(
        write(tmp_path / "made.nev", batch([(tick, 1) for tick in range(50)])), progress=lambda *at: told.append(at)
    )
    assert told == [(50, 100), (100, 100)]
