"""The port between a recorder's files, whoever made the recorder, and those who work on a device's recording.

`part` implements it for Blackrock's files. Ingest, detection and alignment know no more of a recording than this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.gaps import SpikeGap
from closedloop.recording.segments import Segment
from closedloop.recording.source import SampleSource
from closedloop.recording.spikes import Spikes
from closedloop.recording.waveform_means import MeanWaveform
from closedloop.storage import FilePart


class RecordedSamples(SampleSource, Protocol):
    """Samples of electrodes in a file."""

    @property
    def file(self) -> Path:
        """Where they are."""

    @property
    def electrode_ids(self) -> tuple[int, ...]:
        """The recorder's numbers of the columns."""

    def fingerprint(self) -> tuple[str, ...]:
        """Return what must be the same for the samples to be the same: the file as it is now, and its columns."""

    def file_parts(self, segment: int, start: int, stop: int) -> tuple[FilePart | Path, ...]:
        """Return what `read` reads for samples start to stop (exclusive) of one segment: parts, files or folders.

        Parameters
        ----------
        segment
            Which segment, from 0.
        start, stop
            Samples of it, from 0.
        """


@dataclass(frozen=True)
class Voltage:
    """The electrodes' samples in one file; `clock_segment_of` gives the device's clock segment by the file's own.

    A bit of what `samples` reads is `uv_per_bit`, bit zero `uv_at_zero`, by column.
    """

    samples: RecordedSamples
    clock_segment_of: dict[int, int]
    uv_per_bit: tuple[float, ...]
    uv_at_zero: tuple[float, ...]

    @property
    def electrode_ids(self) -> tuple[int, ...]:
        """The recorder's numbers of the columns."""
        return self.samples.electrode_ids

    def device_clock_segment(self, clock_segment: NDArray[np.integer]) -> NDArray[np.uint16]:
        """Return the device's clock segments of the file's own, any shape."""
        table = np.array([self.clock_segment_of[own] for own in sorted(self.clock_segment_of)], np.uint16)
        return np.asarray(table[clock_segment])


class DevicePart(Protocol):
    """One recording of a device: what was written between one start and one stop."""

    @property
    def first_clock_segment(self) -> int:
        """The device's number of its first clock segment."""

    @property
    def own_segments(self) -> Sequence[Segment]:
        """Uninterrupted periods of recording, in order, in its own clock segments."""

    @property
    def place(self) -> Path:
        """What messages call it."""

    @property
    def started(self) -> datetime | None:
        """Return when it began, as its files say; None where they do not, or not in which zone."""

    @property
    def lacks(self) -> str | None:
        """Say what a day's recording needs and this one has not, and what to do, in a line; None where it is whole."""

    @property
    def made_by(self) -> str | None:
        """Return the program that wrote it, as the file says; None where it does not."""

    @property
    def spike_electrodes(self) -> tuple[int, ...]:
        """Numbers of the electrodes on which the recorder itself looked for spikes."""

    @property
    def spikes_are(self) -> str:
        """Say what the recorder's own spikes are."""

    def spikes(self) -> Iterator[Spikes]:
        """Read the recorder's spikes in parts that follow one another, in bounded memory."""

    def spike_gaps(self) -> tuple[SpikeGap, ...]:
        """Return from when to when the file lost spikes of the recorder, in the device's clock segments."""

    def voltages(self) -> Iterator[Voltage]:
        """Return the files with raw voltage, the fastest first."""

    def mean_waveforms(self) -> tuple[MeanWaveform, ...]:
        """Return the mean waveform of each electrode's spikes, by a sample of them; none where they are not stored."""

    def file_lines(self) -> dict[str, str]:
        """Return a line on each file, by name: what it is."""
