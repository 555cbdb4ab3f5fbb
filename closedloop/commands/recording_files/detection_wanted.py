"""What `closedloop recording detect` is asked for: a definition, perhaps changed, some electrodes, some seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.commands.recording_files.contents import refuse_without_samples
from closedloop.commands.recording_files.options import ChannelChoice, TimeRange
from closedloop.detection.crossings import pieces_of
from closedloop.detection.definitions import DEFINITIONS, Definition, NotchChoice, definition_by_name, with_settings
from closedloop.detection.filter_design import check_fits, design
from closedloop.devices.joined import join_samples
from closedloop.devices.port import RecordedSamples
from closedloop.errors import OptionError, RecordingError
from closedloop.plain_text.suggestions import one_of
from closedloop.recording.sample_ranges import SampleRange, samples_between
from closedloop.recording.segments import BRIDGE_MS
from closedloop.recording.spikes import Spikes

_NOTCHES: dict[str, NotchChoice] = {"50": 50, "60": 60, "none": "none"}


@dataclass(frozen=True)
class WantedSpikes:
    """By which definition, on which electrodes, in which seconds spikes are wanted; which holes end no segment."""

    definition: Definition
    channels: ChannelChoice = field(default_factory=ChannelChoice)
    time: TimeRange = field(default_factory=TimeRange)
    bridge_ms: float = BRIDGE_MS


def parse_definition(
    name: str,
    *,
    threshold: float | None = None,
    band_hz: tuple[float, float] | None = None,
    notch: str | None = None,
) -> Definition:
    """Read ``--definition``, ``--threshold``, ``--band`` and ``--notch``.

    Parameters
    ----------
    name
        Of a row of `DEFINITIONS`.
    threshold, band_hz, notch
        What is changed of it; None leaves it.

    Raises
    ------
    OptionError
        One of them is none.
    """
    if notch is not None and notch not in _NOTCHES:
        raise OptionError(f"--notch {notch}: expected {', '.join(_NOTCHES)}. Choose one of them.")
    definition = definition_by_name(one_of(DEFINITIONS, name, option="--definition"))
    try:
        return with_settings(
            definition,
            multiple=threshold,
            band_hz=band_hz,
            notch="defined" if notch is None else _NOTCHES[notch],
        )
    except RecordingError as error:  # of numbers alone: no file was looked at yet
        raise OptionError(f"--{error}") from error


@dataclass(frozen=True)
class OpenedRecording:
    """The electrodes of one or several files, and the part of them that is wanted.

    Attributes
    ----------
    files
        As they were opened, in order.
    samples
        All of them as one.
    pieces
        Which pieces of it are looked at.
    ranges
        The wanted samples, segment by segment.
    ticks
        The wanted ticks, by clock segment; None for all.
    """

    files: tuple[NsxSamples, ...]
    samples: RecordedSamples
    pieces: range
    ranges: tuple[SampleRange, ...]
    ticks: Mapping[int, range] | None

    @property
    def seconds(self) -> float:
        """How much of the recording is wanted."""
        return sum(part.n_samples for part in self.ranges) / self.samples.rate_hz

    @property
    def repairs(self) -> tuple[str, ...]:
        """What was repaired in the files, a sentence each."""
        several = len(self.files) > 1
        return tuple(
            f"{one.file.name}: {sentence}" if several else sentence
            for one in self.files
            for sentence in one.header.repairs
        )

    def in_time(self, spikes: Spikes) -> Spikes:
        """Keep the spikes in the wanted seconds."""
        if self.ticks is None:
            return spikes
        kept = np.zeros(len(spikes), bool)
        for clock_segment, ticks in self.ticks.items():
            own = spikes.clock_segment == clock_segment
            kept |= own & (spikes.tick >= ticks.start) & (spikes.tick < ticks.stop)
        return Spikes(spikes.clock_segment[kept], spikes.tick[kept], spikes.electrode_id[kept])


def open_wanted(files: Sequence[Path], wanted: WantedSpikes) -> OpenedRecording:
    """Open the files in which spikes are wanted.

    Parameters
    ----------
    files
        Raw voltage of one recording, in order of time.
    wanted
        What is looked for in them.

    Raises
    ------
    RecordingError
        A file cannot be read, has no electrode or too low a rate, or they are not parts of one recording.
    """
    opened = tuple(_electrodes(file, wanted) for file in files)
    for one in opened:
        refuse_without_samples(one.file, one.segments)
    for before, after in pairwise(opened):
        if before.header.start and after.header.start and after.header.start < before.header.start:
            raise RecordingError(
                f"{after.file}: expected a later start than {before.file.name} has ({before.header.start}), found "
                f"{after.header.start}. Give the files in order of time."
            )
    samples = join_samples(opened)
    if wanted.time.is_all:
        whole = tuple(SampleRange(place, 0, one.n_samples) for place, one in enumerate(samples.segments))
        return OpenedRecording(opened, samples, range(len(pieces_of(samples, wanted.definition))), whole, None)
    ticks = wanted.time.ticks(samples.segments, samples.tick_hz, file=opened[0].file)
    ranges = samples_between(samples, ticks)
    if not ranges:
        raise RecordingError(
            f"{opened[0].file}: expected samples within --time {wanted.time.text}, found a pause. "
            "See `closedloop recording info`."
        )
    return OpenedRecording(opened, samples, _pieces_with(samples, wanted.definition, ranges), ranges, ticks)


def _electrodes(file: Path, wanted: WantedSpikes) -> NsxSamples:
    found = open_samples(file, kind="electrode", bridge_ms=wanted.bridge_ms)
    if not found.channels:
        raise RecordingError(
            f"{file}: expected electrodes, found analog inputs only. Choose the file with raw voltage."
        )
    places = wanted.channels.places([(one.channel_id, one.label) for one in found.channels], file=file)
    samples = replace(
        found,
        channels=tuple(found.channels[place] for place in places),
        columns=tuple(found.columns[place] for place in places),
    )
    _refuse_twins(samples)
    try:
        check_fits(wanted.definition, samples.rate_hz)
        design(wanted.definition, samples.rate_hz)
    except ValueError as error:
        raise RecordingError(
            f"{file}: {wanted.definition.name} expected raw voltage, found that {error}. "
            "Choose the file with raw voltage."
        ) from error
    return samples


def _refuse_twins(samples: NsxSamples) -> None:
    """Spikes are told apart by the electrode's number alone."""
    number, n = Counter(one.channel_id for one in samples.channels).most_common(1)[0]
    if n > 1:
        labels = ", ".join(one.label for one in samples.channels if one.channel_id == number)
        raise RecordingError(
            f"{samples.file}: expected a number of its own for every electrode, found {number} {n} times ({labels}). "
            "Choose one of them by its label with --channels."
        )


def _pieces_with(samples: RecordedSamples, definition: Definition, ranges: Sequence[SampleRange]) -> range:
    """Find the pieces with wanted samples, so that what is found is what is found there in the whole recording."""
    pieces = pieces_of(samples, definition)
    own = [
        place
        for place, piece in enumerate(pieces)
        for part in ranges
        if part.segment == piece.segment and part.start < piece.stop and piece.start < part.stop
    ]
    reaches_back = definition.refractory_ms > 0 and pieces[own[0]].start > 0
    return range(own[0] - reaches_back, own[-1] + 1)
