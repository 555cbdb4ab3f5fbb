"""Files of Blackrock's recorders: NSx and NEV of every specification, array maps, and what else lies beside them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.companions import companion_of
from closedloop.blackrock.ends import read_ends
from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.survey import survey_nev
from closedloop.blackrock.nev.writer import NevBatch, write_nev
from closedloop.blackrock.nsx.header import NsxChannel, analog_input
from closedloop.blackrock.nsx.layout import NSX_LAYOUTS
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.commands.recording_files.extracts.map import map_as_json, map_lines, read_map
from closedloop.commands.recording_files.folder import describe_folder, folder_as_json, folder_lines
from closedloop.commands.recording_files.info import describe_file, info_as_json, info_lines
from tools.fuzz.mutations import spoil_bytes
from tools.fuzz.reader import Reader
from tools.fuzz.text_mutations import spoil_text

_START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
_CHANNELS = (NsxChannel(1, "elec1"), NsxChannel(2, "elec2"), analog_input(129, "photodiode"))
_ELECTRODES = tuple(NevElectrode(number, f"elec{number}") for number in (1, 2, 130))
_WIDTH = 8
_PIECE = 1 << 20  # samples that are read at a time


def _ramp(n_samples: int) -> NDArray[np.int16]:
    return np.arange(n_samples * len(_CHANNELS), dtype=np.int16).reshape(n_samples, len(_CHANNELS))


def make_nsx(folder: Path) -> None:
    """Write small NSx files of every specification: whole, with pauses, with a reset of the clock."""
    for specification, layout in NSX_LAYOUTS.items():
        step = 33_333 if layout.one_sample_a_block else 1
        chunks = {
            "whole": [(0, _ramp(40))],
            "paused": [(0, _ramp(12)), (900 * step, _ramp(9)), (2_000 * step, _ramp(7))],
            "reset": [(900 * step, _ramp(1)), (0, _ramp(12)), (40 * step, _ramp(6)), (5 * step, _ramp(8))],
        }
        for name, own in chunks.items():
            if name == "whole" or layout.block_header is not None:
                write_nsx(
                    folder / f"{name}-{specification}.ns6",
                    _CHANNELS,
                    rate_hz=30_000,
                    specification=specification,
                    chunks=own,
                    start=_START,
                )


def make_nev(folder: Path) -> None:
    """Write small NEV files of every specification with packets of each kind, and one whose clock is reset."""
    for specification in ("2.1", "2.2", "2.3", "3.0", "3.0-ptp"):
        step = 10**8 if specification == "3.0-ptp" else 3_000
        write_nev(
            folder / f"whole-{specification}.nev",
            _ELECTRODES,
            specification=specification,
            batches=[_packets(step, 30)],
            start=_START,
            waveform_samples=_WIDTH,
        )
        batches = [_packets(step, 12), _packets(step, 9)]
        write_nev(
            folder / f"reset-{specification}.nev",
            _ELECTRODES,
            specification=specification,
            batches=batches,
            start=_START,
            waveform_samples=_WIDTH,
            in_order=False,
        )


def _packets(step: int, n: int) -> NevBatch:
    ticks = np.arange(n, dtype=np.int64) * step
    few = ticks[: n // 3]
    return NevBatch(
        spike_tick=ticks,
        spike_electrode=np.array([_ELECTRODES[place % 3].electrode_id for place in range(n)]),
        spike_waveform=(ticks[:, None] % 1000 + np.arange(_WIDTH)).astype(np.int16),
        code_tick=ticks + 7,
        code_value=np.arange(n, dtype=np.int64),
        comment_tick=few + 9,
        comment_text=("text",) * len(few),
        serial_tick=few + 11,
        serial_value=np.arange(len(few), dtype=np.int64),
        pause_tick=few[:3] + 13,
        resume_tick=few[:3] + 14,
    )


def read_nsx(file: Path) -> None:
    """Say what is in an NSx file, and go through all of its samples, ticks and holes."""
    info = describe_file(file)
    info_lines(info)
    info_as_json(info)
    read_ends(file)
    samples = open_samples(file)
    for number, segment in enumerate(samples.segments):
        for start, stop in _pieces(segment.n_samples):
            samples.read(number, start, stop)
            samples.ticks(number, np.arange(start, stop))
            samples.bridged(number, start, stop)


def _pieces(n: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + _PIECE, n)) for start in range(0, n, _PIECE))


def read_nev_file(file: Path) -> None:
    """Say what is in a NEV file, and go through all of its packets."""
    info = describe_file(file)
    info_lines(info)
    info_as_json(info)
    read_ends(file)
    read_nev(file)
    survey = survey_nev(file)
    for _ in survey.in_order():
        pass
    survey.gaps()


def make_map(folder: Path) -> None:
    """Write array maps of one array and of two."""
    one = [f"{place % 8} {place // 8} {'AB'[place // 32]} {place % 32 + 1} IT-{place + 1:02d}" for place in range(64)]
    two = [f"{place % 8} {place // 8} {'AB'[place // 32]} {place % 32 + 1}" for place in range(48)]
    two = [f"{line} {'V4' if place < 32 else 'IT'}-{place:02d}" for place, line in enumerate(two)]
    for name, lines in (("one", one), ("two", two)):
        head = ["// Cerebus mapfile for array 1025-0001", "Cerebus mapping"]
        (folder / f"{name}.cmp").write_text("\n".join([*head, *lines]) + "\n")


def read_map_file(file: Path) -> None:
    """Say what an array map holds."""
    contacts = read_map(file)
    map_lines(file, contacts)
    map_as_json(file, contacts)


def make_companions(folder: Path) -> None:
    """Write a folder as recorders leave it: configuration, session information, a map, a recording."""
    own = folder / "day"
    own.mkdir()
    (own / "day.ccf").write_text('<?xml version="1.0"?><CCF Version="12"><Channel>1</Channel></CCF>')
    (own / "old.ccf").write_bytes(b"cbCCF 3.9" + bytes(60))
    (own / "day.sif").write_text("Institution\nmonkey\n")
    write_nsx(own / "day.ns2", _CHANNELS, rate_hz=1_000, specification="2.3", chunks=[(0, _ramp(20))], start=_START)
    write_nev(own / "day.nev", _ELECTRODES, specification="2.3", batches=[_packets(3_000, 9)], start=_START)


def read_companions(folder: Path) -> None:
    """Say what the files of a folder are."""
    for file in sorted(folder.iterdir()):
        companion_of(file)
    found = describe_folder(folder)
    folder_lines(found)
    folder_as_json(found)


READERS = (
    Reader("nsx", make_nsx, read_nsx, share=4),
    Reader("nev", make_nev, read_nev_file, share=4),
    Reader("map", make_map, read_map_file, {"*": spoil_text}, share=2),
    Reader("companions", make_companions, read_companions, {"*.ccf": spoil_text, "*": spoil_bytes}),
)
