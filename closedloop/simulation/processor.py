"""One processor of the simulated recorder: what reaches it, written as its .nev and .ns6 files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.writer import NevBatch, write_nev
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.layout import NSX_LAYOUTS
from closedloop.blackrock.nsx.writer import WrittenChunk, write_nsx
from closedloop.execution.progress import ProgressCallback
from closedloop.simulation.mark import SIMULATED_APPLICATION
from closedloop.simulation.timeline import SAMPLE_HZ, Timeline, TimelineSegment
from closedloop.simulation.voltage import Waveforms, analog_channel, photodiode_channel, snippets, voltage_chunks

_BATCH_SAMPLES = 20 * SAMPLE_HZ
_OTHER_INPUT = "ainp1"  # what a processor without the photodiode has on its analog input: nothing but noise

Integers = NDArray[np.int64]
_MARGIN = 100  # samples around a segment in which a spike's waveform may begin or end


@dataclass(frozen=True)
class ProcessorInput:
    """Everything that reaches a processor, by the sample at which it does, each in order of time.

    Attributes
    ----------
    spike_sample, spike_electrode
        Spikes and this processor's numbers of their electrodes, from 1.
    code_sample, code_value
        Digital codes.
    patch_on, patch_off
        When the photodiode patch went bright and dark; empty where the diode is on another processor.
    n_samples
        How long the recorder ran.
    """

    spike_sample: Integers
    spike_electrode: Integers
    code_sample: Integers
    code_value: Integers
    patch_on: Integers
    patch_off: Integers
    n_samples: int

    def within(self, first: int, end: int) -> ProcessorInput:
        """Return what comes in samples first to end (exclusive), counted from `first`; all of the patch stays."""
        spikes, codes = (slice(*np.searchsorted(row, [first, end])) for row in (self.spike_sample, self.code_sample))
        return ProcessorInput(
            spike_sample=self.spike_sample[spikes] - first,
            spike_electrode=self.spike_electrode[spikes],
            code_sample=self.code_sample[codes] - first,
            code_value=self.code_value[codes],
            patch_on=self.patch_on - first,
            patch_off=self.patch_off - first,
            n_samples=end - first,
        )


@dataclass(frozen=True)
class Processor:
    """A processor as it is set up.

    Attributes
    ----------
    number
        From 1; its files are named by it.
    electrode_ids, raw_electrodes
        Its own numbers of its electrodes, and of those whose voltage is written.
    waveforms
        Of their spikes, a row an electrode.
    has_photodiode
        Whether the diode is on its analog input.
    timeline
        What its clock reads.
    seed
        Of its noise.
    """

    number: int
    electrode_ids: tuple[int, ...]
    raw_electrodes: tuple[int, ...]
    waveforms: Waveforms
    has_photodiode: bool
    timeline: Timeline
    seed: int

    @property
    def name(self) -> str:
        """Stem of its files."""
        return f"array{self.number}"


@dataclass(frozen=True)
class FileFormat:
    """How the files are written: version of the specification, spike width, date and texts."""

    specification: str
    waveform_samples: int
    start: datetime
    session_id: str

    @property
    def comment(self) -> str:
        """The headers' comment."""
        return f"{SIMULATED_APPLICATION}; session {self.session_id}"


def write_processor(
    folder: Path, processor: Processor, received: ProcessorInput, form: FileFormat, *, progress: ProgressCallback
) -> None:
    """Write a processor's .nev and .ns6.

    Parameters
    ----------
    folder
        Where the files go.
    processor
        As it is set up.
    received
        What reaches it.
    form
        How the files are written.
    progress
        Called with (done, total) samples as the files grow.
    """
    total = 2 * received.n_samples
    write_nev(
        folder / f"{processor.name}.nev",
        [NevElectrode(electrode, f"elec{electrode}") for electrode in processor.electrode_ids],
        specification=form.specification,
        batches=_batches(processor, received, form, lambda done: progress(done, total)),
        start=form.start,
        waveform_samples=form.waveform_samples,
        in_order=False,
        application=SIMULATED_APPLICATION,
        comment=form.comment,
    )
    write_nsx(
        folder / f"{processor.name}.ns6",
        [*(NsxChannel(electrode, f"elec{electrode}") for electrode in processor.raw_electrodes), _analog(processor)],
        rate_hz=SAMPLE_HZ,
        specification=form.specification,
        chunks=_chunks(processor, received, form, lambda done: progress(received.n_samples + done, total)),
        start=form.start,
        label="raw" if processor.raw_electrodes else "analog",
        comment=form.comment,
    )


def _analog(processor: Processor) -> NsxChannel:
    return photodiode_channel() if processor.has_photodiode else analog_channel(_OTHER_INPUT)


def _batches(
    processor: Processor, received: ProcessorInput, form: FileFormat, progress: Callable[[int], None]
) -> Iterator[NevBatch]:
    """Yield packets of 20 s each; a segment begins a new batch."""
    starts = [
        (segment, start)
        for segment in processor.timeline.segments
        for start in range(segment.first_sample, segment.end_sample, _BATCH_SAMPLES)
    ]
    for number, (segment, start) in enumerate(starts):
        stop = min(start + _BATCH_SAMPLES, segment.end_sample)
        random = np.random.default_rng([processor.seed, number, *b"snippets"])
        batch = _batch(received.within(start, stop), segment, start)
        waveform = snippets(processor.waveforms, batch.spike_electrode, n_samples=form.waveform_samples, random=random)
        opening = number == 0
        yield replace(
            batch,
            spike_waveform=waveform,
            comment_tick=np.full(int(opening), segment.first_tick),
            comment_text=(form.session_id,) if opening else (),
        )
        progress(stop)


def _batch(received: ProcessorInput, segment: TimelineSegment, start: int) -> NevBatch:
    return NevBatch(
        spike_tick=segment.ticks(received.spike_sample + start),
        spike_electrode=received.spike_electrode,
        code_tick=segment.ticks(received.code_sample + start),
        code_value=received.code_value,
    )


def _chunks(
    processor: Processor, received: ProcessorInput, form: FileFormat, progress: Callable[[int], None]
) -> Iterator[WrittenChunk]:
    for number, segment in enumerate(processor.timeline.segments):
        own = received.within(segment.first_sample - _MARGIN, segment.end_sample + _MARGIN)
        chunks = voltage_chunks(
            patch_on=own.patch_on - _MARGIN,
            patch_off=own.patch_off - _MARGIN,
            spike_tick=own.spike_sample - _MARGIN,
            spike_electrode=own.spike_electrode,
            raw_electrodes=processor.raw_electrodes,
            waveforms=processor.waveforms,
            n_ticks=segment.n_samples,
            seed=processor.seed + number,
        )
        for start, samples in chunks:
            first = segment.first_sample + start
            yield _times(segment, first, len(samples), each=NSX_LAYOUTS[form.specification].one_sample_a_block), samples
            progress(first + len(samples))


def _times(segment: TimelineSegment, first: int, n_samples: int, *, each: bool) -> int | Integers:
    """Read the clock at a chunk's first sample or, where every sample has a time stamp, at each."""
    return segment.ticks(np.arange(first, first + n_samples)) if each else int(segment.ticks(np.array(first)))
