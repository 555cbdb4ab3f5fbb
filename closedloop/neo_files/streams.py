"""neo's signal streams and their channels, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from closedloop.errors import RecordingError
from closedloop.neo_files.source import NeoReader, NeoSource, open_neo

_SLOWEST_HZ, _FASTEST_HZ = 1e-3, 1e8  # of any recorder
RAW_HZ = 10_000  # slower streams hold field potentials, in which no spike can be seen
_MOST_NAMED = 12
_NODE = "#"  # neo puts Open Ephys' record node before it
_MICROVOLTS = {"uV": 1.0, "µV": 1.0, "μV": 1.0, "mV": 1e3, "V": 1e6}


@dataclass(frozen=True)
class NeoChannel:
    """A column of a stream; value = bit * gain + offset, in units."""

    name: str
    units: str
    gain: float
    offset: float

    @property
    def microvolts_per_unit(self) -> float:
        """Microvolts of one unit; of an unknown unit, one."""
        return _MICROVOLTS.get(self.units, 1.0)


@dataclass(frozen=True)
class NeoStream:
    """Channels that neo gives together, by its index of the stream."""

    source: NeoSource
    index: int
    name: str
    rate_hz: float
    dtype: str
    channels: tuple[NeoChannel, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(channel.name for channel in self.channels)

    @property
    def is_raw(self) -> bool:
        """Whether it looks like raw voltage: fast, and of volts that are no auxiliary input."""
        words = ("sync", "adc", "digital", "aux", "nidq", "analog", "supply", "temperature")
        fast = self.rate_hz >= RAW_HZ and not any(word in self.name.lower() for word in words)
        return fast and bool(self.channels) and self.channels[0].units in _MICROVOLTS

    def columns_of(self, patterns: Sequence[str]) -> tuple[int, ...]:
        """Find channels by names or patterns, in the order of these.

        Raises
        ------
        RecordingError
            A pattern fits none.
        """
        found: dict[int, None] = {}
        for pattern in patterns:
            fitting = [column for column, name in enumerate(self.names) if _fits(name, pattern)]
            if not fitting:
                raise RecordingError(
                    f"{self.source.path}: expected a channel {pattern} in the stream {self.name}, found "
                    f"{listed(self.names)}. Correct the recorder's description."
                )
            found |= dict.fromkeys(fitting)
        return tuple(found)


def streams_of(source: NeoSource) -> tuple[NeoStream, ...]:
    """List a source's streams, as neo orders them."""
    reader = open_neo(source)
    header = reader.rawio.header
    return tuple(_stream(reader, index, header) for index in range(len(header["signal_streams"])))


def find_stream(source: NeoSource, name: str) -> NeoStream:
    """Find a stream by its name, with the record node or without, or the only one that begins with it.

    Raises
    ------
    RecordingError
        There is none, or several begin so.
    """
    streams = streams_of(source)
    exact = [stream for stream in streams if name in (stream.name, stream.name.rpartition(_NODE)[2])]
    found = exact or [stream for stream in streams if _fits(stream.name, f"{name}*")]
    if len(found) == 1:
        return found[0]
    raise RecordingError(
        f"{source.path}: expected one stream {name}, found {len(found)} among "
        f"{listed([stream.name for stream in streams])}. Correct the recorder's description."
    )


def raw_stream(source: NeoSource) -> NeoStream:
    """Find the only stream that looks like raw voltage.

    Raises
    ------
    RecordingError
        There is none, or several do.
    """
    streams = streams_of(source)
    found = [stream for stream in streams if stream.is_raw]
    if len(found) == 1:
        return found[0]
    raise RecordingError(
        f"{source.path}: expected one stream of raw voltage, found {len(found)} among "
        f"{listed([stream.name for stream in streams])}. Name it by `raw: {{stream: ...}}` in the recorder's "
        "description."
    )


def listed(names: Sequence[str]) -> str:
    """Return names for a message."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (", ".join(names[:_MOST_NAMED]) or "nothing") + more


def _stream(reader: NeoReader, index: int, header: dict[str, np.ndarray]) -> NeoStream:
    stream = header["signal_streams"][index]
    own = header["signal_channels"][header["signal_channels"]["stream_id"] == stream["id"]]
    rate_hz = float(own["sampling_rate"][0]) if len(own) else 0.0
    if not _SLOWEST_HZ <= rate_hz <= _FASTEST_HZ:
        raise RecordingError(
            f"{reader.source.path}: expected channels in the stream {str(stream['name'])[:100]} with a sampling rate, "
            f"found {len(own)} at {rate_hz:g} Hz. Restore the files that describe it."
        )
    return NeoStream(
        source=reader.source,
        index=index,
        name=str(stream["name"]),
        rate_hz=rate_hz,
        dtype=str(own["dtype"][0]),
        channels=tuple(
            NeoChannel(str(channel["name"]), str(channel["units"]), float(channel["gain"]), float(channel["offset"]))
            for channel in own
        ),
    )


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name.lower(), pattern.lower())
