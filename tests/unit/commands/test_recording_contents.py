"""Files of headers alone, as a recorder leaves them that is stopped at once: nothing is made of them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock import NevBatch, NevElectrode, NsxChannel, open_samples, read_nev, write_nev, write_nsx
from closedloop.commands.recording_files.detection_wanted import WantedSpikes, open_wanted, parse_definition
from closedloop.commands.recording_files.events import EventChoice, events_to_table
from closedloop.commands.recording_files.extracts.codes import codes_to_table
from closedloop.commands.recording_files.extracts.samples import samples_to_file
from closedloop.commands.recording_files.extracts.waveforms import SpikeChoice, waveforms_to_file
from closedloop.commands.recording_files.options import ALL_BUT_NOISE, ALL_CHANNELS, ALL_TIME
from closedloop.errors import RecordingError
from tests.unit.commands.recording_runs import run
from tests.unit.messages import refused

START = datetime(2024, 5, 6, tzinfo=UTC)
BATCH = NevBatch(
    spike_tick=np.array([300]), spike_electrode=np.array([1]), code_tick=np.array([30]), code_value=np.array([7])
)


def quiet(_done: int, _total: int) -> None:
    """Hear of no progress."""


def nsx(folder: Path, n_samples: int = 0) -> Path:
    file = folder / "stopped.ns6"
    chunks = [(0, np.zeros((n_samples, 1), np.int16))] if n_samples else []
    write_nsx(file, [NsxChannel(1, "elec1")], rate_hz=30_000, specification="2.3", chunks=chunks, start=START)
    return file


def nev(folder: Path, *batches: NevBatch) -> Path:
    file = folder / "stopped.nev"
    write_nev(file, [NevElectrode(1, "elec1")], specification="2.3", batches=batches, start=START)
    return file


def waveforms(file: Path, out: Path, nsx_file: Path | None) -> object:
    choice = SpikeChoice(ALL_CHANNELS, ALL_BUT_NOISE, ALL_TIME)
    return waveforms_to_file(file, out.with_suffix(".h5"), choice, nsx_file=nsx_file, progress=quiet)


def codes(file: Path, out: Path, nsx_file: Path | None) -> object:
    return codes_to_table(file, out, time=ALL_TIME, nsx_file=nsx_file, progress=quiet)


def events(file: Path, out: Path, nsx_file: Path | None) -> object:
    return events_to_table(file, out, nsx_file=nsx_file, choice=EventChoice(), progress=quiet)


def test_samples_and_crossings_of_no_sample_are_refused(tmp_path: Path) -> None:
    file, out = nsx(tmp_path), tmp_path / "samples.csv"
    with refused(RecordingError, file, "expected samples, found headers alone: the recorder was stopped at once"):
        samples_to_file(file, out, channels=ALL_CHANNELS, time=ALL_TIME, nev=None, progress=quiet)
    with refused(RecordingError, file, "expected samples, found headers alone: the recorder was stopped at once"):
        open_wanted([file], WantedSpikes(parse_definition("dicarlo")))
    assert not out.exists()


def test_waveforms_of_no_packet_are_refused(tmp_path: Path) -> None:
    """A table of its codes or events is one without rows; a file of waveforms would pass for a silent array."""
    file = nev(tmp_path)
    with refused(RecordingError, file, "expected packets, found headers alone: the recorder was stopped at once"):
        waveforms(file, tmp_path / "out.h5", None)
    assert [path.name for path in tmp_path.iterdir()] == ["stopped.nev"]


@pytest.mark.parametrize("command", [waveforms, codes, events])
def test_an_nsx_without_a_sample_gives_no_clock_segments(
    tmp_path: Path, command: Callable[[Path, Path, Path | None], object]
) -> None:
    file = nev(tmp_path, BATCH)
    with refused(RecordingError, nsx(tmp_path), "expected samples, found headers alone"):
        command(file, tmp_path / "out.csv", tmp_path / "stopped.ns6")


def test_a_reader_of_events_takes_an_nsx_without_a_sample_for_none(tmp_path: Path) -> None:
    segments = open_samples(nsx(tmp_path)).segments
    assert segments == ()
    assert read_nev(nev(tmp_path, BATCH), clock_segments=segments).codes.tick.tolist() == [30]


def test_info_says_that_there_is_nothing_after_the_headers(tmp_path: Path) -> None:
    for file in (nsx(tmp_path), nev(tmp_path)):
        assert "  nothing after the headers: the recorder was stopped at once, or the copy broke off" in run(
            "info", file
        )


@pytest.mark.parametrize(("year", "month", "said"), [(2024, 99, True), (0, 5, True), (0, 0, False), (2024, 5, False)])
def test_a_date_that_is_none_is_said_and_one_that_was_not_set_is_no_fault(
    tmp_path: Path, year: int, month: int, said: bool
) -> None:
    day = 6 if year or month else 0
    for file, at in ((nsx(tmp_path, 300), 294), (nev(tmp_path, BATCH), 28)):
        content = bytearray(file.read_bytes())
        struct.pack_into("<4H", content, at, year, month, 0, day)
        file.write_bytes(content)
        sentence = (
            f"the header's date is none (year {year}, month {month}, day {day}): when it was recorded is not known"
        )
        assert (sentence in run("info", file)) == said
