"""Small NEV files for tests, and neo as it reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from neo.rawio import BlackrockRawIO

from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.writer import NevBatch, write_nev
from closedloop.errors import RecordingError

START = datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)
ELECTRODES = tuple(NevElectrode(i, f"elec{i}", nv_per_bit=250) for i in (1, 2, 130))
WIDTH = 8
SPECIFICATIONS = ("2.1", "2.2", "2.3", "3.0", "3.0-ptp")
TICK_BYTES = {"2.1": 4, "2.2": 4, "2.3": 4, "3.0": 8, "3.0-ptp": 8}
HEADER_BYTES = 336 + 32 * (3 * len(ELECTRODES) + 1)  # from 2.2 on


def batch(
    spikes: Sequence[tuple[int, int]] = (),
    codes: Sequence[tuple[int, int]] = (),
    comments: Sequence[tuple[int, str]] = (),
    *,
    serial: Sequence[tuple[int, int]] = (),
    pauses: Sequence[tuple[int, int]] = (),
    others: Sequence[tuple[int, int]] = (),
) -> NevBatch:
    """Packets as pairs of tick and electrode, word, text or kind; a spike's waveform counts up from its tick."""
    ticks = column(spikes, 0)
    return NevBatch(
        spike_tick=ticks,
        spike_electrode=column(spikes, 1),
        spike_waveform=(ticks[:, None] % 1000 + np.arange(WIDTH)).astype(np.int16),
        code_tick=column(codes, 0),
        code_value=column(codes, 1),
        comment_tick=column(comments, 0),
        comment_text=tuple(text for _, text in comments),
        serial_tick=column(serial, 0),
        serial_value=column(serial, 1),
        pause_tick=column(pauses, 0),
        resume_tick=column(pauses, 1),
        other_tick=column(others, 0),
        other_kind=column(others, 1),
    )


def column(pairs: Sequence[tuple], at: int) -> np.ndarray:
    return np.array([pair[at] for pair in pairs], np.int64)


def write(file: Path, *batches: NevBatch, specification: str = "2.3", **options: object) -> Path:
    options = {"electrodes": ELECTRODES, "start": START, "waveform_samples": WIDTH} | options
    write_nev(file, specification=specification, batches=batches, **options)
    return file


def packet_bytes(specification: str) -> int:
    """A tick, four bytes and the waveform; in 2.1 and 2.2 there is room for five analog inputs as well."""
    return TICK_BYTES[specification] + 4 + 2 * WIDTH


def swapped(tmp_path: Path, specification: str, ticks: Sequence[int], *, kinds: Sequence[int] | None = None) -> Path:
    """Give a file whose packets carry these ticks in this order, the first and last a code, spikes between."""
    n = len(ticks)
    middle = [(i, 1) for i in range(1, n - 1)]
    file = write(tmp_path / "made.nev", batch(middle, [(0, 7), (n - 1, 8)]), specification=specification)
    data, size = bytearray(file.read_bytes()), packet_bytes(specification)
    width = TICK_BYTES[specification]
    for i, tick in enumerate(ticks):
        at = len(data) - (n - i) * size
        data[at : at + width] = tick.to_bytes(width, "little")
    file.write_bytes(data)
    return file


def with_codes(file: Path, ticks: Sequence[int], *, specification: str = "2.3") -> Path:
    """Give a file of codes alone, which carry these ticks in this order; each one's word is its position."""
    n = len(ticks)
    write(file, batch(codes=[(i, i) for i in range(n)]), specification=specification)
    data, size, width = bytearray(file.read_bytes()), packet_bytes(specification), TICK_BYTES[specification]
    for i, tick in enumerate(ticks):
        at = len(data) - (n - i) * size
        data[at : at + width] = int(tick).to_bytes(width, "little")
    file.write_bytes(data)
    return file


def neo_of(file: Path) -> BlackrockRawIO:
    reader = BlackrockRawIO(filename=str(file.with_suffix("")))
    reader.parse_header()
    return reader


def fails_in_one_line(file: Path, *words: str) -> None:
    with pytest.raises(RecordingError) as caught:
        read_nev(file)
    message = str(caught.value)
    assert message.startswith(str(file))
    assert "\n" not in message
    assert all(word in message for word in words), message
