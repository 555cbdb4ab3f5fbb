"""One processor (NSP) of the recorder: its files, read on one set of clock segments.

A day may have several recordings of a processor, one after the other, each of a .nev and some .ns1 to .ns6. Clock
segments are counted on through all of them, so that (clock segment, tick) is one moment of the device. The fastest
NSx defines the clock segments; the others and the NEV are brought onto them. A slower file never overrules it: where
that has more resets, they are odd blocks, and the recording is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.detection.photodiode import photodiode_edges
from closedloop.devices.ends import different_ends
from closedloop.devices.files import DeviceFiles, find_devices
from closedloop.devices.part import RecordingPart, read_part
from closedloop.devices.photodiode import find_photodiode
from closedloop.devices.port import DevicePart, Voltage
from closedloop.devices.succession import in_order_of_time, refuse_simultaneous
from closedloop.errors import RecordingError
from closedloop.execution.progress import ProgressCallback
from closedloop.recording.codes import Edges, ReceivedCodes
from closedloop.recording.gaps import SpikeGap
from closedloop.recording.segments import BRIDGE_MS, Segment, clock_segments_of
from closedloop.recording.source import SampleSource
from closedloop.recording.spikes import Spikes

PHOTODIODE = "photodiode"

__all__ = ["Device", "DevicePart", "Electrode", "Voltage", "read_device", "read_devices"]


@dataclass(frozen=True)
class Electrode:
    """A contact as the recorder's files name it."""

    electrode_id: int
    label: str


@dataclass(frozen=True)
class Device:
    """What one processor recorded.

    Attributes
    ----------
    name, processor
        What messages call it, and its number, from 1.
    tick_hz
        Ticks per second.
    electrodes
        Contacts, by number.
    segments
        Uninterrupted periods of recording, in order.
    codes
        Digital codes of the parallel port, or of the serial one where nothing came over the other.
    comments
        Texts that the recorder was given, in order.
    edges
        Rising edges of the photodiode; None where none was recorded.
    repairs
        What was wrong with which file and how it was read nevertheless, a sentence each.
    remarks
        What else must be known of its files: ends that differ, digital codes of another processor.
    """

    name: str
    processor: int
    tick_hz: int
    electrodes: tuple[Electrode, ...]
    segments: tuple[Segment, ...]
    codes: ReceivedCodes
    comments: tuple[str, ...]
    edges: Edges | None
    parts: tuple[DevicePart, ...]
    repairs: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length of what was recorded."""
        return sum(segment.end_tick - segment.first_tick for segment in self.segments) / self.tick_hz

    @property
    def voltages(self) -> tuple[Voltage, ...]:
        """Files with raw voltage, in order of time; an electrode that two files of a recording have, in the faster."""
        return tuple(voltage for part in self.parts for voltage in part.voltages())

    def spikes(self) -> Iterator[Spikes]:
        """Read the spikes that the recorder found, in parts that follow one another, in bounded memory."""
        for part in self.parts:
            yield from part.spikes()

    def spike_gaps(self) -> tuple[SpikeGap, ...]:
        """Return from when to when its files lost spikes that the recorder found."""
        return tuple(gap for part in self.parts for gap in part.spike_gaps())

    def seconds(self, clock_segment: NDArray[np.integer], tick: NDArray[np.float64]) -> NDArray[np.float64]:
        """Place moments on one axis: seconds of the first clock segment, later ones following end to end.

        Parameters
        ----------
        clock_segment, tick
            Moments of this device, any shape; NaN in `tick` stays.
        """
        seconds = np.full(np.shape(tick), np.nan)
        for number, offset_s in self._offsets_s().items():
            own = (np.asarray(clock_segment) == number) & np.isfinite(tick)
            seconds[own] = offset_s + np.asarray(tick)[own] / self.tick_hz
        return seconds

    def _offsets_s(self) -> dict[int, float]:
        offsets, end_s = {0: 0.0}, 0.0
        for own in clock_segments_of(self.segments):
            offset = offsets.setdefault(own.clock_segment, end_s - own.first_tick / self.tick_hz)
            end_s = offset + own.end_tick / self.tick_hz
        return offsets


def read_devices(
    files: Sequence[Path],
    *,
    arrays: Sequence[str] = (),
    photodiode: str | None = PHOTODIODE,
    bridge_ms: float = BRIDGE_MS,
    spikes: bool = True,
    noise: bool = False,
    progress: ProgressCallback | None = None,
) -> tuple[Device, ...]:
    """Read the files of a day, processor by processor; see `read_device`.

    Parameters
    ----------
    files
        Of all processors; others than the recorder's are passed over.
    arrays
        A pattern of file names for each processor; empty where the names tell (`files.find_devices`).
    photodiode, bridge_ms, spikes, noise, progress
        As in `read_device`.

    Raises
    ------
    RecordingError
        A file cannot be read, files of one recording disagree, or there is none.
    """
    return tuple(
        read_device(own, photodiode=photodiode, bridge_ms=bridge_ms, spikes=spikes, noise=noise, progress=progress)
        for own in find_devices(files, arrays=arrays)
    )


def read_device(
    files: DeviceFiles,
    *,
    photodiode: str | None = PHOTODIODE,
    bridge_ms: float = BRIDGE_MS,
    spikes: bool = True,
    noise: bool = False,
    progress: ProgressCallback | None = None,
) -> Device:
    """Read a processor's files.

    Parameters
    ----------
    files
        Of one processor.
    photodiode
        The photodiode's channel, in any NSx: the beginning of its label, capitals aside, or its number; None where
        nobody asks when it was lit.
    bridge_ms
        A hole in an NSx of at most so many milliseconds ends no segment.
    spikes
        Whether spikes of the .nev are wanted.
    noise
        Whether those count whose unit is noise (255).
    progress
        Called with (done, total) packets of each .nev.

    Raises
    ------
    RecordingError
        A file cannot be read, files disagree, or recordings of one processor overlap in time.
    """
    parts: list[RecordingPart] = []
    for recording in in_order_of_time(files.recordings):
        first_clock_segment = parts[-1].first_clock_segment + parts[-1].n_clock_segments if parts else 0
        part = read_part(
            recording, first_clock_segment, bridge_ms=bridge_ms, spikes=spikes, noise=noise, progress=progress
        )
        parts.append(part)
    _refuse_headers_alone(files, parts)
    tick_hz = _one_clock(files, parts)
    refuse_simultaneous(files, parts)
    return Device(
        name=files.name,
        processor=files.processor,
        tick_hz=tick_hz,
        electrodes=_electrodes(parts),
        segments=tuple(
            replace(segment, clock_segment=part.first_clock_segment + segment.clock_segment)
            for part in parts
            for segment in part.own_segments
        ),
        codes=_codes(parts, tick_hz),
        comments=tuple(text for part in parts if part.events for text in part.events.comments.text),
        edges=light_edges(parts, photodiode) if photodiode is not None else None,
        parts=tuple(parts),
        repairs=_repairs(parts),
        remarks=tuple(sentence for part in parts for sentence in different_ends(part)),
    )


def _refuse_headers_alone(files: DeviceFiles, parts: Sequence[RecordingPart]) -> None:
    """Refuse a processor of which nothing was recorded; a recording that was stopped at once may lie beside others."""
    if not any(part.own_segments for part in parts):
        raise RecordingError(
            f"{files.recordings[0].files[0].parent / files.name}: expected samples or packets, found headers alone: "
            "the recorder was stopped at once, or the copy broke off. Bring the files of the session."
        )


def _one_clock(files: DeviceFiles, parts: Sequence[RecordingPart]) -> int:
    clocks = {samples.file.name: samples.tick_hz for part in parts for samples in part.samples}
    clocks |= {part.files.nev.name: part.header.tick_hz for part in parts if part.files.nev and part.header}
    if len(set(clocks.values())) > 1:
        said = ", ".join(f"{name} {tick_hz}" for name, tick_hz in clocks.items())
        raise RecordingError(
            f"{files.recordings[0].files[0].parent / files.name}: expected one clock for all files of a processor, "
            f"found {said} ticks a second. Keep recordings of other set-ups in other folders."
        )
    return next(iter(clocks.values()))


def _electrodes(parts: Sequence[RecordingPart]) -> tuple[Electrode, ...]:
    """Take the electrodes of the .nev, and what an NSx adds, by number."""
    labels: dict[int, str] = {}
    for part in parts:
        for contact in part.header.electrodes if part.header else ():
            labels.setdefault(contact.electrode_id, contact.label)
        for samples in part.samples:
            for channel in samples.channels:
                if channel.is_electrode:
                    labels.setdefault(channel.channel_id, channel.label)
    return tuple(Electrode(electrode_id, label) for electrode_id, label in sorted(labels.items()))


def _codes(parts: Sequence[RecordingPart], tick_hz: int) -> ReceivedCodes:
    events = [(part.first_clock_segment, part.events) for part in parts if part.events is not None]
    parallel = any(len(found.codes.tick) for _, found in events)
    codes = [(first, found.codes if parallel else found.serial) for first, found in events]
    return ReceivedCodes(
        np.concatenate(
            [np.zeros(0, np.int64), *(first + found.clock_segment.astype(np.int64) for first, found in codes)]
        ),
        np.concatenate([np.zeros(0, np.int64), *(found.tick for _, found in codes)]),
        np.concatenate([np.zeros(0, np.int64), *(found.value for _, found in codes)]),
        float(tick_hz),
    )


def _repairs(parts: Sequence[RecordingPart]) -> tuple[str, ...]:
    said: list[str] = []
    for part in parts:
        if part.files.nev and part.events:
            said += [f"{part.files.nev.name}: {sentence}" for sentence in part.events.repairs]
        for samples in part.samples:
            said += [f"{samples.file.name}: {sentence}" for sentence in samples.header.repairs]
        if part.own_segments:
            said += [f"{file.name}: holds no sample and was passed over" for file in part.passed_over]
        else:
            said.append(f"{part.files.stem}: holds headers alone and was passed over")
    return tuple(said)


def light_edges(
    parts: Sequence[RecordingPart], label: str, *, find: Callable[[SampleSource], Edges] = photodiode_edges
) -> Edges | None:
    """Find the photodiode's edges in every part that has the channel; None where none has.

    Parameters
    ----------
    parts
        Of a device, in order.
    label
        The photodiode's channel, see `read_device`.
    find
        Finds the edges of a channel.
    """
    seen = [(part, found) for part in parts if (found := find_photodiode(part.samples, label)) is not None]
    if not seen:
        return None
    edges = [(part.clock_segment_of(samples), find(samples)) for part, samples in seen]
    return Edges(
        np.concatenate(
            [
                np.array([clock_segment_of[clock_segment] for clock_segment in own.clock_segment.tolist()], np.int64)
                for clock_segment_of, own in edges
            ]
        ),
        np.concatenate([own.tick for _, own in edges]),
    )
