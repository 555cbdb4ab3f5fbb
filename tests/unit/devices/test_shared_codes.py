"""Digital codes of one processor on the PTP clock of another, against the truth of a made session."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.alignment.alignment import align_devices
from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.tables import read_table
from closedloop.blackrock.nev.header import read_nev_header
from closedloop.devices.device import Device, read_devices
from closedloop.devices.shared_codes import share_codes
from closedloop.recording.codes import ReceivedCodes
from closedloop.recording.segments import Segment
from closedloop.simulation.sessions import TRUTH, MadeSession, make_session
from closedloop.stages.ingest.onsets import sent_codes

SECOND = 1_000_000_000


def remove_codes(file: Path) -> None:
    """Take the digital packets out of a .nev."""
    header = read_nev_header(file)
    content = file.read_bytes()
    packets = np.frombuffer(content, header.layout.packet_head(header.packet_bytes), offset=header.header_bytes)
    rows = np.frombuffer(content, np.uint8, offset=header.header_bytes).reshape(-1, header.packet_bytes)
    file.write_bytes(content[: header.header_bytes] + rows[packets["kind"] != 0].tobytes())


@pytest.fixture(scope="module")
def gemini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a session of two processors on one PTP clock; the digital lines and the photodiode are the first's."""
    folder = tmp_path_factory.mktemp("gemini") / "s"
    wanted = MadeSession(specification="3.0-ptp", seconds=20.0, n_channels=2, n_processors=2)
    make_session(folder, wanted, progress=lambda _done, _total: None)
    remove_codes(folder / "array2.nev")
    return folder


def test_codes_and_light_at_one_processor_time_the_other_to_a_fraction_of_a_millisecond(gemini: Path) -> None:
    devices = share_codes(read_devices(sorted(gemini.iterdir())))
    assert [device.remarks for device in devices] == [
        (),
        ("its digital codes are those that array1 received by the same PTP clock",),
    ]
    found = align_devices(
        sent_codes(journal := read_journal(gemini / "journal.jsonl")),
        {device.name: device.codes for device in devices},
        edges={device.name: device.edges for device in devices if device.edges is not None},
        segments={device.name: device.segments for device in devices},
    )
    truth = read_table(gemini / "truth.parquet", TRUTH)
    for processor, name in ((1, "array1"), (2, "array2")):
        lit = sent_codes(journal).is_lit
        own = (truth["event"] == "onset") & (truth["processor"] == processor)
        error_ms = (found[name].onset_tick[lit] - truth["tick"][own]) / 1e6
        assert np.abs(error_ms).max() < 0.5
        assert (found[name].source[lit] == "photodiode").all()


def device(number: int, *, codes_s: NDArray[np.float64], start_s: float = 0.0, tick_hz: int = SECOND) -> Device:
    """Return a processor that recorded for a hundred seconds."""
    first = int(start_s * tick_hz)
    tick = (codes_s * tick_hz).astype(np.int64)
    codes = ReceivedCodes(np.zeros(len(tick), np.int64), tick, np.arange(len(tick)), float(tick_hz))
    segments = (Segment(0, first, first + 100 * tick_hz, 3_000_000),)
    return Device(f"hub{number}", number, tick_hz, (), segments, codes, (), None, (), ())


CODES_S = np.arange(1.0, 99.0)


def test_a_processor_with_some_stray_codes_of_its_own_takes_the_others() -> None:
    first, second = share_codes([device(1, codes_s=CODES_S), device(2, codes_s=np.array([3.0, 50.0]))])
    assert first.remarks == ()
    np.testing.assert_array_equal(second.codes.tick, first.codes.tick)
    assert second.remarks[0].endswith("2 of its own are left out")


def test_a_processor_that_lost_some_codes_keeps_its_own() -> None:
    devices = [device(1, codes_s=CODES_S), device(2, codes_s=CODES_S[::2] + 0.001)]
    assert share_codes(devices) == tuple(devices)


@pytest.mark.parametrize(
    "other",
    [
        device(2, codes_s=CODES_S[:0], start_s=1000.0),  # not at the same time
        device(2, codes_s=CODES_S[:0], tick_hz=30_000),  # a clock of its own
    ],
)
def test_processors_without_one_clock_share_nothing(other: Device) -> None:
    first, second = share_codes([device(1, codes_s=CODES_S), other])
    assert first.remarks == second.remarks == ()
    assert len(second.codes.tick) == 0


def test_two_clocks_of_their_own_share_nothing_even_where_they_read_the_same() -> None:
    _, second = share_codes([device(n, codes_s=CODES_S[: 98 * (2 - n)], tick_hz=30_000) for n in (1, 2)])
    assert len(second.codes.tick) == 0


def test_codes_come_in_the_clock_segment_that_was_recorded_at_that_tick() -> None:
    giver = device(1, codes_s=CODES_S)
    halves = (Segment(0, 0, 40 * SECOND, 1), Segment(1, 60 * SECOND, 100 * SECOND, 1))
    _, second = share_codes([giver, replace(device(2, codes_s=CODES_S[:0]), segments=halves)])
    assert second.codes.clock_segment.tolist() == [0] * 39 + [1] * 39
    assert second.codes.value.tolist() == [*range(39), *range(59, 98)]
