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
from closedloop.simulation.timeline import SAMPLE_HZ, Span, Timeline
from closedloop.simulation.voltage import Units, analog_channel, photodiode_channel, snippets, voltage_chunks

SIMULATED_APPLICATION = "closedloop simulated array"
_BATCH_SAMPLES = 20 * SAMPLE_HZ
_OTHER_INPUT = "ainp1"  # what a processor without the photodiode has on its analog input: nothing but noise

Integers = NDArray[np.int64]
_MARGIN = 100  # samples around a span in which a spike's waveform may begin or end


@dataclass(frozen=True)
class Heard:
    """Everything that reaches a processor, by the sample at which it does, each in order of time.

    Attributes
    ----------
    spike_sample, spike_electrode
        Spikes and this processor's numbers of their electrodes, from 1.
    word_sample, word_value
        Digital words.
    light_on, light_off
        The photodiode's light; empty where the diode is on another processor.
    n_samples
        How long the recorder ran.
    """

    spike_sample: Integers
    spike_electrode: Integers
    word_sample: Integers
    word_value: Integers
    light_on: Integers
    light_off: Integers
    n_samples: int

    def within(self, first: int, end: int) -> Heard:
        """Keep what happens in samples first to end (exclusive) of the counter, counted from `first`; light stays."""
        spikes, words = (slice(*np.searchsorted(row, [first, end])) for row in (self.spike_sample, self.word_sample))
        return Heard(
            spike_sample=self.spike_sample[spikes] - first,
            spike_electrode=self.spike_electrode[spikes],
            word_sample=self.word_sample[words] - first,
            word_value=self.word_value[words],
            light_on=self.light_on - first,
            light_off=self.light_off - first,
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
    units
        Their waveforms, a row an electrode.
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
    units: Units
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
    folder: Path, processor: Processor, heard: Heard, form: FileFormat, *, progress: Callable[[int, int], None]
) -> None:
    """Write a processor's .nev and .ns6.

    Parameters
    ----------
    folder
        Where the files go.
    progress
        Called with (done, total) samples as the files grow.
    """
    total = 2 * heard.n_samples
    write_nev(
        folder / f"{processor.name}.nev",
        [NevElectrode(electrode, f"elec{electrode}") for electrode in processor.electrode_ids],
        specification=form.specification,
        batches=_batches(processor, heard, form, lambda done: progress(done, total)),
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
        chunks=_chunks(processor, heard, form, lambda done: progress(heard.n_samples + done, total)),
        start=form.start,
        label="raw" if processor.raw_electrodes else "analog",
        comment=form.comment,
    )


def _analog(processor: Processor) -> NsxChannel:
    return photodiode_channel() if processor.has_photodiode else analog_channel(_OTHER_INPUT)


def _batches(
    processor: Processor, heard: Heard, form: FileFormat, progress: Callable[[int], None]
) -> Iterator[NevBatch]:
    """Packets of 20 s each; a span begins a new batch."""
    starts = [
        (span, start)
        for span in processor.timeline.spans
        for start in range(span.first_sample, span.end_sample, _BATCH_SAMPLES)
    ]
    for number, (span, start) in enumerate(starts):
        stop = min(start + _BATCH_SAMPLES, span.end_sample)
        random = np.random.default_rng([processor.seed, number, *b"snippets"])
        batch = _batch(heard.within(start, stop), span, start)
        waveform = snippets(processor.units, batch.spike_electrode, n_samples=form.waveform_samples, random=random)
        opening = number == 0
        yield replace(
            batch,
            spike_waveform=waveform,
            comment_tick=np.full(int(opening), span.first_tick),
            comment_text=(form.session_id,) if opening else (),
        )
        progress(stop)


def _batch(heard: Heard, span: Span, start: int) -> NevBatch:
    return NevBatch(
        spike_tick=span.ticks(heard.spike_sample + start),
        spike_electrode=heard.spike_electrode,
        code_tick=span.ticks(heard.word_sample + start),
        code_value=heard.word_value,
    )


def _chunks(
    processor: Processor, heard: Heard, form: FileFormat, progress: Callable[[int], None]
) -> Iterator[WrittenChunk]:
    for number, span in enumerate(processor.timeline.spans):
        own = heard.within(span.first_sample - _MARGIN, span.end_sample + _MARGIN)
        chunks = voltage_chunks(
            light_on=own.light_on - _MARGIN,
            light_off=own.light_off - _MARGIN,
            spike_tick=own.spike_sample - _MARGIN,
            spike_electrode=own.spike_electrode,
            raw_electrodes=processor.raw_electrodes,
            units=processor.units,
            n_ticks=span.n_samples,
            seed=processor.seed + number,
        )
        for start, samples in chunks:
            first = span.first_sample + start
            yield _times(span, first, len(samples), each=NSX_LAYOUTS[form.specification].one_sample_a_block), samples
            progress(first + len(samples))


def _times(span: Span, first: int, n_samples: int, *, each: bool) -> int | Integers:
    """Read the clock at a chunk's first sample or, where every sample has a time stamp, at each."""
    return span.ticks(np.arange(first, first + n_samples)) if each else int(span.ticks(np.array(first)))
