"""One device of another maker: what neo reads of it, as ingest and alignment know a device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.detection.photodiode import photodiode_edges
from closedloop.devices.clock_segments import map_clock_segments
from closedloop.devices.device import Device, Electrode
from closedloop.devices.port import Voltage
from closedloop.errors import RecordingError
from closedloop.neo_files.received import NeoCodes, codes_of, line_samples, rising_edges
from closedloop.neo_files.samples import NeoSamples
from closedloop.neo_files.source import NEO_VERSION, SPIKE_GLX, NeoSource, find_sources, open_neo
from closedloop.neo_files.spikes import NeoUnits, find_units
from closedloop.neo_files.streams import NeoStream, find_stream, raw_stream, streams_of
from closedloop.neo_files.sync import ClockMap, map_clock
from closedloop.neo_files.timing import TimedPiece, Timing, clock_of, time_stream
from closedloop.neo_files.wiring import LineWiring, NeoWiring, PhotodiodeWiring
from closedloop.recording.codes import Edges, ReceivedCodes
from closedloop.recording.gaps import SpikeGap
from closedloop.recording.segments import Segment
from closedloop.recording.spikes import Spikes
from closedloop.recording.waveform_means import MeanWaveform

_MICROSECONDS = 1_000_000  # the clock of a device without a stream of samples
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class NeoPart:
    """One recording as neo opens it, with the device's number of its first clock segment."""

    source: NeoSource
    first_clock_segment: int
    tick_hz: int
    timing: Timing
    samples: NeoSamples | None
    labels: tuple[str, ...]
    units: NeoUnits | None

    @property
    def own_segments(self) -> tuple[Segment, ...]:
        """Uninterrupted periods of recording, in order, in its own clock segments."""
        return self.timing.segments

    @property
    def n_clock_segments(self) -> int:
        """How many clock segments of the device it takes."""
        return 1 + max((segment.clock_segment for segment in self.own_segments), default=-1)

    @property
    def place(self) -> Path:
        """What messages call it."""
        return self.source.path

    @property
    def started(self) -> datetime | None:
        """Return None: neo has dates of some formats, and of none the zone."""
        return None

    @property
    def lacks(self) -> str | None:
        """Return None: codes are looked for when it is opened."""
        return None

    @property
    def made_by(self) -> str | None:
        """Return None: neo says of no file what wrote it."""
        return None

    @property
    def spike_electrodes(self) -> tuple[int, ...]:
        """Electrodes of the recorder's units."""
        return tuple(sorted(set(self.units.electrode_ids))) if self.units else ()

    @property
    def spikes_are(self) -> str:
        """Say what the recorder's units are."""
        return f"the recorder's units ({self.source.format} by neo)"

    def spikes(self) -> Iterator[Spikes]:
        """Read the recorder's spikes in parts that follow one another, in bounded memory."""
        for block, neo_segment in open_neo(self.source).neo_segments if self.units else ():
            pieces = [one for one in self.timing.pieces if (one.block, one.neo_segment) == (block, neo_segment)]
            for seconds, electrode in self.units.read(block, neo_segment) if self.units and pieces else ():
                tick = np.rint(seconds * self.tick_hz).astype(np.int64)
                number = self.first_clock_segment + pieces[0].segment.clock_segment
                yield Spikes(np.full(len(tick), number, np.uint16), tick, electrode)

    def spike_gaps(self) -> tuple[SpikeGap, ...]:
        """Return nothing: neo tells of no spikes that a file lost."""
        return ()

    def voltages(self) -> Iterator[Voltage]:
        """Return the stream of raw voltage, if there is one."""
        if self.samples is not None:
            numbers = {segment.clock_segment for segment in self.own_segments}
            to = {number: self.first_clock_segment + number for number in sorted(numbers)}
            yield Voltage(self.samples, to, *self.samples.uv)

    def mean_waveforms(self) -> tuple[MeanWaveform, ...]:
        """Return nothing: formats store waveforms in many ways, or none."""
        return ()

    def file_lines(self) -> dict[str, str]:
        """Return a line on what neo opened."""
        seconds = sum(segment.end_tick - segment.first_tick for segment in self.own_segments) / self.tick_hz
        streams = ", ".join(
            f"{stream.name} ({len(stream.channels)} channels at {stream.rate_hz:g} Hz)"
            for stream in streams_of(self.source)
        )
        return {
            self.source.path.name: f"{self.source.format} by neo {NEO_VERSION}, {streams or 'no streams'}, "
            f"{len(self.own_segments)} block(s), {seconds:.1f} s, without a mark of what wrote it"
        }


def read_neo_devices(folder: Path, wirings: Sequence[NeoWiring], *, spikes: bool = True) -> tuple[Device, ...]:
    """Read a day's recording of another maker, device by device.

    Parameters
    ----------
    folder
        Where the recorder's files lie.
    wirings
        How each device is wired.
    spikes
        Whether the recorder's spikes are wanted.

    Raises
    ------
    RecordingError
        Files, streams or channels are missing, neo cannot read them, or there are no codes.
    """
    return tuple(
        read_neo_device(find_sources(folder, wiring.files, wiring.format), wiring, processor=number, spikes=spikes)
        for number, wiring in enumerate(wirings, start=1)
    )


def read_neo_device(sources: Sequence[NeoSource], wiring: NeoWiring, *, processor: int, spikes: bool = True) -> Device:
    """Read the recordings of one device, one after the other.

    Parameters
    ----------
    sources
        What neo opens, in order.
    wiring
        Which stream is what.
    processor
        The device's number, from 1.
    spikes
        Whether the recorder's spikes are wanted.

    Raises
    ------
    RecordingError
        As in `read_neo_devices`.
    """
    parts: list[NeoPart] = []
    codes: list[tuple[NeoPart, NeoCodes]] = []
    light: list[Edges] = []
    said: list[str] = []
    for source in sources:
        first = parts[-1].first_clock_segment + parts[-1].n_clock_segments if parts else 0
        part, clock = _part(source, wiring, first, spikes=spikes)
        parts.append(part)
        said += [f"{source.path.name}: {sentence}" for sentence in (*open_neo(source).warnings, *part.timing.said)]
        moves = _moves(part, clock, wiring, said)
        if wiring.codes is not None:
            found = codes_of(source, wiring.codes, clock, part.timing, part.tick_hz)
            codes.append((part, _on_device(part, found, moves)))
            said += [f"{source.path.name}: {sentence}" for sentence in found.said]
        if wiring.photodiode is not None:
            light.append(_edges(part, wiring.photodiode, moves))
    tick_hz = _one_clock(parts)
    return Device(
        name=wiring.name or f"{parts[0].source.format} {processor}",
        processor=processor,
        tick_hz=tick_hz,
        electrodes=_electrodes(parts),
        segments=tuple(
            replace(segment, clock_segment=part.first_clock_segment + segment.clock_segment)
            for part in parts
            for segment in part.own_segments
        ),
        codes=_received(codes, tick_hz),
        comments=(),
        edges=_joined(light) if wiring.photodiode is not None else None,
        parts=tuple(parts),
        repairs=tuple(said),
    )


def _part(source: NeoSource, wiring: NeoWiring, first: int, *, spikes: bool) -> tuple[NeoPart, NeoStream | None]:
    """Open a recording on the clock of its raw voltage, of its codes, or of whatever stream there is."""
    raw = _raw_stream(source, wiring)
    clock = raw or _other_clock(source, wiring)
    tick_hz = clock_of(clock.rate_hz) if clock else _MICROSECONDS
    timing = time_stream(clock, tick_hz) if clock else _timing_of_events(source, tick_hz)
    if not timing.pieces:
        raise RecordingError(f"{source.path}: expected a recording, found no samples in it. Restore it from a copy.")
    columns = raw.columns_of(wiring.raw.channels if wiring.raw else ("*",)) if raw else ()
    units = find_units(source, wiring.spikes.channels) if wiring.spikes and spikes else None
    samples = NeoSamples(raw, columns, tuple(range(1, len(columns) + 1)), tick_hz, timing.pieces) if raw else None
    labels = tuple(raw.names[column] for column in columns) if raw else ()
    return NeoPart(source, first, tick_hz, timing, samples, labels, units), clock


def _raw_stream(source: NeoSource, wiring: NeoWiring) -> NeoStream | None:
    if wiring.raw is None:
        return None
    return find_stream(source, wiring.raw.stream) if wiring.raw.stream else raw_stream(source)


def _other_clock(source: NeoSource, wiring: NeoWiring) -> NeoStream | None:
    if wiring.codes is not None and wiring.codes.stream:
        return find_stream(source, wiring.codes.stream)
    streams = streams_of(source)
    return max(streams, key=lambda stream: stream.rate_hz) if streams else None


def _timing_of_events(source: NeoSource, tick_hz: int) -> Timing:
    """Take neo's segments for periods of recording, where no stream says when samples were taken."""
    reader = open_neo(source)
    pieces = []
    for number, (block, neo_segment) in enumerate(reader.neo_segments):
        bounds = (reader.rawio.segment_t_start(block, neo_segment), reader.rawio.segment_t_stop(block, neo_segment))
        start, stop = (round(float(bound) * tick_hz) for bound in bounds)
        pieces.append(TimedPiece(block, neo_segment, 0, Segment(number, start, stop, stop - start)))
    return Timing(
        tuple(pieces), ("no stream of samples: neo's segments are taken for recorded throughout, in microseconds",)
    )


@dataclass(frozen=True)
class _Moves:
    """How another card's ticks come onto the device's clock, by clock segment; nothing to do where it is the same."""

    by_clock_segment: Mapping[int, ClockMap] | None

    def move(self, clock_segment: Integers, tick: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.by_clock_segment is None:
            return tick
        moved = tick.copy()
        for number, clock in self.by_clock_segment.items():
            own = clock_segment == number
            moved[own] = clock.move(tick[own])
        return moved


def _moves(part: NeoPart, clock: NeoStream | None, wiring: NeoWiring, said: list[str]) -> _Moves:
    """Find the pulses on both clocks, where the codes are on another card than the voltage."""
    if wiring.sync is None:
        _check_one_card(part, clock, wiring)
        return _Moves(None)
    own = _pulses(part, wiring.sync.raw)
    other = _pulses(part, wiring.sync.codes)
    found: dict[int, ClockMap] = {}
    for number in sorted({segment.clock_segment for segment in part.own_segments}):
        clock_map = map_clock(other.get(number, np.zeros(0)), own.get(number, np.zeros(0)))
        if clock_map is None:
            raise RecordingError(
                f"{part.place}: expected the same sync pulses on both clocks, found {len(own.get(number, ()))} and "
                f"{len(other.get(number, ()))} that do not pair in clock segment {number}. Correct `sync` in the "
                "recorder's description."
            )
        found[number] = clock_map
        said.append(
            f"{part.source.path.name}: the codes' clock is on that of the voltage by {len(clock_map.here)} pulses "
            f"({clock_map.drift_ppm:+.2f} ppm)"
        )
    return _Moves(found)


def _pulses(part: NeoPart, wiring: LineWiring) -> dict[int, NDArray[np.float64]]:
    if wiring.line is None:
        edges = photodiode_edges(line_samples(part.source, wiring.stream, (wiring.channel,), part.tick_hz))
        seen = [(int(number), edges.tick[edges.clock_segment == number]) for number in np.unique(edges.clock_segment)]
    else:
        seen = [(n, tick.astype(np.float64)) for n, tick in rising_edges(part.source, wiring, part.tick_hz)]
    numbers = sorted({number for number, _ in seen})
    return {number: np.concatenate([tick for own, tick in seen if own == number]) for number in numbers}


def _check_one_card(part: NeoPart, clock: NeoStream | None, wiring: NeoWiring) -> None:
    """Refuse SpikeGLX' codes of one card with the voltage of another: nothing says how the two clocks run."""
    others = [one.stream for one in (wiring.codes, wiring.photodiode) if one is not None and one.stream is not None]
    for name in others if clock is not None and part.source.format == SPIKE_GLX else ():
        other = find_stream(part.source, name).name
        if clock is not None and other.partition(".")[0].removesuffix("-SYNC") != clock.name.partition(".")[0]:
            raise RecordingError(
                f"{part.place}: expected `sync` for {other} and {clock.name}, whose clocks are two, found none. Name "
                "the line of the sync pulses in both streams in the recorder's description."
            )


def _on_device(part: NeoPart, codes: NeoCodes, moves: _Moves) -> NeoCodes:
    """Bring codes onto the part's own clock segments."""
    to = map_clock_segments(codes.segments, part.own_segments, place=str(part.place))
    own = np.array([to[number] for number in codes.clock_segment.tolist()], np.int64)
    tick = codes.tick if moves.by_clock_segment is None else np.rint(moves.move(own, codes.tick.astype(float)))
    return replace(codes, clock_segment=own, tick=tick.astype(np.int64))


def _edges(part: NeoPart, wiring: PhotodiodeWiring, moves: _Moves) -> Edges:
    samples = line_samples(part.source, wiring.stream, (f"{wiring.channel}*",), part.tick_hz)
    if samples.n_channels > 1:
        exact = [column for column in samples.columns if samples.stream.names[column] == wiring.channel]
        samples = replace(samples, columns=tuple(exact or samples.columns[:1]))
    found = photodiode_edges(samples)
    to = map_clock_segments(samples.segments, part.own_segments, place=str(part.place))
    own = np.array([to[number] for number in found.clock_segment.tolist()], np.int64)
    return Edges(part.first_clock_segment + own, moves.move(own, found.tick))


def _one_clock(parts: Sequence[NeoPart]) -> int:
    rates = {part.tick_hz for part in parts}
    if len(rates) > 1:
        raise RecordingError(
            f"{parts[0].place}: expected one clock for all recordings of a device, found "
            f"{', '.join(str(rate) for rate in sorted(rates))} ticks a second. Keep other set-ups in other folders."
        )
    return rates.pop()


def _electrodes(parts: Sequence[NeoPart]) -> tuple[Electrode, ...]:
    labels: dict[int, str] = {}
    for part in parts:
        for number, label in enumerate(part.labels, start=1):
            if labels.setdefault(number, label) != label:
                raise RecordingError(
                    f"{part.place}: expected channel {labels[number]} as electrode {number}, as in the recording "
                    f"before, found {label}. Keep recordings of other set-ups in other folders."
                )
        for number in part.spike_electrodes:
            labels.setdefault(number, str(number))
    return tuple(Electrode(number, label) for number, label in sorted(labels.items()))


def _received(codes: Sequence[tuple[NeoPart, NeoCodes]], tick_hz: int) -> ReceivedCodes:
    nothing = np.zeros(0, np.int64)
    return ReceivedCodes(
        np.concatenate([nothing, *(part.first_clock_segment + own.clock_segment for part, own in codes)]),
        np.concatenate([nothing, *(own.tick for _, own in codes)]),
        np.concatenate([nothing, *(own.value for _, own in codes)]),
        float(tick_hz),
    )


def _joined(light: Sequence[Edges]) -> Edges:
    return Edges(
        np.concatenate([edges.clock_segment for edges in light]), np.concatenate([edges.tick for edges in light])
    )
