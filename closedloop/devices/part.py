"""One recording of a processor: the files of one stem, on one set of clock segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from closedloop.blackrock.nev.events import NevEvents, read_nev
from closedloop.blackrock.nev.header import NevHeader, read_nev_header
from closedloop.blackrock.nev.order import in_order_of_electrode
from closedloop.blackrock.nev.packets import is_noise, is_spike
from closedloop.blackrock.nev.sampled_waveforms import sample_mean_waveforms
from closedloop.blackrock.nev.survey import NevSurvey, survey_nev
from closedloop.blackrock.nsx.channels import find_channels
from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.devices.clock_segments import map_clock_segments
from closedloop.devices.files import RecordingFiles
from closedloop.devices.port import Voltage
from closedloop.errors import RecordingError
from closedloop.execution.progress import ProgressCallback
from closedloop.recording.gaps import SpikeGap
from closedloop.recording.segments import Segment
from closedloop.recording.spikes import Spikes
from closedloop.recording.waveform_means import MeanWaveform

_ONE_START_S = 600.0  # all files of a recording are opened together; a recorder may round, or open one late
_RAW_HZ = 10_000  # slower files hold field potentials, in which no spike can be seen


@dataclass(frozen=True)
class RecordingPart:
    """One recording of a device, with the device's number of its first clock segment.

    Attributes
    ----------
    header, events
        Of the .nev, its spikes left out; None where there is none.
    survey
        By which its spikes are read, in parts; None where there is none, or they are not wanted.
    samples
        All channels of each NSx, the one that defines the clock segments first; empty where there is none.
    noise
        Whether the .nev's spikes are wanted whose unit is noise (255).
    passed_over
        NSx files without a sample.
    """

    files: RecordingFiles
    first_clock_segment: int
    header: NevHeader | None
    events: NevEvents | None
    survey: NevSurvey | None
    samples: tuple[NsxSamples, ...]
    noise: bool = False
    passed_over: tuple[Path, ...] = ()

    @property
    def own_segments(self) -> tuple[Segment, ...]:
        """Uninterrupted periods of recording, in order, in its own clock segments."""
        if self.samples:
            return tuple(self.samples[0].segments)
        return self.events.segments if self.events else ()

    @property
    def n_clock_segments(self) -> int:
        """How many clock segments of the device it takes."""
        return 1 + max((segment.clock_segment for segment in self.own_segments), default=-1)

    @property
    def n_spikes(self) -> int:
        """Spike packets of the .nev, strays included."""
        return sum(self.survey.scan.n_spikes.values()) if self.survey else 0

    @property
    def place(self) -> Path:
        """What messages call it: its .nev, or where that would be."""
        return self.files.nev or self.files.files[0].parent / self.files.stem

    @property
    def started(self) -> datetime | None:
        """Return when it began, by the .nev or the first .nsx that has a date."""
        headers = (self.header, *(samples.header for samples in self.samples))
        return next((one.start for one in headers if one is not None and one.start is not None), None)

    @property
    def lacks(self) -> str | None:
        """Say that the .nev is missing; None where it is there."""
        if self.header is not None and self.files.nev is not None:
            return None
        return (
            f"{self.place}: expected its .nev file beside the .nsx, found none. Put it there: the words "
            "that align the day are in it."
        )

    @property
    def made_by(self) -> str | None:
        """Return the application of the .nev; without one the comment of the .nsx, where a simulated one says so."""
        if self.header is not None:
            return self.header.application
        return next((samples.header.comment for samples in self.samples if samples.header.comment), None)

    @property
    def spike_electrodes(self) -> tuple[int, ...]:
        """Numbers of the electrodes of the .nev."""
        return tuple(contact.electrode_id for contact in self.header.electrodes) if self.header else ()

    @property
    def spikes_are(self) -> str:
        """Say what the spikes of the .nev are."""
        return "the recorder's threshold crossings (NEV)"

    def file_lines(self) -> dict[str, str]:
        """Return a line on each file, by name: what it is."""
        lines = {
            samples.file.name: f"NSx {samples.header.specification}, {len(samples.header.channels)} channels at "
            f"{samples.rate_hz:g} Hz, {len(samples.segments)} block(s), "
            f"{sum(segment.n_samples for segment in samples.segments) / samples.rate_hz:.1f} s"
            for samples in self.samples
        }
        if self.files.nev is None or self.events is None:
            return lines
        nev = (
            f"NEV, {self.n_spikes} spikes, {len(self.events.codes)} words, "
            f"{self.events.n_out_of_order} packets out of order"
        )
        return {self.files.nev.name: nev, **lines}

    def spikes(self) -> Iterator[Spikes]:
        """Read the spikes of the .nev in parts that follow one another, in bounded memory."""
        for ordered in self.survey.in_order() if self.survey else ():
            own = is_spike(ordered.packets)
            if not self.noise:
                own &= ~is_noise(ordered.packets)
            found, contact = ordered.packets.tick[own], ordered.packets.kind[own]
            tick, electrode, _ = in_order_of_electrode(found, contact, np.zeros(len(found), np.uint8))
            yield Spikes(
                np.full(len(tick), self.first_clock_segment + ordered.clock_segment, np.uint16), tick, electrode
            )

    def spike_gaps(self) -> tuple[SpikeGap, ...]:
        """Return from when to when spikes of the .nev are lost, in the device's clock segments."""
        return tuple(
            replace(gap, clock_segment=self.first_clock_segment + gap.clock_segment)
            for gap in (self.survey.gaps() if self.survey else ())
        )

    def voltages(self) -> Iterator[Voltage]:
        """Return the files with raw voltage, the fastest first."""
        seen: set[int] = set()
        for samples in sorted(self.samples, key=lambda one: -one.rate_hz):
            contacts = [channel.channel_id for channel in samples.channels if channel.is_electrode]
            own = [contact for contact in contacts if contact not in seen]
            if own and samples.rate_hz >= _RAW_HZ:
                chosen = _columns(samples, own)
                yield Voltage(chosen, self.clock_segment_of(samples), *chosen.uv)
            seen.update(own)

    def mean_waveforms(self) -> tuple[MeanWaveform, ...]:
        """Return the mean waveform of each electrode's spikes, by a sample of the .nev."""
        if self.files.nev is None or self.header is None:
            return ()
        return sample_mean_waveforms(self.files.nev, self.header)

    def clock_segment_of(self, samples: NsxSamples) -> dict[int, int]:
        """Return the device's clock segment by a file's own."""
        if samples.file == self.samples[0].file:
            return {one.clock_segment: self.first_clock_segment + one.clock_segment for one in samples.segments}
        fastest = self.samples[0].file.name
        own = map_clock_segments(samples.segments, self.own_segments, place=str(samples.file), fastest=fastest)
        return {clock_segment: self.first_clock_segment + to for clock_segment, to in own.items()}


def read_part(
    recording: RecordingFiles,
    first_clock_segment: int,
    *,
    bridge_ms: float,
    spikes: bool,
    noise: bool = False,
    progress: ProgressCallback | None,
) -> RecordingPart:
    """Read a recording's files onto the clock segments of the fastest NSx.

    Parameters
    ----------
    recording
        The files.
    first_clock_segment
        The device's number of the recording's first clock segment.
    bridge_ms, spikes, noise, progress
        As in `device.read_device`.
    """
    opened = [open_samples(file, bridge_ms=bridge_ms) for file in recording.nsx]
    passed_over = tuple(one.file for one in opened if not one.segments)
    samples = sorted((one for one in opened if one.segments), key=_rate, reverse=True)  # of equals the .ns6
    clock_segments = samples[0].segments if samples else None
    header = read_nev_header(recording.nev) if recording.nev else None
    events = (
        read_nev(recording.nev, spikes=False, noise=noise, clock_segments=clock_segments, progress=progress)
        if recording.nev
        else None
    )
    _check_starts(recording, header, samples)
    survey = survey_nev(recording.nev, clock_segments=clock_segments) if recording.nev and spikes else None
    part = RecordingPart(recording, first_clock_segment, header, events, survey, tuple(samples), noise, passed_over)
    for other in samples:
        part.clock_segment_of(other)
    return part


def _check_starts(recording: RecordingFiles, header: NevHeader | None, samples: Sequence[NsxSamples]) -> None:
    """Refuse a file of another day under the stem of these; a file whose recorder had no date says nothing."""
    starts = {one.file: one.header.start for one in samples}
    if header is not None and recording.nev is not None:
        starts = {recording.nev: header.start, **starts}
    known = [(file, start) for file, start in starts.items() if start is not None]
    for file, start in known[1:]:
        if abs((start - known[0][1]).total_seconds()) > _ONE_START_S:
            raise RecordingError(
                f"{file}: expected a recording started at {known[0][1]:%Y-%m-%d %H:%M} UTC as {known[0][0].name} says, "
                f"found {start:%Y-%m-%d %H:%M}. Bring the files of one recording."
            )


def _rate(samples: NsxSamples) -> float:
    return samples.rate_hz


def _columns(samples: NsxSamples, channel_ids: Sequence[int]) -> NsxSamples:
    """Keep some channels of a file that is open already."""
    places = find_channels(samples.channels, channel_ids=channel_ids, kind="electrode", file=samples.file)
    return replace(
        samples,
        channels=tuple(samples.channels[place] for place in places),
        columns=tuple(samples.columns[place] for place in places),
    )
