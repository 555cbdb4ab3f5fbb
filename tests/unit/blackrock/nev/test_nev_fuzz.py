"""Damaged NEV files: events or a ClosedLoopError, never another exception, and no memory beyond the file's own."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nev.events import NevEvents, read_nev
from closedloop.errors import ClosedLoopError
from closedloop.recording.segments import Segment
from tests.unit.blackrock.nev.nev_files import SPECIFICATIONS, batch, write

_N_PACKETS = 120
_SPECIAL = (0x00, 0xFF, 0x7F, 0x80, 0x01)
_PACKETS = (656, 10**6)
_REGIONS = ((0, 28), (12, 24), (28, 336), (332, 656), *[_PACKETS] * 6)
_MOST_BYTES = 40_000_000  # the 2 MB of a batch and its columns, and a thousand runs


def whole_file(tmp_path: Path, specification: str) -> bytes:
    step = 10**8 if specification == "3.0-ptp" else 3000
    rows = [i * step for i in range(_N_PACKETS // 4)]
    made = batch(
        [(tick, 1 + i % 3) for i, tick in enumerate(rows)],
        [(tick + 7, i) for i, tick in enumerate(rows)],
        [(tick + 9, "text") for tick in rows[:10]],
        serial=[(tick + 11, i) for i, tick in enumerate(rows[:10])],
        pauses=[(tick + 13, tick + 14) for tick in rows[:5]],
    )
    return write(tmp_path / "whole.nev", made, specification=specification).read_bytes()


def mutant(whole: bytes, random: np.random.Generator) -> bytes:
    """Spoil bytes of the header, of extended headers or of packets; write numbers; cut, double or insert pieces."""
    data = bytearray(whole)
    for _ in range(random.integers(1, 5)):
        start, stop = _REGIONS[random.integers(len(_REGIONS))]
        stop = min(stop, len(data))
        at = int(random.integers(min(start, stop - 1), stop)) if stop else 0
        match random.integers(6):
            case 0:
                data[at : at + 1] = bytes([random.choice(_SPECIAL)])
            case 1:
                data[at : at + 1] = random.bytes(1)
            case 2:
                data[at : at + 4] = random.bytes(4)
            case 3:
                data[at : at + 8] = bytes([random.choice(_SPECIAL)]) * 8
            case 4:
                del data[at:]
            case _:
                data[at:at] = data[at : at + int(random.integers(1, 200))]
    return bytes(data)


def outcome(file: Path, clock_segments: list[Segment] | None) -> NevEvents | ClosedLoopError:
    try:
        return read_nev(file, clock_segments=clock_segments)
    except ClosedLoopError as error:
        return error


def check(events: NevEvents, n_bytes: int) -> None:
    """Everything is in order of clock segment and tick, and there is no more of it than the file has room for."""
    kinds = [events.spikes, events.codes, events.serial, events.comments]
    assert sum(len(kind) for kind in kinds) + events.n_other + events.n_stray <= n_bytes // 12
    for kind in kinds:
        clock_segment_steps, steps = np.diff(kind.clock_segment.astype(int)), np.diff(kind.tick)
        assert np.all(clock_segment_steps >= 0)
        assert np.all(steps[clock_segment_steps == 0] >= 0)


def fuzz(tmp_path: Path, n_mutants: int, seed: int) -> int:
    """Read mutants; return how many gave events."""
    random = np.random.default_rng(seed)
    wholes = [whole_file(tmp_path, specification) for specification in SPECIFICATIONS]
    device = [Segment(0, 0, 500, 500), Segment(1, 0, 60_000, 60_000), Segment(2, 59_850, 90_000, 30_150)]
    file, n_read = tmp_path / "made.nev", 0
    with file.open("wb", buffering=0) as stream:
        for i in range(n_mutants):
            data = mutant(wholes[i % len(wholes)], random)
            stream.seek(0)
            stream.write(data)
            stream.truncate(len(data))
            found = outcome(file, device if i % 3 == 0 else None)
            if isinstance(found, NevEvents):
                check(found, len(data))
                n_read += 1
            else:
                assert str(found).startswith(str(file))
                assert "\n" not in str(found)
    return n_read


def test_200_mutants_end_in_events_or_one_line_without_much_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        assert 60 < fuzz(tmp_path, 200, seed=0) < 180
        assert tracemalloc.get_traced_memory()[1] < _MOST_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_20_000_mutants_end_in_events_or_one_line(tmp_path: Path) -> None:
    assert 6000 < fuzz(tmp_path, 20_000, seed=1) < 18_000
