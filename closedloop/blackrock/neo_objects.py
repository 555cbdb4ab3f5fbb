"""Blackrock files as neo's objects, for whoever works with them: read by our own lines, repaired as ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import neo
import numpy as np
import quantities

from closedloop.blackrock.nev.events import NevEvents, read_nev
from closedloop.blackrock.nsx.samples import NsxSamples, open_samples


def to_neo(files: Sequence[Path], *, channel_ids: Sequence[int] | None = None) -> Any:
    """Read the files of one recording into a neo Block: all of it is in memory.

    A clock segment is a neo Segment. Each uninterrupted period of each NSx is an AnalogSignal (one for each unit of
    measurement), each electrode of the .nev a SpikeTrain, digital codes and comments are Events; times are seconds of
    the recorder's clock.

    Parameters
    ----------
    files
        A .nev, .ns1 to .ns6, of one stem.
    channel_ids
        Channels of the NSx; all if None.

    Returns
    -------
    neo.Block

    Raises
    ------
    RecordingError
        A file cannot be read, or lacks a channel.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from closedloop.blackrock import NsxChannel, to_neo, write_nsx
    >>> start = datetime(2024, 5, 6, tzinfo=UTC)
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "day3.ns6"
    ...     chunks = [(0, np.full((300, 1), 4, np.int16))]
    ...     write_nsx(file, [NsxChannel(1, "elec1")], rate_hz=30_000, specification="2.3", chunks=chunks, start=start)
    ...     block = to_neo([file])
    >>> signal = block.segments[0].analogsignals[0]
    >>> signal.shape, float(signal[0, 0].rescale("uV").magnitude)
    ((300, 1), 1.0)
    """
    nev = [file for file in files if file.suffix.lower() == ".nev"]
    fastest_first = sorted((file for file in files if file not in nev), key=lambda file: file.suffix, reverse=True)
    samples = [open_samples(file, channel_ids=channel_ids) for file in fastest_first]
    events = [read_nev(file, clock_segments=samples[0].segments if samples else None) for file in nev]
    periods = [period for one in samples for period in one.segments]
    periods += [period for one in events for period in one.segments]
    numbers = {period.clock_segment for period in periods}
    block = neo.Block(name=files[0].stem)
    for number in sorted(numbers):
        own = neo.Segment(name=f"clock segment {number}", index=number)
        own.analogsignals.extend([signal for one in samples for signal in _signals(one, number)])
        for found in events:
            own.spiketrains.extend(list(_spike_trains(found, number)))
            own.events.extend(list(_events(found, number)))
        block.segments.append(own)
    return block


def _signals(samples: NsxSamples, number: int) -> Iterator[Any]:
    """Yield the signals of a clock segment: one for each uninterrupted period and unit of measurement."""
    units = np.array([channel.units or "dimensionless" for channel in samples.channels])
    for place, period in enumerate(samples.segments):
        if period.clock_segment != number:
            continue
        values = samples.read(place, 0, period.n_samples) * samples.scale + samples.offset
        for unit in dict.fromkeys(units.tolist()):
            columns = np.flatnonzero(units == unit)
            yield neo.AnalogSignal(
                values[:, columns],
                units=unit,
                sampling_rate=quantities.Quantity(samples.rate_hz, "Hz"),
                t_start=quantities.Quantity(period.first_tick / samples.tick_hz, "s"),
                name=samples.file.name,
                array_annotations={
                    "channel_ids": np.array([samples.channels[column].channel_id for column in columns]),
                    "channel_names": np.array([samples.channels[column].label for column in columns]),
                },
            )


def _spike_trains(events: NevEvents, number: int) -> Iterator[Any]:
    periods = [period for period in events.segments if period.clock_segment == number]
    for electrode in np.unique(events.spikes.electrode_id).tolist():
        mine = (events.spikes.electrode_id == electrode) & (events.spikes.clock_segment == number)
        seconds = events.spikes.tick[mine] / events.tick_hz
        bounds = [bound / events.tick_hz for period in periods for bound in (period.first_tick, period.end_tick)]
        yield neo.SpikeTrain(
            seconds,
            units="s",
            t_start=min([*bounds, *seconds[:1].tolist()], default=0.0),
            t_stop=max([*bounds, *seconds[-1:].tolist()], default=0.0),
            name=f"electrode {electrode}",
            electrode_id=electrode,
        )


def _events(events: NevEvents, number: int) -> Iterator[Any]:
    for name, codes in (("digital codes", events.codes), ("serial codes", events.serial)):
        here = codes.clock_segment == number
        labels = codes.value[here].astype(str)
        yield neo.Event(codes.tick[here] / events.tick_hz, labels=labels, units="s", name=name)
    here = np.asarray(events.comments.clock_segment == number)
    texts = np.array([text for text, mine in zip(events.comments.text, here.tolist(), strict=True) if mine], "U")
    yield neo.Event(events.comments.tick[here] / events.tick_hz, labels=texts, units="s", name="comments")
