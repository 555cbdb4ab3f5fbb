"""`closedloop recording info --against neo`: our reading of a Blackrock file beside neo's, every difference a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.events import NevEvents, read_nev
from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.errors import RecordingError
from closedloop.neo_files.samples import NeoSamples
from closedloop.neo_files.source import NEO_VERSION, NeoReader, NeoSource, close_neo, open_neo, refusing, source_of
from closedloop.neo_files.streams import NeoStream, streams_of
from closedloop.neo_files.timing import time_stream

_CHUNK = 1 << 18
_DIGITAL = "digital_input_port"  # neo's name of the parallel port's event channel
_MOST_LINES = 40


def differences_as_text(file: Path, *, as_json: bool) -> str:
    """Compare the two readers on a file.

    Parameters
    ----------
    file
        A .nev or .ns1 to .ns6; neo reads the files beside it of the same name too.
    as_json
        Whether JSON is wanted.

    Raises
    ------
    RecordingError
        We cannot read the file.
    """
    found = list(differences(file))
    if as_json:
        return json.dumps({"file": str(file), "neo_version": NEO_VERSION, "differences": found}, indent=2)
    if not found:
        return f"{file}: neo {NEO_VERSION} reads the same"
    more = [f"  ... and {len(found) - _MOST_LINES} more (--json lists all)"] if len(found) > _MOST_LINES else []
    return "\n".join(
        [f"{file}: neo {NEO_VERSION} reads it otherwise", *(f"  {line}" for line in found[:_MOST_LINES]), *more]
    )


def differences(file: Path) -> Iterator[str]:
    """Yield what the two readers see differently, a sentence each; nothing where they agree."""
    is_nev = file.suffix.lower() == ".nev"
    ours = read_nev(file) if is_nev else open_samples(file)
    source = source_of(file, "Blackrock")
    try:
        reader = open_neo(source)
        try:
            yield from _against(ours, reader)
        finally:
            close_neo(reader)
    except RecordingError as error:  # ours is read already: what is raised here is neo's
        yield f"neo cannot read it: {str(error).partition(', found ')[2].partition('. Restore')[0]}"


def _against(ours: NsxSamples | NevEvents, reader: NeoReader) -> Iterator[str]:
    yield from (f"neo warns: {warning}" for warning in reader.warnings)
    yield from _nsx(ours, reader.source) if isinstance(ours, NsxSamples) else _nev(ours, reader)


def _nsx(ours: NsxSamples, source: NeoSource) -> Iterator[str]:
    fitting = [stream for stream in streams_of(source) if stream.rate_hz == ours.rate_hz]
    if len(fitting) != 1:
        yield f"neo has {len(fitting)} streams at {ours.rate_hz:g} Hz, the file is one"
        return
    (stream,) = fitting
    labels = tuple(channel.label for channel in ours.channels)
    if stream.names != labels:
        yield f"channels: {labels} here, {stream.names} by neo"
    for place, (channel, theirs) in enumerate(zip(ours.channels, stream.channels, strict=False)):
        if not np.isclose(channel.scale, theirs.gain) or channel.units != theirs.units:
            yield (
                f"channel {labels[place]}: {channel.scale:g} {channel.units} a bit here, {theirs.gain:g} "
                f"{theirs.units} by neo"
            )
    yield from _samples(ours, stream)


def _samples(ours: NsxSamples, stream: NeoStream) -> Iterator[str]:
    timing = time_stream(stream, ours.tick_hz)
    theirs = NeoSamples(stream, tuple(range(len(stream.channels))), (), ours.tick_hz, timing.pieces)
    if len(ours.segments) != len(theirs.segments):
        yield f"{len(ours.segments)} uninterrupted blocks here, {len(theirs.segments)} by neo"
    for number, (own, other) in enumerate(zip(ours.segments, theirs.segments, strict=False)):
        if own.first_tick != other.first_tick:
            yield f"block {number}: from tick {own.first_tick} here, {other.first_tick} by neo"
        if own.n_samples != other.n_samples:
            yield f"block {number}: {own.n_samples} samples here, {other.n_samples} by neo"
        n_other, first = 0, -1
        for start in range(0, min(own.n_samples, other.n_samples), _CHUNK):
            stop = min(start + _CHUNK, own.n_samples, other.n_samples)
            unequal = (ours.read(number, start, stop) != theirs.read_stored(number, start, stop)).any(axis=1)
            first = start + int(np.argmax(unequal)) if n_other == 0 and unequal.any() else first
            n_other += int(unequal.sum())
        if n_other:
            yield f"block {number}: {n_other} samples have other values by neo, the first is sample {first}"


def _nev(ours: NevEvents, reader: NeoReader) -> Iterator[str]:
    n_clock_segments = len({segment.clock_segment for segment in ours.segments})
    if n_clock_segments > 1:
        yield f"{n_clock_segments} clock segments here; neo's times do not tell them apart"
    channels = reader.rawio.header["spike_channels"]
    theirs = _spikes_by_neo(reader)
    electrodes, counts = np.unique(ours.spikes.electrode_id, return_counts=True)
    own_counts = dict(zip(electrodes.tolist(), counts.tolist(), strict=True))
    for electrode in sorted({*own_counts, *theirs}):
        own, other = own_counts.get(electrode, 0), theirs.get(electrode, 0)
        if own != other:
            yield f"electrode {electrode}: {own} spikes here, {other} by neo ({len(channels)} units in all)"
    yield from _codes(ours, reader)


def _spikes_by_neo(reader: NeoReader) -> dict[int, int]:
    """Count neo's spikes by electrode; units of noise (255) are left out, as here."""
    counts: dict[int, int] = {}
    for index, channel in enumerate(reader.rawio.header["spike_channels"]):
        name = str(channel["name"])  # "ch12#0"
        electrode, _, unit = name.removeprefix("ch").partition("#")
        if unit == "255":
            continue
        with refusing(reader.source):
            n_spikes = sum(int(reader.rawio.spike_count(*neo_segment, index)) for neo_segment in reader.neo_segments)
        counts[int(electrode)] = counts.get(int(electrode), 0) + n_spikes
    return counts


def _codes(ours: NevEvents, reader: NeoReader) -> Iterator[str]:
    names = [str(channel["name"]) for channel in reader.rawio.header["event_channels"]]
    tick: list[NDArray[np.int64]] = []
    value: list[NDArray[np.int64]] = []
    for block, neo_segment in reader.neo_segments if _DIGITAL in names else ():
        with refusing(reader.source):
            index = names.index(_DIGITAL)
            stamps, _, labels = reader.rawio.get_event_timestamps(block, neo_segment, index, None, None)
            seconds = reader.rawio.rescale_event_timestamp(np.asarray(stamps), "float64", index)
        tick.append(np.rint(np.asarray(seconds) * ours.tick_hz).astype(np.int64))
        value.append(np.array([int(label) for label in labels], np.int64))
    n_theirs = sum(len(part) for part in tick)
    if n_theirs != len(ours.codes):
        yield f"{len(ours.codes)} digital codes here, {n_theirs} by neo"
        return
    for what, own, other in (("value", ours.codes.value, value), ("time", ours.codes.tick, tick)):
        unequal = np.flatnonzero(own != np.concatenate([np.zeros(0, np.int64), *other]))
        if len(unequal):
            yield f"{len(unequal)} digital codes have another {what} by neo, the first is number {int(unequal[0])}"
