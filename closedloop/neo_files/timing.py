"""A stream's uninterrupted pieces, on the clock of its device.

Within a clock segment the recorder's clock runs on. neo's segments are pieces of one clock segment as long as each
begins after the last one ended; where one begins earlier, or with a new block of neo's, the clock was set anew.
Jumps inside of a neo segment are seen where the format counts its samples and neo says the file (Open Ephys).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from closedloop.errors import RecordingError
from closedloop.neo_files.sample_numbers import check_rate, numbered_runs
from closedloop.neo_files.source import OPEN_EPHYS, SPIKE_GLX, NeoReader, open_neo, refusing
from closedloop.neo_files.streams import NeoStream
from closedloop.recording.segments import Segment
from closedloop.recording.source import regular_ticks

NANOSECONDS = 1_000_000_000
_LARGEST_TICK = 1 << 62  # int64 has room to count on
_JITTER_SAMPLES = 3  # neo's starts are seconds in floats; an overlap of a sample or two is no reset


@dataclass(frozen=True)
class TimedPiece:
    """Where an uninterrupted piece of a stream lies in neo's numbering, and when it was recorded."""

    block: int
    neo_segment: int
    first_sample: int
    segment: Segment


@dataclass(frozen=True)
class Timing:
    """All pieces of a stream in order; `said` is what was wrong, or cannot be known, a sentence each."""

    pieces: tuple[TimedPiece, ...]
    said: tuple[str, ...]

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Uninterrupted periods."""
        return tuple(piece.segment for piece in self.pieces)


@dataclass(frozen=True)
class _Run:
    block: int
    neo_segment: int
    first_sample: int
    n_samples: int
    first_tick: int


def clock_of(rate_hz: float) -> int:
    """Return the ticks per second of a device whose clock stream has this rate: the rate, or else nanoseconds."""
    return round(rate_hz) if rate_hz == round(rate_hz) else NANOSECONDS


def ticks_per_sample(rate_hz: float, tick_hz: int) -> Fraction:
    """Return the distance of two samples, as exactly as the rate is known."""
    return Fraction(tick_hz) / Fraction(rate_hz).limit_denominator(1_000_000)


def time_stream(stream: NeoStream, tick_hz: int) -> Timing:
    """Find the uninterrupted pieces of a stream.

    Raises
    ------
    RecordingError
        neo cannot say, the format's own count is damaged, or its rate is not that of its times.
    """
    reader = open_neo(stream.source)
    step = ticks_per_sample(stream.rate_hz, tick_hz)
    runs: list[_Run] = []
    said: list[str] = []
    for block, neo_segment in reader.neo_segments:
        with refusing(stream.source):
            n_samples = int(reader.rawio.get_signal_size(block, neo_segment, stream.index))
            start_s = float(reader.rawio.get_signal_t_start(block, neo_segment, stream.index))
        if not abs(start_s) * tick_hz < _LARGEST_TICK or n_samples < 0:
            raise RecordingError(
                f"{stream.source.path}: expected samples that begin on the clock, found {n_samples} samples from "
                f"{start_s:g} s on. Restore the files that describe them."
            )
        file = file_of(reader, stream, block, neo_segment)
        if file is not None:
            check_rate(file, stream.rate_hz)
        numbered, wrong = numbered_runs(file, n_samples) if file is not None else (None, ())
        said += wrong
        if numbered is None:
            sample = round(start_s * stream.rate_hz) if step == 1 else None
            first_tick = sample if sample is not None else round(Fraction(start_s) * tick_hz)
            runs.append(_Run(block, neo_segment, 0, n_samples, first_tick))
        else:
            runs += [
                _Run(block, neo_segment, one.first_sample, one.n_samples, round(one.first_number * step))
                for one in numbered
            ]
    return Timing(tuple(_on_clock_segments(runs, step, stream.source.path)), (*said, *_unknown(stream)))


def file_of(reader: NeoReader, stream: NeoStream, block: int, neo_segment: int) -> Path | None:
    """Return the `continuous.dat` behind a stream; None in other formats.

    Parameters
    ----------
    reader, stream
        What is read.
    block, neo_segment
        neo's numbers.
    """
    if stream.source.format != OPEN_EPHYS:
        return None
    buffer = str(reader.rawio.header["signal_streams"][stream.index]["buffer_id"])
    with refusing(stream.source):
        described = reader.rawio.get_analogsignal_buffer_description(block, neo_segment, buffer)
    return Path(described["file_path"])


def _on_clock_segments(runs: Sequence[_Run], step: Fraction, path: Path) -> Iterator[TimedPiece]:
    clock_segment, block, end = 0, runs[0].block if runs else 0, None
    for run in runs:
        if run.n_samples == 0:
            continue
        if not abs(run.first_tick) + run.n_samples * step < _LARGEST_TICK:
            raise RecordingError(
                f"{path}: expected numbers of samples on the clock, found {run.first_tick}. Restore the files."
            )
        if run.block != block or (end is not None and run.first_tick < end - _JITTER_SAMPLES * step):
            clock_segment, block = clock_segment + 1, run.block
        end = int(regular_ticks(run.first_tick, np.array(run.n_samples), step))
        segment = Segment(clock_segment, run.first_tick, end, run.n_samples)
        yield TimedPiece(run.block, run.neo_segment, run.first_sample, segment)


def _unknown(stream: NeoStream) -> tuple[str, ...]:
    """Say what neo cannot tell of a format's gaps."""
    if stream.source.format == OPEN_EPHYS:
        return ()
    if stream.source.format == SPIKE_GLX:
        return ("SpikeGLX marks no samples that were lost inside of a file: only gaps between files are seen",)
    return (
        f"neo tells no gaps inside of its segments of {stream.source.format} files: only those between them are seen",
    )
