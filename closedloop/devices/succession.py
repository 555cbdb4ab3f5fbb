"""Whether recordings that lie in one folder followed one another or were made at the same time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from closedloop.blackrock.nev.header import read_nev_header
from closedloop.blackrock.nsx.header import read_nsx_header
from closedloop.devices.files import DeviceFiles, RecordingFiles
from closedloop.devices.part import RecordingPart
from closedloop.errors import RecordingError

_JITTER = timedelta(seconds=1)
_PART = re.compile(r"\d{3,}$")  # day001, day002


@dataclass(frozen=True)
class _Period:
    """A recording's time of day by its header, and the ticks of its clock."""

    stem: str
    start: datetime
    stop: datetime
    first_tick: int
    end_tick: int


def in_order_of_time(recordings: Sequence[RecordingFiles]) -> tuple[RecordingFiles, ...]:
    """Order recordings by the time in their .nev files; as they came where some have none, or the same."""
    starts = [read_nev_header(one.nev).start if one.nev else None for one in recordings]
    known = [start for start in starts if start is not None]
    if len(set(known)) < len(recordings):
        return tuple(recordings)
    return tuple(one for _, one in sorted(zip(known, recordings, strict=True), key=lambda pair: pair[0]))


def begun_together(files: DeviceFiles) -> tuple[str, str] | None:
    """Return two recordings of a processor that began in the same millisecond by their headers; None where none did.

    One is a copy of the other, or was sorted from it: names that number the parts of one recording aside.

    Raises
    ------
    RecordingError
        A header cannot be read.
    """
    first: dict[datetime, str] = {}
    for one in files.recordings if len(files.recordings) > 1 else ():
        start = read_nev_header(one.nev).start if one.nev else read_nsx_header(one.nsx[0]).start
        if start is None:
            continue
        other = first.setdefault(start, one.stem)
        if _PART.sub("", other) != _PART.sub("", one.stem):
            return other, one.stem
    return None


def refuse_simultaneous(files: DeviceFiles, parts: Sequence[RecordingPart]) -> None:
    """Refuse recordings of one processor that were made at the same time: they are of two.

    Parameters
    ----------
    files
        Of the processor, by their names.
    parts
        What is in them, in order of time.

    Raises
    ------
    RecordingError
        Two of them overlap.
    """
    periods = [period for part in parts if (period := _period(part)) is not None]
    for before, after in pairwise(periods):
        if not _follows(after, before):
            raise RecordingError(
                f"{files.recordings[0].files[0].parent}: expected {before.stem} and {after.stem} to follow one "
                "another, or to be named after their processors, found that they were recorded at the same time. "
                "Where one is a copy or a sorted file of the other, move it out of the folder (out of a day that is "
                "sealed already by `closedloop replace-recording`); where they are of two arrays, name them array1 and "
                "array2, or say which files are of which array: --array left=LEFT* --array right=RIGHT*."
            )


def _follows(after: _Period, before: _Period) -> bool:
    if after.start >= before.stop - _JITTER:
        return True
    if after.start == before.start and _PART.sub("", after.stem) == _PART.sub("", before.stem):
        return True  # to the millisecond: a date that was not set, and names that number the parts
    return abs(after.start - before.start) <= _JITTER and after.first_tick >= before.end_tick  # one clock ran on


def _period(part: RecordingPart) -> _Period | None:
    start = part.header.start if part.header else part.samples[0].header.start
    segments = part.own_segments
    if start is None or not segments:
        return None
    tick_hz = part.header.tick_hz if part.header else part.samples[0].tick_hz
    by_clock_segment: dict[int, list[int]] = {}
    for segment in segments:
        by_clock_segment.setdefault(segment.clock_segment, []).extend((segment.first_tick, segment.end_tick))
    seconds = sum(max(ticks) - min(ticks) for ticks in by_clock_segment.values()) / tick_hz
    first, last = by_clock_segment[segments[0].clock_segment], by_clock_segment[segments[-1].clock_segment]
    return _Period(part.files.stem, start, start + timedelta(seconds=seconds), min(first), max(last))
