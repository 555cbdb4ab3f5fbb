"""NEV files: round trips through neo, and every fault with which neo would lose events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neo.rawio import BlackrockRawIO

from closedloop.errors import RecordingError
from closedloop.recording.info import read_info
from closedloop.recording.nev import read_nev
from closedloop.recording.nev_header import NevElectrode
from closedloop.recording.nev_writer import NevBatch, write_nev
from closedloop.recording.nsx_header import NsxChannel
from closedloop.recording.nsx_writer import write_nsx

START = datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)
ELECTRODES = tuple(NevElectrode(i, f"elec{i}", nv_per_bit=250) for i in (1, 2, 130))
HEADER_BYTES = 336 + 32 * (3 * len(ELECTRODES) + 1)
WIDTH = 8


def batch(spikes: list[tuple[int, int]], codes: list[tuple[int, int]], comments: list[tuple[int, str]]) -> NevBatch:
    ticks = np.array([tick for tick, _ in spikes], np.int64)
    return NevBatch(
        spike_tick=ticks,
        spike_electrode=np.array([electrode for _, electrode in spikes], np.int64),
        spike_waveform=(ticks[:, None] % 1000 + np.arange(WIDTH)).astype(np.int16),
        code_tick=np.array([tick for tick, _ in codes], np.int64),
        code_value=np.array([value for _, value in codes], np.int64),
        comment_tick=np.array([tick for tick, _ in comments], np.int64),
        comment_text=tuple(text for _, text in comments),
    )


def write(file: Path, *batches: NevBatch, specification: str = "2.3") -> Path:
    write_nev(file, ELECTRODES, specification=specification, batches=batches, start=START, waveform_samples=WIDTH)
    return file


def packet_bytes(specification: str) -> int:
    return (4 if specification == "2.3" else 8) + 4 + 2 * WIDTH


def neo_of(stem: Path) -> BlackrockRawIO:
    reader = BlackrockRawIO(filename=str(stem))
    reader.parse_header()
    return reader


def fails_in_one_line(file: Path, *words: str) -> None:
    with pytest.raises(RecordingError) as caught:
        read_nev(file)
    message = str(caught.value)
    assert message.startswith(str(file))
    assert "\n" not in message
    assert all(word in message for word in words), message


times = st.integers(0, 5000)
spikes_strategy = st.lists(st.tuples(times, st.sampled_from([1, 2, 130])), max_size=60)
codes_strategy = st.lists(st.tuples(times, st.integers(0, 65535)), max_size=20)
comments_strategy = st.lists(st.tuples(times, st.text("abc xyzÄé", min_size=1, max_size=9).map(str.strip)), max_size=5)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    specification=st.sampled_from(["2.3", "3.0"]),
    spikes=spikes_strategy,
    codes=codes_strategy,
    comments=comments_strategy,
)
def test_what_was_written_is_read_back_by_neo_and_by_us(
    tmp_path: Path, specification: str, spikes: list, codes: list, comments: list
) -> None:
    codes, comments = [(0, 7), *codes], [(0, "begin"), *comments]
    file = write(tmp_path / "made.nev", batch(spikes, codes, comments), specification=specification)
    reader, ours = neo_of(tmp_path / "made"), read_nev(file)
    for unit, (electrode, _) in enumerate(reader.internal_unit_ids):
        expected = sorted(tick for tick, where in spikes if where == electrode)
        assert reader.get_spike_timestamps(0, 0, unit).tolist() == expected
        assert ours.spikes.on(electrode).tick.tolist() == expected
        waveforms = reader.get_spike_raw_waveforms(0, 0, unit)[:, 0]
        assert waveforms[:, 0].tolist() == [tick % 1000 for tick in expected]
    assert len(ours.spikes) == len(spikes)
    names = reader.header["event_channels"]["name"].tolist()
    in_order = sorted(codes, key=lambda code: code[0])
    ticks, _, labels = reader.get_event_timestamps(0, 0, names.index("digital_input_port"))
    neo_codes = [(int(tick), int(label)) for tick, label in zip(ticks, labels, strict=True)]
    assert neo_codes == list(zip(ours.codes.tick.tolist(), ours.codes.value.tolist(), strict=True)) == in_order
    ticks, _, labels = reader.get_event_timestamps(0, 0, names.index("comments"))
    in_order = sorted(comments, key=lambda comment: comment[0])
    neo_comments = [(int(tick), str(label)) for tick, label in zip(ticks, labels, strict=True)]
    assert neo_comments == list(zip(ours.comments.tick.tolist(), ours.comments.text, strict=True)) == in_order
    assert (ours.tick_hz, ours.n_out_of_order, ours.n_other) == (30_000, 0, 0)


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
    assert (info.kind, info.specification, info.rate_hz, info.blocks) == ("nev", "2.3", None, ())
    assert info.start == START.isoformat()
    assert info.duration_s == 2.0
    assert [(c.channel_id, c.label, c.units, c.scale) for c in info.channels] == [
        (1, "elec1", "uV", 0.25),
        (2, "elec2", "uV", 0.25),
        (130, "elec130", "uV", 0.25),
    ]
    assert info.events is not None
    assert info.events.n_spikes == {1: 2, 130: 1}
    assert (info.events.n_digital, info.events.n_other, info.events.n_out_of_order) == (1, 0, 0)
    assert info.events.comments == ((45 / 30_000, "hello"),)


def test_a_file_without_packets_has_no_events(tmp_path: Path) -> None:
    events = read_nev(write(tmp_path / "made.nev"))
    assert len(events.spikes) == len(events.codes) == len(events.comments) == 0


def swapped(tmp_path: Path, specification: str, ticks: tuple[int, ...]) -> Path:
    """Give a file whose packets carry these ticks in this order, the first and last a code, spikes between."""
    n = len(ticks)
    file = write(
        tmp_path / "made.nev",
        batch([(i, 1) for i in range(1, n - 1)], [(0, 7), (n - 1, 8)], []),
        specification=specification,
    )
    data, size = bytearray(file.read_bytes()), packet_bytes(specification)
    width = 4 if specification == "2.3" else 8
    for i, tick in enumerate(ticks):
        at = HEADER_BYTES + i * size
        data[at : at + width] = tick.to_bytes(width, "little")
    file.write_bytes(data)
    return file


@pytest.mark.parametrize("specification", ["2.3", "3.0"])
def test_packets_slightly_out_of_order_are_sorted_in_and_counted(tmp_path: Path, specification: str) -> None:
    file = swapped(tmp_path, specification, (100, 205, 200, 300, 295, 400))
    events = read_nev(file)
    assert events.spikes.tick.tolist() == [200, 205, 295, 300]
    assert events.codes.tick.tolist() == [100, 400]
    assert events.n_out_of_order == 2


def test_neo_alone_still_loses_events_out_of_order(tmp_path: Path) -> None:
    swapped(tmp_path, "3.0", (100, 205, 200, 300, 295, 400))
    volts = np.zeros((500, 1), np.int16)
    channel = NsxChannel(1, "elec1")
    write_nsx(tmp_path / "made.ns6", [channel], rate_hz=30_000.0, specification="3.0", chunks=[(0, volts)], start=START)
    with pytest.warns(UserWarning, match="undocumented segments"):
        reader = neo_of(tmp_path / "made")
    seen = sum(len(reader.get_spike_timestamps(0, segment, 0)) for segment in range(reader.segment_count(0)))
    assert seen < 4, "neo reads all of them now: the guard can go"


def test_a_reset_of_the_clock_opens_the_next_epoch(tmp_path: Path) -> None:
    events = read_nev(swapped(tmp_path, "3.0", (100, 50_000, 90_000, 200, 20_300, 40_000, 60_000)))
    assert events.spikes.epoch.tolist() == [0, 0, 1, 1, 1]
    assert events.spikes.tick.tolist() == [50_000, 90_000, 200, 20_300, 40_000]
    assert (events.codes.epoch.tolist(), events.n_out_of_order) == ([0, 1], 0)


@pytest.mark.parametrize("specification", ["2.3", "3.0"])
def test_a_file_cut_within_a_packet_keeps_the_whole_ones_and_says_so(tmp_path: Path, specification: str) -> None:
    file = write(tmp_path / "made.nev", batch([(1, 1), (2, 2)], [(3, 4)], []), specification=specification)
    whole, size = file.read_bytes(), packet_bytes(specification)
    for n_lost in range(1, size):
        file.write_bytes(whole[:-n_lost])
        events = read_nev(file)
        assert (events.spikes.tick.tolist(), len(events.codes)) == ([1, 2], 0)
        assert f"{size - n_lost} of its {size} bytes" in events.repairs[0]


@pytest.mark.parametrize("specification", ["2.3", "3.0"])
def test_a_file_cut_within_its_header_is_refused(tmp_path: Path, specification: str) -> None:
    file = write(tmp_path / "made.nev", batch([(1, 1), (2, 2)], [(3, 4)], []), specification=specification)
    whole = file.read_bytes()
    for n_bytes in range(0, HEADER_BYTES, 37):
        file.write_bytes(whole[:n_bytes])
        fails_in_one_line(file)


def patched(tmp_path: Path, at: int, value: bytes) -> Path:
    file = write(tmp_path / "made.nev", batch([(1, 1), (2, 2)], [(3, 4)], [(5, "hello")]))
    data = bytearray(file.read_bytes())
    data[at : at + len(value)] = value
    file.write_bytes(data)
    return file


@pytest.mark.parametrize(
    ("at", "value", "word"),
    [
        (0, b"NEURALCD", "NEV file"),
        (9, b"\x04", "2.4"),
        (0, b"BREVENTS", "BREVENTS"),
        (12, b"\x00\x00\x00\x00", "header bytes"),
        (16, b"\x00\x00\x00\x00", "0 bytes"),
        (20, b"\x00\x00\x00\x00", "0 ticks/s"),
    ],
)
def test_a_corrupt_foreign_or_unsupported_file_is_refused(tmp_path: Path, at: int, value: bytes, word: str) -> None:
    fails_in_one_line(patched(tmp_path, at, value), word)


def test_a_serial_word_is_no_code(tmp_path: Path) -> None:
    digital_at = HEADER_BYTES + 2 * packet_bytes("2.3")
    events = read_nev(patched(tmp_path, digital_at + 6, b"\x81"))
    assert len(events.codes) == 0
    assert (events.serial.tick.tolist(), events.serial.value.tolist()) == ([3], [4])


def test_packets_of_other_kinds_are_counted(tmp_path: Path) -> None:
    comment_at = HEADER_BYTES + 3 * packet_bytes("2.3")
    events = read_nev(patched(tmp_path, comment_at + 4, (65529).to_bytes(2, "little")))
    assert (events.comments.text, events.n_other) == ((), 1)


def test_a_comment_in_utf_16_is_read(tmp_path: Path) -> None:
    comment_at = HEADER_BYTES + 3 * packet_bytes("2.3")
    text = b"\x01\x00" + bytes(4) + "Reiz".encode("utf_16_le").ljust(12, b"\0")
    assert read_nev(patched(tmp_path, comment_at + 6, text)).comments.text == ("Reiz",)


def test_the_recorders_restart_mark_does_not_hide_what_follows(tmp_path: Path) -> None:
    width = 48
    made = NevBatch(
        spike_tick=np.array([1, 9]),
        spike_electrode=np.array([1, 1]),
        comment_tick=np.array([5]),
        comment_text=("critical load restart",),
    )
    write_nev(
        tmp_path / "made.nev", ELECTRODES, specification="3.0", batches=[made], start=START, waveform_samples=width
    )
    assert read_nev(tmp_path / "made.nev").spikes.tick.tolist() == [1, 9]


def test_a_broken_neighbour_of_the_same_stem_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "made.ns6").write_bytes(b"not a recording")
    assert read_nev(write(tmp_path / "made.nev", batch([(1, 1)], [], []))).spikes.tick.tolist() == [1]


@pytest.mark.parametrize(
    ("made", "specification"),
    [
        (batch([(2**32, 1)], [], []), "2.3"),
        (batch([(-1, 1)], [], []), "3.0"),
        (batch([(1, 32768)], [], []), "3.0"),
        (batch([], [(1, 65536)], []), "3.0"),
        (batch([], [], [(1, "longer than its packet")]), "3.0"),
        (batch([(1, 1)], [], []), "2.4"),
    ],
)
def test_the_writer_refuses_what_the_format_cannot_hold(tmp_path: Path, made: NevBatch, specification: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        write(tmp_path / "made.nev", made, specification=specification)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    fails_in_one_line(tmp_path / "none.nev", "No such file")
    with pytest.raises(RecordingError, match="No such file"):
        read_info(tmp_path / "none.nev")


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "foreign.nev").write_bytes(b"GIF89a, and so on")
    with pytest.raises(RecordingError, match="expected a Blackrock file"):
        read_info(tmp_path / "foreign.nev")
