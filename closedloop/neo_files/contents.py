"""What neo finds in a recording of another maker: streams, event channels, units, gaps, and what it cannot say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from closedloop.neo_files.source import NEO_VERSION, NeoSource, open_neo
from closedloop.neo_files.streams import NeoStream, streams_of
from closedloop.neo_files.timing import clock_of, time_stream
from closedloop.recording.segments import names_for_machines


@dataclass(frozen=True)
class StreamPeriod:
    """A segment without a pause; times count from the clock's zero in its clock segment."""

    clock_segment: int
    t0_s: float
    n_samples: int
    duration_s: float


@dataclass(frozen=True)
class StreamContents:
    """A stream: its channels, and when it was recorded."""

    name: str
    rate_hz: float
    dtype: str
    units: str
    microvolts_a_bit: float | None
    channels: tuple[str, ...]
    looks_raw: bool
    segments: tuple[StreamPeriod, ...]


@dataclass(frozen=True)
class NeoContents:
    """What is in a recording.

    Attributes
    ----------
    event_channels, units
        By name, as the description of a recorder names them.
    said
        What is wrong, and what cannot be known, a sentence each.
    """

    path: str
    format: str
    neo_version: str
    streams: tuple[StreamContents, ...]
    event_channels: tuple[str, ...]
    units: tuple[str, ...]
    said: tuple[str, ...]

    def to_json_dict(self) -> dict[str, Any]:
        """Return the same facts as dicts, lists, numbers and texts."""
        return dict(names_for_machines(asdict(self)))


def read_contents(source: NeoSource) -> NeoContents:
    """Describe a recording from what neo finds in it.

    Raises
    ------
    RecordingError
        neo cannot read it.
    """
    reader = open_neo(source)
    header = reader.rawio.header
    streams, said = [], list(reader.warnings)
    for stream in streams_of(source):
        contents, own = _stream(stream)
        streams.append(contents)
        said += [sentence for sentence in own if sentence not in said]
    return NeoContents(
        path=str(source.path),
        format=source.format,
        neo_version=NEO_VERSION,
        streams=tuple(streams),
        event_channels=tuple(str(channel["name"]) for channel in header["event_channels"]),
        units=tuple(str(channel["name"]) for channel in header["spike_channels"]),
        said=tuple(said),
    )


def _stream(stream: NeoStream) -> tuple[StreamContents, tuple[str, ...]]:
    tick_hz = clock_of(stream.rate_hz)
    timing = time_stream(stream, tick_hz)
    first = stream.channels[0]
    known = first.units in ("uV", "mV", "V")
    contents = StreamContents(
        name=stream.name,
        rate_hz=stream.rate_hz,
        dtype=stream.dtype,
        units=first.units,
        microvolts_a_bit=first.gain * first.microvolts_per_unit if known else None,
        channels=stream.names,
        looks_raw=stream.is_raw,
        segments=tuple(
            StreamPeriod(
                one.clock_segment,
                one.first_tick / tick_hz,
                one.n_samples,
                (one.end_tick - one.first_tick) / tick_hz,
            )
            for one in timing.segments
        ),
    )
    return contents, timing.said
