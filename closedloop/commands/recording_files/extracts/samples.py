"""`closedloop recording samples`: continuous samples (LFP, analog inputs, voltage) as a table or an array file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.artifacts.arrays import array_writer
from closedloop.artifacts.commands.recording_tables import CONTINUOUS_SAMPLES, samples_table
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.blackrock.scale_from_nev import has_no_scale, nev_beside, with_scale_of
from closedloop.commands.recording_files.contents import refuse_without_samples
from closedloop.commands.recording_files.options import ChannelChoice, TimeRange
from closedloop.commands.recording_files.outputs import check_output, open_table
from closedloop.errors import RecordingError
from closedloop.execution.progress import ProgressCallback
from closedloop.recording.sample_ranges import SampleRange, samples_between
from closedloop.simulation.mark import SIMULATED_APPLICATION

_ARRAYS = (".h5", ".hdf5")
_VALUES_AT_A_TIME = 1 << 21  # of all channels together: 8 MB as float32
_LEAST_SHIFT = 1e-9  # of a bit: an offset that is a rounding error of the header's four whole numbers
_LABEL_BYTES, _UNIT_BYTES = 64, 16
_MOST_LINES = 12
_BITS = "bits"
_MICRO = str.maketrans({"\N{MICRO SIGN}": "u", "\N{GREEK SMALL LETTER MU}": "u"})
_TIMES = ("epoch", "segment", "tick", "time_s")


@dataclass(frozen=True)
class Gap:
    """Nothing was recorded from one second to another of a clock segment: there are no rows."""

    clock_segment: int
    from_s: float
    to_s: float


@dataclass(frozen=True)
class WrittenSamples:
    """What was taken out of a file.

    Attributes
    ----------
    out
        The table or array file.
    samples
        The chosen channels.
    names
        Column of each channel.
    ranges
        The samples that were written, segment by segment.
    scale_from
        The .nev that gave the scale; None where the file has its own, or none was found.
    """

    out: Path
    samples: NsxSamples
    names: tuple[str, ...]
    ranges: tuple[SampleRange, ...]
    scale_from: Path | None

    @property
    def n_rows(self) -> int:
        """Samples of each channel."""
        return sum(part.n_samples for part in self.ranges)

    @property
    def n_bridged(self) -> int:
        """Samples in holes so short that they end no segment: not recorded, NaN."""
        return sum(len(self.samples.bridged(part.segment, part.start, part.stop)) for part in self.ranges)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Where nothing was recorded between two rows of a clock segment."""
        segments, tick_hz = self.samples.segments, self.samples.tick_hz
        pairs = zip(self.ranges[:-1], self.ranges[1:], strict=True)
        own = [(segments[before.segment], segments[after.segment]) for before, after in pairs]
        return tuple(
            Gap(before.clock_segment, before.end_tick / tick_hz, after.first_tick / tick_hz)
            for before, after in own
            if before.clock_segment == after.clock_segment
        )


def samples_to_file(
    file: Path,
    out: Path,
    *,
    channels: ChannelChoice,
    time: TimeRange,
    nev: Path | None,
    progress: ProgressCallback,
) -> WrittenSamples:
    """Write the chosen samples, in their unit, in bounded memory.

    Parameters
    ----------
    file
        The .ns1 to .ns6.
    out
        .parquet or .csv for a table, .h5 for arrays.
    channels, time
        Which samples.
    nev
        The .nev with the scale of a 2.1 file; the one beside it if None.
    progress
        Called with (done, total) samples; before that with bytes, while a PTP file is passed over.

    Raises
    ------
    RecordingError
        A file cannot be read, or has nothing of what is asked for.
    StorageError
        The result cannot be written.
    """
    check_output(out, (".parquet", ".csv", *_ARRAYS))
    whole = open_samples(file, progress=progress)
    refuse_without_samples(file, whole.segments)
    samples = _choose(whole, channels)
    if nev is not None and not has_no_scale(samples):
        raise RecordingError(
            f"--nev {nev}: expected a file of specification 2.1, which has no scale of its own, found {file} of "
            f"{samples.header.specification}. Leave --nev out."
        )
    scale_from = (nev or nev_beside(file)) if has_no_scale(samples) else None
    if scale_from is not None:
        samples = with_scale_of(samples, scale_from)
    ranges = samples_between(samples, time.ticks(samples.segments, samples.tick_hz, file=file))
    names = column_names(samples.channels)
    n_total, n_done = sum(part.n_samples for part in ranges), 0
    written = WrittenSamples(out, samples, names, ranges, scale_from)
    with _writer(written) as write:
        for rows in _parts(samples, ranges):
            write(rows)
            n_done += len(rows["tick"])
            progress(n_done, n_total)
    return written


def _choose(samples: NsxSamples, channels: ChannelChoice) -> NsxSamples:
    places = channels.places([(one.channel_id, one.label) for one in samples.channels], file=samples.file)
    chosen = tuple(samples.channels[place] for place in places)
    return replace(samples, channels=chosen, columns=tuple(samples.columns[place] for place in places))


def unit_of(channel: NsxChannel) -> str:
    """Return the unit in which a channel's values are written: bits where the file gives it no scale."""
    return channel.units.strip() if channel.scale and not _is_unscaled(channel) else _BITS


def _is_unscaled(channel: NsxChannel) -> bool:
    """Whether a channel is of 2.1 and no .nev told its scale: the header has a number and nothing else."""
    return not channel.units and (channel.digital_max, channel.analog_max) == (1, 1)


def column_names(channels: Sequence[NsxChannel]) -> tuple[str, ...]:
    """Name a column a channel by its label and unit, "elec7_uV"; by its number where it has no label of its own."""
    labels = [channel.label.strip() for channel in channels]
    own = [
        label if label and labels.count(label) == 1 else f"{label or 'channel'}_{channel.channel_id}"
        for label, channel in zip(labels, channels, strict=True)
    ]
    units = [unit_of(channel).translate(_MICRO) for channel in channels]
    names = [f"{label}_{unit}" if unit else label for label, unit in zip(own, units, strict=True)]
    taken = [*names, *_TIMES]
    return tuple(
        name if taken.count(name) == 1 else f"{name}_column{place}" for place, name in enumerate(names, start=1)
    )


def _parts(samples: NsxSamples, ranges: Sequence[SampleRange]) -> Iterator[dict[str, NDArray[Any]]]:
    in_bits = np.array([unit_of(channel) == _BITS for channel in samples.channels])
    scale = np.where(in_bits, 1.0, samples.scale)
    offset = np.where(in_bits | (np.abs(samples.offset) < _LEAST_SHIFT * scale), 0.0, samples.offset)
    n_rows = max(_VALUES_AT_A_TIME // samples.n_channels, 1)
    for part in ranges:
        for start in range(part.start, part.stop, n_rows):
            stop = min(start + n_rows, part.stop)
            tick = samples.ticks(part.segment, np.arange(start, stop))
            values = samples.read(part.segment, start, stop) * scale
            values += offset
            values[samples.bridged(part.segment, start, stop) - start] = np.nan
            yield {
                "epoch": np.full(len(tick), samples.segments[part.segment].clock_segment, np.uint16),
                "segment": np.full(len(tick), part.segment, np.uint32),
                "tick": tick,
                "time_s": tick / samples.tick_hz,
                "samples": values.astype(np.float32),
            }


def _writer(written: WrittenSamples) -> AbstractContextManager[Callable[[Mapping[str, NDArray[Any]]], None]]:
    samples = written.samples
    attributes: dict[str, str | int | float] = {
        "file": samples.file.name,
        "specification": samples.header.specification,
        "tick_hz": samples.tick_hz,
        "rate_hz": samples.rate_hz,
        "scale_from": written.scale_from.name if written.scale_from else "the file itself",
        "code_version": __version__,
    }
    simulated = samples.header.comment.startswith(SIMULATED_APPLICATION)
    if written.out.suffix.lower() in _ARRAYS:
        return array_writer(
            written.out,
            CONTINUOUS_SAMPLES,
            simulated=simulated,
            attributes=attributes,
            n_columns={"samples": samples.n_channels},
            whole={
                "channel_id": np.array([one.channel_id for one in samples.channels], np.uint32),
                "channel_label": _texts([one.label for one in samples.channels], _LABEL_BYTES),
                "channel_unit": _texts([unit_of(one) for one in samples.channels], _UNIT_BYTES),
            },
        )
    return _table_of_channels(written, attributes, simulated=simulated)


def _texts(texts: Sequence[str], n_bytes: int) -> NDArray[Any]:
    return np.array([text.encode()[:n_bytes] for text in texts], f"S{n_bytes}")


@contextmanager
def _table_of_channels(
    written: WrittenSamples, attributes: Mapping[str, str | int | float], *, simulated: bool
) -> Iterator[Callable[[Mapping[str, NDArray[Any]]], None]]:
    """Write blocks of all channels as a column a channel."""
    units = [unit_of(one) for one in written.samples.channels]
    layout = samples_table(dict(zip(written.names, units, strict=True)))
    texts = {name: str(value) for name, value in attributes.items()}
    with open_table(written.out, layout, simulated=simulated, attributes=texts) as write:

        def write_rows(rows: Mapping[str, NDArray[Any]]) -> None:
            columns = np.ascontiguousarray(rows["samples"].T)
            times = {name: values for name, values in rows.items() if name != "samples"}
            write(times | dict(zip(written.names, columns, strict=True)))

        yield write_rows


def sample_lines(written: WrittenSamples) -> list[str]:
    """Return what a person needs to know, a line each."""
    samples = written.samples
    units = ", ".join(dict.fromkeys(unit_of(one) for one in samples.channels))
    lines = [
        f"{written.out}: {written.n_rows:,} samples of {samples.n_channels} channels ({units}), "
        f"{samples.rate_hz:g} samples a second"
    ]
    if written.scale_from is not None:
        lines.append(f"  scale from {written.scale_from.name}: {samples.file.name} (2.1) has none of its own")
    bare = [str(one.channel_id) for one in samples.channels if unit_of(one) == _BITS]
    if bare and has_no_scale(samples):
        where = "no .nev is beside it" if written.scale_from is None else f"{written.scale_from.name} has none"
        lines.append(f"{_in_bits(bare)}; the file (2.1) has no scale, and {where}. Give the right one with --nev")
    elif bare:
        lines.append(f"{_in_bits(bare)}; the header gives no scale")
    gaps = [
        f"  gap in clock segment {gap.clock_segment} from {gap.from_s:.6f} s to {gap.to_s:.6f} s: no rows"
        for gap in written.gaps
    ]
    lines += gaps[:_MOST_LINES]
    if len(gaps) > _MOST_LINES:
        lines.append(f"  ... and {len(gaps) - _MOST_LINES} more gaps (--json lists all)")
    if written.n_bridged:
        lines.append(f"  {written.n_bridged:,} samples in short holes were not recorded: NaN")
    n_clock_segments = len({samples.segments[part.segment].clock_segment for part in written.ranges})
    if n_clock_segments > 1:
        lines.append(f"  the clock was set back: {n_clock_segments} clock segments, column epoch tells them apart")
    return lines + [f"  repaired: {sentence}" for sentence in samples.header.repairs]


def _in_bits(channels: Sequence[str]) -> str:
    more = f" and {len(channels) - _MOST_LINES} more" if len(channels) > _MOST_LINES else ""
    return f"  in bits: channel {', '.join(channels[:_MOST_LINES])}{more}"


def samples_as_json(written: WrittenSamples) -> str:
    """Return the same as JSON."""
    samples = written.samples
    channels = zip(written.names, samples.channels, samples.scale.tolist(), strict=True)
    facts = {
        "file": str(samples.file),
        "out": str(written.out),
        "simulated": samples.header.comment.startswith(SIMULATED_APPLICATION),
        "n_rows": written.n_rows,
        "n_bridged": written.n_bridged,
        "rate_hz": samples.rate_hz,
        "tick_hz": samples.tick_hz,
        "scale_from": str(written.scale_from) if written.scale_from else None,
        "channels": [
            {"column": name, "id": one.channel_id, "label": one.label, "unit": unit_of(one), "scale": scale}
            for name, one, scale in channels
        ],
        "gaps": [{"epoch": gap.clock_segment, "from_s": gap.from_s, "to_s": gap.to_s} for gap in written.gaps],
        "repairs": list(samples.header.repairs),
    }
    return json.dumps(facts, indent=2)
