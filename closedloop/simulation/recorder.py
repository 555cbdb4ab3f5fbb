"""The simulated recorder: one or two processors (NSPs), each with electrodes, clock, line for words, and faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.journal import JournalRow
from closedloop.artifacts.naming import derive_seed, generator
from closedloop.simulation.events import Light, RecorderClock, send_words
from closedloop.simulation.processor import FileFormat, Heard, Processor, write_processor
from closedloop.simulation.recorder_faults import RecorderFault, spoil_files, timeline_with
from closedloop.simulation.spikes import SpikeTrains
from closedloop.simulation.voltage import Units

_LEAD_S = (2.0, 8.0)  # the recorder is started that long before the rig


@dataclass(frozen=True)
class Happened:
    """What there was to record, in the rig's seconds: the journal's rows, spikes by electrode, light, when it ended."""

    rows: Sequence[JournalRow]
    spikes: SpikeTrains
    light: Light
    end_s: float


@dataclass(frozen=True)
class Line:
    """The cable that carries the words: probabilities of each to be lost, doubled, or changed in one of `n_bits`."""

    lost: float = 0.0
    doubled: float = 0.0
    flipped: float = 0.0
    n_bits: int = 8


@dataclass(frozen=True)
class Fault:
    """A fault and the processors it befalls."""

    name: RecorderFault
    processors: tuple[int, ...]


@dataclass(frozen=True)
class Recorder:
    """A recorder as it is set up for a day.

    Attributes
    ----------
    n_electrodes, n_processors
        Electrodes in all; the first processor has the first of them, and the photodiode.
    raw_electrodes
        Whose voltage is written, numbered over all processors from 1.
    clock_drift_ppm
        Of the first processor; the second one's runs off by as much to the other side.
    units
        Waveforms, a row an electrode.
    seed
        Of the day's noise.
    """

    n_electrodes: int
    n_processors: int
    raw_electrodes: tuple[int, ...]
    clock_drift_ppm: float
    line: Line
    units: Units
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
        """Electrodes of a processor, numbered over all."""
        first = (number - 1) * self.electrodes_each
        return range(first + 1, min(first + self.electrodes_each, self.n_electrodes) + 1)

    def seed_of(self, number: int) -> int:
        """Seed of a processor's noise."""
        return self.seed if number == 1 else derive_seed(self.seed, "processor", number)

    def clock(self, number: int) -> RecorderClock:
        """Counter of a processor's samples against the rig's clock."""
        if number == 1:
            random = np.random.default_rng([self.seed, *b"clock"])
            return RecorderClock(random.uniform(*_LEAD_S), self.clock_drift_ppm)
        lead_s = generator(self.seed, "clock", number).uniform(*_LEAD_S)
        return RecorderClock(lead_s, self.clock_drift_ppm * (-1) ** (number - 1))

    @property
    def longest_lead_s(self) -> float:
        """How long before the rig's zero the first processor was started."""
        return max(self.clock(number).lead_s for number in self.numbers)

    def faults_of(self, number: int) -> tuple[RecorderFault, ...]:
        """Faults of a processor."""
        return tuple(fault.name for fault in self.faults if number in fault.processors)

    def processor(self, number: int, *, n_samples: int) -> Processor:
        """Set a processor up for a recording of that length."""
        own = self.own(number)
        first = own.start - 1
        return Processor(
            number=number,
            electrode_ids=tuple(electrode - first for electrode in own),
            raw_electrodes=tuple(electrode - first for electrode in self.raw_electrodes if electrode in own),
            units=Units(self.units.waveform_bits[first : own.stop - 1]),
            has_photodiode=number == 1,
            timeline=timeline_with(self.faults_of(number), n_samples, specification=self.form.specification),
            seed=self.seed_of(number),
        )

    def n_samples(self, number: int, happened: Happened) -> int:
        """Count a processor's samples from its start to the day's end."""
        return int(self.clock(number).ticks(np.array([happened.end_s]))[0])


def electrodes_each(n_electrodes: int, n_processors: int) -> int:
    """Share the electrodes out over the processors: how many the first ones have."""
    return -(-n_electrodes // n_processors)


def write_recording(
    folder: Path, recorder: Recorder, happened: Happened, *, progress: Callable[[int, int], None]
) -> None:
    """Write array1.nev, array1.ns6 and, of a second processor, array2.nev and array2.ns6.

    Parameters
    ----------
    folder
        Where the files go.
    progress
        Called with (done, total) samples as the files grow.
    """
    heard = {number: hear(recorder, number, happened) for number in recorder.numbers}
    total = sum(2 * one.n_samples for one in heard.values())
    before = 0
    for number, one in heard.items():
        processor = recorder.processor(number, n_samples=one.n_samples)
        write_processor(folder, processor, one, recorder.form, progress=_moved(progress, before=before, total=total))
        spoil_files(folder / processor.name, recorder.faults_of(number))
        before += 2 * one.n_samples


def _moved(progress: Callable[[int, int], None], *, before: int, total: int) -> Callable[[int, int], None]:
    return lambda done, _own: progress(before + done, total)


def hear(recorder: Recorder, number: int, happened: Happened) -> Heard:
    """Tell what reaches one processor."""
    clock, own, line, seed = recorder.clock(number), recorder.own(number), recorder.line, recorder.seed_of(number)
    n_samples = recorder.n_samples(number, happened)
    words = send_words(
        happened.rows, lost=line.lost, doubled=line.doubled, flipped=line.flipped, n_bits=line.n_bits, seed=seed
    )
    sample, electrode = clock.ticks(happened.spikes.time_s), happened.spikes.electrode_id
    kept = (sample >= 0) & (sample < n_samples) & (electrode >= own.start) & (electrode < own.stop)
    light = happened.light if number == 1 else Light(np.zeros(0), np.zeros(0))
    return Heard(
        spike_sample=sample[kept],
        spike_electrode=electrode[kept] - own.start + 1,
        word_sample=clock.ticks(words.time_s),
        word_value=words.value,
        light_on=clock.ticks(light.on_s),
        light_off=clock.ticks(light.off_s),
        n_samples=n_samples,
    )


def located(
    recorder: Recorder, number: int, happened: Happened, time_s: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Say at which epoch and tick a processor recorded moments of the rig's clock; -1 where it did not."""
    timeline = recorder.processor(number, n_samples=recorder.n_samples(number, happened)).timeline
    return timeline.locate(recorder.clock(number).ticks(time_s))
