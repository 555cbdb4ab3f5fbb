"""Options that the commands under `closedloop recording` share: which channels, which units, which part of the time.

Each is a small language on the command line, parsed here once, so that it means the same in every command. Light to
import: the command line reads it for every `--help`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Annotated

import typer

from closedloop.errors import OptionError, RecordingError
from closedloop.recording.segments import MOST_BRIDGE_MS, Segment

ChannelsOption = Annotated[
    str | None,
    typer.Option(
        metavar="CHANNELS",
        help="which channels: numbers, ranges and labels, as in 1-32,40,elec77 or 'IT-*'; "
        "label:NAME for a label that is a number; all if not given",
    ),
]
UnitsOption = Annotated[
    str | None,
    typer.Option(
        metavar="UNITS",
        help="which units as the recorder sorted them: numbers and ranges, unsorted (0), sorted (1-254), noise (255), "
        "all; as in 1-3,unsorted",
    ),
]
TimeOption = Annotated[
    str | None,
    typer.Option(
        metavar="SECONDS",
        help="which seconds of the recorder's clock, as `recording info` shows it: 10-25.5, 10- or -25.5, the end "
        "excluded; +10-25.5 counts from where the clock segment's recording begins",
    ),
]
ClockSegmentOption = Annotated[
    int | None, typer.Option(metavar="N", help="which segment of the recorder's clock, from 0; all if not given")
]

BridgeOption = Annotated[
    float,
    typer.Option(
        min=0,
        max=MOST_BRIDGE_MS,
        metavar="MS",
        help="holes of at most so many milliseconds (a PTP recorder loses single packets) are bridged",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON")]

UNSORTED_UNIT, NOISE_UNIT = 0, 255  # NEV 2.1 to 3.0 specification, unit classification number of a spike packet
LAST_TICK = (1 << 63) - 1
LEAST_CHUNK_S, MOST_CHUNK_S = 0.01, 86_400.0  # shorter, and a filter's lead is read again for every few samples

_NUMBERS = re.compile(r"(\d+)(?:-(\d+))?")
_TIME = re.compile(r"(\+)?(\d+\.?\d*|\.\d+)?-\+?(\d+\.?\d*|\.\d+)?")
_LABEL = "label:"
_UNIT_NAMES = {
    "unsorted": range(UNSORTED_UNIT, UNSORTED_UNIT + 1),
    "sorted": range(UNSORTED_UNIT + 1, NOISE_UNIT),
    "noise": range(NOISE_UNIT, NOISE_UNIT + 1),
    "all": range(UNSORTED_UNIT, NOISE_UNIT + 1),
}


@dataclass(frozen=True)
class ChannelChoice:
    """Which channels of a file are wanted.

    Attributes
    ----------
    text
        As it was written; empty for all.
    """

    text: str = ""

    def places(self, channels: Sequence[tuple[int, str]], *, file: Path) -> tuple[int, ...]:
        """Find the wanted channels among a file's, in the file's order, each once.

        Parameters
        ----------
        channels
            Number and label of each channel of the file.
        file
            Named in the error.

        Raises
        ------
        RecordingError
            A number, a range or a label fits none, or a number is that of two channels.
        """
        if not self.text:
            return tuple(range(len(channels)))
        return tuple(sorted({place for item in self._items() for place in self._fitting(item, channels, file)}))

    def _items(self) -> Iterator[str]:
        items = [item.strip() for item in self.text.split(",")]
        if not all(items):
            raise OptionError(
                f"--channels {self.text}: expected numbers, ranges and labels between commas, found nothing at one "
                "place. Write them as in 1-32,40,elec77."
            )
        yield from items

    def _fitting(self, item: str, channels: Sequence[tuple[int, str]], file: Path) -> list[int]:
        numbers = _NUMBERS.fullmatch(item)
        if numbers:
            wanted = _range_of(numbers, f"--channels {self.text}")
            found = [place for place, (number, _) in enumerate(channels) if number in wanted]
            twice = wanted.stop - wanted.start == 1 and len(found) > 1
        else:
            pattern = item.removeprefix(_LABEL)
            found = [place for place, (_, label) in enumerate(channels) if fnmatchcase(label.strip(), pattern)]
            twice = False
        if not found or twice:
            raise RecordingError(
                f"{file}: expected {'one channel' if twice else 'a channel'} {item} (--channels {self.text}), found "
                f"{len(found) or 'none'} among {len(channels)}. "
                "See `closedloop recording info` for the channels of the file."
            )
        return found


@dataclass(frozen=True)
class UnitChoice:
    """Which of the units that the recorder sorted are wanted: numbers 0 to 255."""

    units: frozenset[int]

    @property
    def words(self) -> str:
        """Say which, as one would write them."""
        for name in ("all", "sorted", "unsorted", "noise"):
            if self.units == frozenset(_UNIT_NAMES[name]):
                return name
        if self.units == frozenset(range(NOISE_UNIT)):
            return "all but noise"
        return ",".join(map(str, sorted(self.units)))


ALL_BUT_NOISE = UnitChoice(frozenset(range(NOISE_UNIT)))
ALL_UNITS = UnitChoice(frozenset(range(NOISE_UNIT + 1)))
ALL_CHANNELS = ChannelChoice()


@dataclass(frozen=True)
class TimeRange:
    """Which part of a recording is wanted: seconds from `start_s` to `stop_s` (exclusive), on a clock segment or all.

    Attributes
    ----------
    start_s, stop_s
        Exactly as written; None where open.
    from_beginning
        Whether seconds count from the first sample or packet of the clock segment, not from the clock's zero.
    clock_segment
        Which; None for all.
    text
        As it was written.
    """

    start_s: Fraction | None = None
    stop_s: Fraction | None = None
    from_beginning: bool = False
    clock_segment: int | None = None
    text: str = ""

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self.start_s is None and self.stop_s is None and self.clock_segment is None

    def ticks(self, segments: Sequence[Segment], tick_hz: int, *, file: Path) -> dict[int, range]:
        """Return the wanted ticks, by clock segment.

        Parameters
        ----------
        segments
            The recording's.
        tick_hz
            Ticks per second.
        file
            Named in the error.

        Raises
        ------
        RecordingError
            There is no such clock segment, several have such seconds, or nothing was recorded in that time.
        """
        spans = _spans(segments)
        chosen = [self.clock_segment] if self.clock_segment is not None else list(spans)
        if self.clock_segment is not None and self.clock_segment not in spans:
            raise RecordingError(
                f"{file}: expected a clock segment {self.clock_segment}, found {_names(spans)}. "
                "See `closedloop recording info`."
            )
        is_part = self.start_s is not None or self.stop_s is not None
        if is_part and len(chosen) > 1:
            raise RecordingError(
                f"{file}: expected one clock segment for --time {self.text}, found {_names(spans)}: the clock was set "
                "back, and the same seconds come in each. Add --clock-segment."
            )
        if not is_part:
            return {one: range(LAST_TICK) for one in chosen}
        return {one: self._within(spans[one], tick_hz, file) for one in chosen}

    def _within(self, span: range, tick_hz: int, file: Path) -> range:
        zero = span.start if self.from_beginning else 0
        first = 0 if self.start_s is None else zero + ceil(self.start_s * tick_hz)
        end = LAST_TICK if self.stop_s is None else zero + ceil(self.stop_s * tick_hz)
        if first >= span.stop or end <= span.start:
            raise RecordingError(
                f"{file}: expected --time within {(span.start - zero) / tick_hz:.6f}-{(span.stop - zero) / tick_hz:.6f}"
                f" s, found {self.text}, when nothing was recorded. See `closedloop recording info`."
            )
        return range(first, min(end, LAST_TICK))


ALL_TIME = TimeRange()


def parse_channels(text: str | None) -> ChannelChoice:
    """Read ``--channels``."""
    return ChannelChoice((text or "").strip())


def parse_units(text: str | None, *, default: UnitChoice) -> UnitChoice:
    """Read ``--units``.

    Raises
    ------
    OptionError
        It names no unit.
    """
    if text is None:
        return default
    units: set[int] = set()
    for item in (item.strip() for item in text.split(",")):
        numbers = _NUMBERS.fullmatch(item)
        wanted = _range_of(numbers, f"--units {text}") if numbers else _UNIT_NAMES.get(item)
        if wanted is None or wanted.stop > NOISE_UNIT + 1:
            raise OptionError(
                f"--units {text}: expected numbers from 0 to {NOISE_UNIT}, ranges, {', '.join(_UNIT_NAMES)}, found "
                f"{item or 'nothing'!r}. Write them as in 1-3,unsorted."
            )
        units.update(wanted)
    return UnitChoice(frozenset(units))


def parse_time(text: str | None, *, clock_segment: int | None = None) -> TimeRange:
    """Read ``--time`` and ``--clock-segment``.

    Raises
    ------
    OptionError
        It is no range of seconds, or an empty one.
    """
    if text is None:
        return TimeRange(clock_segment=clock_segment)
    found = _TIME.fullmatch(text.replace(" ", ""))
    start, stop = (None if one is None else Fraction(one) for one in found.groups()[1:]) if found else (None, None)
    if (start is None and stop is None) or (start is not None and stop is not None and start >= stop):
        raise OptionError(
            f"--time {text}: expected seconds from a first to a later one, found something else. "
            "Write them as in 10-25.5, 10- or -25.5, or +10-25.5 from where recording begins."
        )
    from_beginning = found is not None and found.group(1) is not None
    return TimeRange(start, stop, from_beginning, clock_segment, text)


def check_chunk(chunk_s: float | None) -> None:
    """Check ``--chunk``.

    Raises
    ------
    OptionError
        It is no number of seconds in which a recording can be read.
    """
    if chunk_s is not None and not LEAST_CHUNK_S <= chunk_s <= MOST_CHUNK_S:
        raise OptionError(
            f"--chunk: expected seconds from {LEAST_CHUNK_S:g} to {MOST_CHUNK_S:g}, found {chunk_s:g}. Correct it."
        )


def _range_of(numbers: re.Match[str], where: str) -> range:
    first = int(numbers.group(1))
    last = first if numbers.group(2) is None else int(numbers.group(2))
    if last < first:
        raise OptionError(f"{where}: expected a range that ascends, found {numbers.group()}. Exchange its ends.")
    return range(first, last + 1)


def _spans(segments: Sequence[Segment]) -> dict[int, range]:
    spans: dict[int, range] = {}
    for segment in segments:
        known = spans.get(segment.clock_segment, range(segment.first_tick, segment.end_tick))
        first, end = min(known.start, segment.first_tick), max(known.stop, segment.end_tick)
        spans[segment.clock_segment] = range(first, end)
    return spans


def _names(spans: dict[int, range]) -> str:
    names = [str(one) for one in spans]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") if names else "none"
