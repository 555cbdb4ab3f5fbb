"""Mutated NSx files give a consistent result or a ClosedLoopError of one line, in little memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nsx.layout import NSX_LAYOUTS
from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.errors import ClosedLoopError
from tests.unit.blackrock.nsx.nsx_files import (
    BLOCK_HEADER_BYTES,
    CHANNELS,
    HEADER_BYTES,
    SPECIFICATIONS,
    ramp,
    write,
)

MOST_BYTES = 16 << 20  # our buffers are 2 and 4 MB; a header that asks for more is to be refused before


@dataclass(frozen=True)
class Victim:
    """A sound file and the places of its header fields: (byte, length)."""

    content: bytes
    fields: tuple[tuple[int, int], ...]


def fields_of(row: np.dtype, at: int) -> list[tuple[int, int]]:
    return [(at + offset, dtype.itemsize) for dtype, offset in (row.fields or {}).values()]


def victims(folder: Path) -> list[Victim]:
    made = []
    for specification in SPECIFICATIONS:
        layout = NSX_LAYOUTS[specification]
        run = [(0, ramp(12))]
        chunks = run if specification in ("2.1", "3.0-ptp") else [(900, ramp(1)), *run, (40, ramp(6))]
        content = write(folder / "sound.ns6", chunks, specification=specification).read_bytes()
        fields = fields_of(layout.basic_header, 0)
        for channel in range(len(CHANNELS)):
            fields += fields_of(
                layout.channel_header, layout.basic_header.itemsize + channel * layout.channel_header.itemsize
            )
        at = HEADER_BYTES[specification]
        for _, samples in [(0, ramp(1))] * 12 if specification == "3.0-ptp" else chunks:
            fields += fields_of(layout.block_header, at) if layout.block_header else []
            at += BLOCK_HEADER_BYTES[specification] + samples.nbytes
        made.append(Victim(content, tuple(fields)))
    return made


def mutated(victim: Victim, random: np.random.Generator) -> bytes:
    """Change a sound file in one to four ways."""
    content = bytearray(victim.content)
    for _ in range(random.integers(1, 5)):
        at = int(random.integers(0, len(content) + 1))
        length = int(random.integers(0, 60))
        match random.integers(0, 7):
            case 0:  # a bit
                content[at % max(len(content), 1) : at % max(len(content), 1) + 1] = bytes([1 << random.integers(0, 8)])
            case 1 | 2 | 3:  # a field
                byte, n_bytes = victim.fields[random.integers(0, len(victim.fields))]
                values = [
                    0,
                    1,
                    2,
                    3,
                    2 ** (8 * n_bytes) - 1,
                    2 ** (8 * n_bytes - 1),
                    10**9,
                    30_000,
                    int(random.integers(0, 2**32)),
                ]
                value = values[random.integers(0, len(values))] % 2 ** (8 * n_bytes)
                content[byte : byte + n_bytes] = value.to_bytes(n_bytes, "little")[: max(len(content) - byte, 0)]
            case 4:  # cut
                del content[at:]
            case 5:  # doubled
                content[at:at] = content[at : at + length]
            case _:  # lost, or noise
                content[at : at + length] = random.bytes(length) if random.integers(0, 2) else b""
        if not content:
            break
    return bytes(content)


def check_consistent(source: NsxSamples, size: int) -> int:
    """Check that what a file says of itself can be true, and read all of it."""
    n_bridged = sum(len(source.bridged(number, 0, one.n_samples)) for number, one in enumerate(source.segments))
    n_samples = sum(segment.n_samples for segment in source.segments) - n_bridged
    assert 2 * n_samples * source.n_channels <= size
    assert 0 < source.rate_hz <= 30_000
    assert np.isfinite([source.scale, source.offset]).all()
    clock_segment = 0
    for number, segment in enumerate(source.segments):
        assert segment.clock_segment - clock_segment in (0, 1)
        assert source.read(number, 0, segment.n_samples).shape == (segment.n_samples, source.n_channels)
        ticks = source.ticks(number, np.arange(segment.n_samples))
        assert ticks[0] == segment.first_tick >= 0
        assert (np.diff(ticks) >= 0).all()
        assert ticks[-1] < segment.end_tick
        if number and segment.clock_segment == clock_segment:
            assert segment.first_tick >= source.segments[number - 1].first_tick
        clock_segment = segment.clock_segment
    return n_samples


def outcomes(folder: Path, *, n_mutants: int, seed: int) -> Iterator[str]:
    """Read mutants one by one; say of each whether it was read, read with repairs, or refused."""
    refusals: list[str] = []
    random, sound, file = np.random.default_rng(seed), victims(folder), folder / "mutant.ns6"
    for number in range(n_mutants):
        content = mutated(sound[number % len(sound)], random)
        file.unlink(missing_ok=True)  # some file systems wait for the disk when a file is emptied and written again
        file.write_bytes(content)
        try:
            source = open_samples(file)
            check_consistent(source, len(content))
            yield "repaired" if source.header.repairs else "read"
        except ClosedLoopError as error:
            refusals.append(str(error))
            yield "refused"
    assert all(text.startswith(f"{file}: expected") and "\n" not in text for text in refusals), refusals


def test_500_mutants_are_read_or_refused_in_little_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        found = list(outcomes(tmp_path, n_mutants=500, seed=1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES
    assert min(found.count(kind) for kind in ("read", "repaired", "refused")) > 30, "the mutants reach all parts"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_20000_mutants_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    found = list(outcomes(tmp_path, n_mutants=5_000, seed=seed))
    assert min(found.count(kind) for kind in ("read", "repaired", "refused")) > 300
