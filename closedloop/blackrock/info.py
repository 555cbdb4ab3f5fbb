"""What is in a Blackrock file, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from closedloop.blackrock.channel_kinds import ChannelKind, is_of_a_front_end, uv_in
from closedloop.blackrock.header_fields import readable
from closedloop.blackrock.nev.events import NevEvents, read_nev
from closedloop.blackrock.nev.header import NevHeader, read_nev_header
from closedloop.blackrock.nev.layout import NEV_FILE_IDS
from closedloop.blackrock.nev.scan import NevScan, scan_packets
from closedloop.blackrock.nsx.header import NsxChannel, read_nsx_header
from closedloop.blackrock.nsx.layout import NSX_FILE_IDS
from closedloop.blackrock.scale_from_nev import nev_beside, scaled_channels
from closedloop.errors import RecordingError
from closedloop.recording.segments import BRIDGE_MS, Segment, names_for_machines


@dataclass(frozen=True)
class ChannelInfo:
    """One channel: its number and label, and how bits become units (value = bit * scale + offset)."""

    id: int
    label: str
    units: str
    scale: float
    offset: float
    kind: ChannelKind


@dataclass(frozen=True)
class BlockInfo:
    """A segment without a pause; times count from the clock's zero in its clock segment."""

    clock_segment: int
    t0_tick: int
    t0_s: float
    n_samples: int
    duration_s: float


@dataclass(frozen=True)
class CommentInfo:
    """A comment, and when it was made."""

    clock_segment: int
    t_s: float
    text: str


@dataclass(frozen=True)
class PauseInfo:
    """Recording paused."""

    clock_segment: int
    from_s: float
    to_s: float


@dataclass(frozen=True)
class EventInfo:
    """What a NEV file holds: packets by kind; `n_spikes` by electrode id, of which `n_noise` are of the noise unit."""

    n_packets: int
    n_spikes: dict[int, int]
    n_noise: int
    n_digital: int
    n_serial: int
    n_other: int
    n_out_of_order: int
    comments: tuple[CommentInfo, ...]
    pauses: tuple[PauseInfo, ...]


@dataclass(frozen=True)
class RecordingInfo:
    """What is in a Blackrock file.

    Attributes
    ----------
    rate_hz
        Samples per second (NSx); None for NEV.
    tick_hz
        The clock of all ticks.
    duration_s
        From the first sample or packet to the end of the last, pauses included, summed over clock segments.
    blocks
        Uninterrupted segments; those of a NEV are found from its packets, at the rate of its waveforms.
    events
        None for NSx.
    repairs
        A sentence for each thing that was repaired or left out.
    scale_from
        The NEV that gave the scale of a 2.1 NSx file, which has none of its own; None for all others.
    """

    file: str
    kind: Literal["nsx", "nev"]
    specification: str
    start: str | None
    rate_hz: float | None
    tick_hz: int
    duration_s: float
    channels: tuple[ChannelInfo, ...]
    blocks: tuple[BlockInfo, ...]
    events: EventInfo | None
    repairs: tuple[str, ...]
    scale_from: str | None = None

    def to_json_dict(self) -> dict[str, Any]:
        """Return the same facts as dicts, lists, numbers and texts; `scale_from` only where there is one."""
        facts = dict(names_for_machines(asdict(self)))
        if self.scale_from is None:
            del facts["scale_from"]
        return facts


def read_info(
    file: Path, *, bridge_ms: float = BRIDGE_MS, progress: Callable[[int, int], None] | None = None
) -> RecordingInfo:
    """Describe an NSx or NEV file from its headers and blocks; a NEV's and a PTP file's packets are passed over.

    Parameters
    ----------
    file
        The file.
    bridge_ms
        A hole in an NSx of at most so many milliseconds ends no segment.
    progress
        Called with (done, total) while packets are passed over.

    Raises
    ------
    RecordingError
        The file is missing, foreign, of an unknown version, its headers are corrupt, or nothing of it can be read.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from closedloop.blackrock import NsxChannel, read_info, write_nsx
    >>> second = np.zeros((1_000, 1), np.int16)
    >>> start = datetime(2024, 5, 6, tzinfo=UTC)
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "day3.ns2"
    ...     channels = [NsxChannel(1, "elec1")]
    ...     write_nsx(file, channels, rate_hz=1000, specification="3.0", chunks=[(0, second)], start=start)
    ...     info = read_info(file)
    >>> info.specification, info.rate_hz, info.duration_s, info.repairs
    ('3.0', 1000.0, 1.0, ())
    """
    file_id = _file_id(file)
    if file_id in NSX_FILE_IDS:
        return _nsx_info(file, bridge_ms, progress)
    if file_id in NEV_FILE_IDS:
        return _nev_info(file, progress)
    known = ", ".join(sorted(known_id.decode() for known_id in NSX_FILE_IDS | NEV_FILE_IDS))
    raise RecordingError(
        f"{file}: expected a Blackrock file ({known}), found {file_id!r}. Give an .ns1 to .ns6 or .nev file."
    )


def _file_id(file: Path) -> bytes:
    with readable(file), file.open("rb") as stream:
        return stream.read(8)


def _nsx_info(file: Path, bridge_ms: float, progress: Callable[[int, int], None] | None) -> RecordingInfo:
    header = read_nsx_header(file, bridge_ms=bridge_ms, progress=progress)
    nev = nev_beside(file) if header.layout.version is None else None
    channels = header.channels if nev is None else scaled_channels(header.channels, nev)
    return RecordingInfo(
        file=str(file),
        kind="nsx",
        specification=header.specification,
        start=_iso(header.start),
        rate_hz=header.rate_hz,
        tick_hz=header.tick_hz,
        duration_s=_duration_s(header.segments, header.tick_hz),
        channels=tuple(_channel(channel) for channel in channels),
        blocks=_blocks(header.segments, header.tick_hz),
        events=None,
        repairs=header.repairs,
        scale_from=None if nev is None else nev.name,
    )


def _nev_info(file: Path, progress: Callable[[int, int], None] | None) -> RecordingInfo:
    header = read_nev_header(file)
    passes = _ThreePasses(progress, header.n_packets)
    scan = scan_packets(file, header, progress=passes.first)
    events = read_nev(file, spikes=False, progress=passes.others)
    return RecordingInfo(
        file=str(file),
        kind="nev",
        specification=header.specification,
        start=_iso(header.start),
        rate_hz=None,
        tick_hz=header.tick_hz,
        duration_s=_duration_s(events.segments, header.tick_hz),
        channels=_nev_channels(header),
        blocks=_blocks(events.segments, header.tick_hz),
        events=_event_info(header, scan, events),
        repairs=events.repairs,
    )


@dataclass
class _ThreePasses:
    """Reports how far the passes over a NEV are: one counts packets by electrode, two put events in order."""

    progress: Callable[[int, int], None] | None
    n_packets: int
    done: int = 0

    def first(self, n_packets: int) -> None:
        self.done += n_packets
        self.others(self.done - self.n_packets, 0)

    def others(self, done: int, _total: int) -> None:
        if self.progress is not None:
            self.progress(self.n_packets + done, 3 * self.n_packets)


def _iso(start: datetime | None) -> str | None:
    return None if start is None else start.isoformat()


def _channel(channel: NsxChannel) -> ChannelInfo:
    """Describe a channel: an electrode in uV, whatever voltage the file counts in.

    An "electrode" of some volts is not what a front end measured: it stays in the file's own unit.
    """
    of_a_front_end = is_of_a_front_end(channel.units, (channel.analog_min, channel.analog_max))
    factor = uv_in(channel.units) if channel.is_electrode and of_a_front_end else None
    units, factor = (channel.units, 1.0) if factor in (None, 1.0) else ("uV", factor)
    return ChannelInfo(
        channel.channel_id, channel.label, units, channel.scale * factor, channel.offset * factor, channel.kind
    )


def _nev_channels(header: NevHeader) -> tuple[ChannelInfo, ...]:
    """Describe the channels with spikes; an analog input can have a threshold too."""
    return tuple(
        ChannelInfo(e.electrode_id, e.label, "uV", e.uv_per_bit, 0.0, NsxChannel(e.electrode_id, e.label).kind)
        for e in header.channels
    )


def _blocks(segments: Sequence[Segment], tick_hz: int) -> tuple[BlockInfo, ...]:
    return tuple(
        BlockInfo(
            s.clock_segment, s.first_tick, s.first_tick / tick_hz, s.n_samples, (s.end_tick - s.first_tick) / tick_hz
        )
        for s in segments
    )


def _duration_s(segments: Sequence[Segment], tick_hz: int) -> float:
    clock_segments = [list(own) for _, own in groupby(segments, lambda segment: segment.clock_segment)]
    return sum(own[-1].end_tick - own[0].first_tick for own in clock_segments) / tick_hz


def _event_info(header: NevHeader, scan: NevScan, events: NevEvents) -> EventInfo:
    comments = zip(
        events.comments.clock_segment.tolist(), events.comments.tick.tolist(), events.comments.text, strict=True
    )
    return EventInfo(
        n_packets=header.n_packets,
        n_spikes=scan.n_spikes,
        n_noise=events.n_noise,
        n_digital=len(events.codes),
        n_serial=len(events.serial),
        n_other=events.n_other,
        n_out_of_order=events.n_out_of_order,
        comments=tuple(
            CommentInfo(clock_segment, tick / header.tick_hz, text) for clock_segment, tick, text in comments
        ),
        pauses=tuple(
            PauseInfo(pause.clock_segment, pause.pause_tick / header.tick_hz, pause.resume_tick / header.tick_hz)
            for pause in events.pauses
        ),
    )
