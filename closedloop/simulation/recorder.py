"""The simulated recorder: one or two processors (NSPs), with electrodes, clock, line for digital codes, and faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.journal_rows import JournalRow
from closedloop.artifacts.naming import derive_seed, generator
from closedloop.blackrock.nsx.layout import NSX_LAYOUTS
from closedloop.execution.progress import ProgressCallback
from closedloop.simulation.events import PatchTimes, RecorderClock, send_codes
from closedloop.simulation.processor import FileFormat, Processor, ProcessorInput, write_processor
from closedloop.simulation.recorder_faults import RecorderFault, spoil_files, timeline_with
from closedloop.simulation.spikes import SpikeTrains
from closedloop.simulation.voltage import Waveforms

_LEAD_S = (2.0, 8.0)  # the recorder is started that long before the rig


@dataclass(frozen=True)
class SessionEvents:
    """What there was to record in a session, in seconds of the rig's clock.

    Attributes
    ----------
    rows
        The journal's.
    spikes
        By electrode, numbered over all processors.
    patch
        When the photodiode patch was bright.
    end_s
        When the session ended.
    """

    rows: Sequence[JournalRow]
    spikes: SpikeTrains
    patch: PatchTimes
    end_s: float


@dataclass(frozen=True)
class Line:
    """The cable for digital codes: each code's probability to be lost, doubled, or changed in one of `n_bits`."""

    lost: float = 0.0
    doubled: float = 0.0
    flipped: float = 0.0
    n_bits: int = 8


@dataclass(frozen=True)
class Fault:
    """A fault and the processors that have it."""

    name: RecorderFault
    processors: tuple[int, ...]


@dataclass(frozen=True)
class RecorderSetup:
    """A recorder as it is set up for a day.

    Attributes
    ----------
    n_electrodes, n_processors
        Number of electrodes in total; the first processor has the first of them, and the photodiode.
    raw_electrodes
        Whose voltage is written, numbered over all processors from 1.
    clock_drift_ppm
        Of the first processor; the second one's runs off by as much to the other side, unless PTP keeps them together.
    waveforms
        Of the spikes, a row an electrode.
    seed
        Of the day's noise.
    """

    n_electrodes: int
    n_processors: int
    raw_electrodes: tuple[int, ...]
    clock_drift_ppm: float
    line: Line
    waveforms: Waveforms
    form: FileFormat
    seed: int
    faults: tuple[Fault, ...] = ()

    @property
    def numbers(self) -> range:
        """Numbers of the processors, from 1."""
        return range(1, self.n_processors + 1)

    @property
    def electrodes_each(self) -> int:
        """Electrodes of a processor; the last one may have fewer."""
        return electrodes_each(self.n_electrodes, self.n_processors)

    def own(self, number: int) -> range:
        """Return a processor's electrodes, numbered over all."""
        first = (number - 1) * self.electrodes_each
        return range(first + 1, min(first + self.electrodes_each, self.n_electrodes) + 1)

    def seed_of(self, number: int) -> int:
        """Return the seed of a processor's noise."""
        return self.seed if number == 1 else derive_seed(self.seed, "processor", number)

    def clock(self, number: int) -> RecorderClock:
        """Return a processor's counter of samples against the rig's clock: one for all where that is PTP's."""
        if number == 1 or NSX_LAYOUTS[self.form.specification].one_sample_a_block:
            random = np.random.default_rng([self.seed, *b"clock"])
            return RecorderClock(random.uniform(*_LEAD_S), self.clock_drift_ppm)
        lead_s = generator(self.seed, "clock", number).uniform(*_LEAD_S)
        return RecorderClock(lead_s, self.clock_drift_ppm * (-1) ** (number - 1))

    @property
    def longest_lead_s(self) -> float:
        """How long before the rig's zero the first processor was started."""
        return max(self.clock(number).lead_s for number in self.numbers)

    def faults_of(self, number: int) -> tuple[RecorderFault, ...]:
        """Return the faults of a processor."""
        return tuple(fault.name for fault in self.faults if number in fault.processors)

    def processor(self, number: int, *, n_samples: int) -> Processor:
        """Return a processor as it is set up for a recording of a length."""
        own = self.own(number)
        first = own.start - 1
        return Processor(
            number=number,
            electrode_ids=tuple(electrode - first for electrode in own),
            raw_electrodes=tuple(electrode - first for electrode in self.raw_electrodes if electrode in own),
            waveforms=Waveforms(self.waveforms.waveform_bits[first : own.stop - 1]),
            has_photodiode=number == 1,
            timeline=timeline_with(self.faults_of(number), n_samples, specification=self.form.specification),
            seed=self.seed_of(number),
        )

    def n_samples(self, number: int, events: SessionEvents) -> int:
        """Count a processor's samples from its start to the day's end."""
        return int(self.clock(number).ticks(np.array([events.end_s]))[0])


def electrodes_each(n_electrodes: int, n_processors: int) -> int:
    """Return how many electrodes each processor has; the last one may have fewer."""
    return -(-n_electrodes // n_processors)


def write_recording(
    folder: Path, recorder: RecorderSetup, events: SessionEvents, *, progress: ProgressCallback
) -> None:
    """Write array1.nev, array1.ns6 and, of a second processor, array2.nev and array2.ns6.

    Parameters
    ----------
    folder
        Where the files go.
    recorder
        As it is set up.
    events
        What there was to record.
    progress
        Called with (done, total) samples as the files grow.
    """
    received = {number: processor_input(recorder, number, events) for number in recorder.numbers}
    total = sum(2 * one.n_samples for one in received.values())
    before = 0
    for number, one in received.items():
        processor = recorder.processor(number, n_samples=one.n_samples)
        write_processor(
            folder, processor, one, recorder.form, progress=_shift_progress(progress, before=before, total=total)
        )
        spoil_files(folder / processor.name, recorder.faults_of(number))
        before += 2 * one.n_samples


def _shift_progress(progress: ProgressCallback, *, before: int, total: int) -> ProgressCallback:
    return lambda done, _own: progress(before + done, total)


def processor_input(recorder: RecorderSetup, number: int, events: SessionEvents) -> ProcessorInput:
    """Return what reaches one processor.

    Parameters
    ----------
    recorder
        As it is set up.
    number
        Which processor, from 1.
    events
        What there was to record.
    """
    clock, own, line, seed = recorder.clock(number), recorder.own(number), recorder.line, recorder.seed_of(number)
    n_samples = recorder.n_samples(number, events)
    codes = send_codes(
        events.rows, lost=line.lost, doubled=line.doubled, flipped=line.flipped, n_bits=line.n_bits, seed=seed
    )
    sample, electrode = clock.ticks(events.spikes.time_s), events.spikes.electrode_id
    kept = (sample >= 0) & (sample < n_samples) & (electrode >= own.start) & (electrode < own.stop)
    patch = events.patch if number == 1 else PatchTimes(np.zeros(0), np.zeros(0))
    return ProcessorInput(
        spike_sample=sample[kept],
        spike_electrode=electrode[kept] - own.start + 1,
        code_sample=clock.ticks(codes.time_s),
        code_value=codes.value,
        patch_on=clock.ticks(patch.on_s),
        patch_off=clock.ticks(patch.off_s),
        n_samples=n_samples,
    )


def locate(
    recorder: RecorderSetup, number: int, events: SessionEvents, time_s: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the clock segment and tick at which a processor recorded moments of the rig's clock; -1 where it did not.

    Parameters
    ----------
    recorder
        As it is set up.
    number
        Which processor, from 1.
    events
        What there was to record; decides how long the recording is.
    time_s
        Moments, seconds of the rig's clock, (n,).
    """
    timeline = recorder.processor(number, n_samples=recorder.n_samples(number, events)).timeline
    return timeline.locate(recorder.clock(number).ticks(time_s))
