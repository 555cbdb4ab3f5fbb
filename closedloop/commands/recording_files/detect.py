"""`closedloop recording detect`: threshold crossings of a file, by a named definition."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.artifacts.arrays import array_writer
from closedloop.artifacts.day.responses import SPIKES
from closedloop.blackrock.nsx.samples import NsxSamples, open_samples
from closedloop.detection.crossings import LEAST_NOISE_BITS, PieceCrossings
from closedloop.detection.definitions import Definition, definition_by_name
from closedloop.detection.filter_design import check_fits
from closedloop.detection.spikes import spikes_of
from closedloop.errors import RecordingError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.workers import parse_workers
from closedloop.recording.segments import BRIDGE_MS
from closedloop.simulation.processor import SIMULATED_APPLICATION
from closedloop.stages.ingest.shards import CrossingsShard, leave_shard, read_shard, shards_of

_MOST_NAMED = 12
_LEAST_JUDGED_S = 0.1  # a shorter piece (a stub of one sample) says nothing about a channel


def detect_to_file(
    file: Path,
    out: Path,
    *,
    definition: str,
    workers: str,
    chunk_s: float | None,
    progress: ProgressCallback,
    bridge_ms: float = BRIDGE_MS,
) -> list[str]:
    """Detect threshold crossings on every electrode of a file and write them; return the lines to print.

    Finished parts wait in a folder beside `out` until all are there; the same command run again resumes with them, with
    whatever workers.

    Parameters
    ----------
    file
        The .ns5 or .ns6 with raw voltage.
    out
        The HDF5 file to write.
    definition
        Name of a row of `DEFINITIONS`.
    workers
        As for ``--workers``.
    chunk_s
        Seconds read at a time; None leaves it to the detector.
    progress
        Called with (done, total) parts.
    bridge_ms
        Holes of at most so many milliseconds end no segment.

    Raises
    ------
    RecordingError
        The file cannot be read, has no electrode or too low a rate, or the definition or chunk is not one.
    ExecutionError
        The workers cannot be had or were lost.
    StorageError
        The result cannot be written.
    """
    chosen, who = definition_by_name(definition), parse_workers(workers)
    if chunk_s is not None and chunk_s <= 0:
        raise RecordingError(f"--chunk {chunk_s:g}: expected seconds above 0. Correct it.")
    samples = _electrodes(file, chosen, bridge_ms)
    chunk_samples = None if chunk_s is None else max(round(chunk_s * samples.rate_hz), 1)
    folder = out.with_name(f"{out.name}.parts")
    shards = shards_of(samples, chosen, folder=folder, chunk_samples=chunk_samples)
    progress(sum(shard.path.exists() for shard in shards), len(shards))
    run_pieces([partial(leave_shard, shard) for shard in shards], who, lambda n_done: progress(n_done, len(shards)))
    tally = _merge(shards, samples, chosen, out)
    shutil.rmtree(folder, ignore_errors=True)
    return [
        *_summary_lines(out, samples, chosen, tally),
        *(f"  repaired: {repair}" for repair in samples.header.repairs),
    ]


def _electrodes(file: Path, definition: Definition, bridge_ms: float) -> NsxSamples:
    samples = open_samples(file, kind="electrode", bridge_ms=bridge_ms)
    if not samples.channels:
        raise RecordingError(
            f"{file}: expected electrodes, found analog inputs only. Choose the file with raw voltage."
        )
    try:
        check_fits(definition, samples.rate_hz)
    except ValueError as error:
        raise RecordingError(
            f"{file}: {definition.name} expected raw voltage, found that {error}. Choose the file with raw voltage."
        ) from error
    return samples


@dataclass
class _Tally:
    """What passed on the way to the file: crossings and windows without a signal, by electrode."""

    n_crossings: NDArray[np.int64]
    n_flat: NDArray[np.int64]
    n_pieces: int = 0
    ids: list[int] = field(default_factory=list)


def _merge(shards: Sequence[CrossingsShard], samples: NsxSamples, definition: Definition, out: Path) -> _Tally:
    """Write the parts into one file, piece by piece."""
    ids = [channel.channel_id for channel in samples.channels]
    tally = _Tally(np.zeros(1 << 16, np.int64), np.zeros(len(ids), np.int64), ids=ids)
    simulated = samples.header.comment.startswith(SIMULATED_APPLICATION)
    least = round(_LEAST_JUDGED_S * samples.rate_hz)
    pieces = _count((found for shard in shards for found in read_shard(shard)), tally, least)
    with array_writer(out, SPIKES, simulated=simulated, attributes=_attributes(samples, definition)) as append:
        for spikes in spikes_of(pieces, samples, definition, electrode_ids=ids):
            tally.n_crossings += np.bincount(spikes.electrode_id, minlength=1 << 16)
            append(
                {
                    "electrode_id": spikes.electrode_id,
                    "epoch": spikes.clock_segment,
                    "tick": spikes.tick,
                    "time_s": spikes.tick / samples.tick_hz,
                }
            )
    return tally


def _count(pieces: Iterator[PieceCrossings], tally: _Tally, least: int) -> Iterator[PieceCrossings]:
    for found in pieces:
        if found.piece.stop - found.piece.start >= least:
            tally.n_pieces += 1
            tally.n_flat += found.noise < LEAST_NOISE_BITS
        yield found


def _attributes(samples: NsxSamples, definition: Definition) -> dict[str, str | int | float]:
    return {
        "definition": definition.name,
        "parameters": repr(asdict(definition)),
        "source": definition.source,
        "file": samples.file.name,
        "specification": samples.header.specification,
        "rate_hz": samples.rate_hz,
        "tick_hz": samples.tick_hz,
        "bridge_ms": samples.header.bridge_ms,
        "n_bridged_samples": samples.header.runs.n_bridged,
        "code_version": __version__,
    }


def _summary_lines(out: Path, samples: NsxSamples, definition: Definition, tally: _Tally) -> list[str]:
    seconds = sum(segment.n_samples for segment in samples.segments) / samples.rate_hz
    rates = tally.n_crossings[tally.ids] / max(seconds, 1 / samples.rate_hz)
    lines = [
        f"{out}: {int(tally.n_crossings.sum()):,} threshold crossings on {len(tally.ids)} electrodes "
        f"by {definition.name}, {seconds:,.1f} s",
        f"  {rates.min():.1f} to {rates.max():.1f} crossings a second, median {np.median(rates):.1f}",
    ]
    flat = [
        f"{electrode} in {n} of {tally.n_pieces}" if n < tally.n_pieces else f"{electrode}"
        for electrode, n in zip(tally.ids, tally.n_flat.tolist(), strict=True)
        if n
    ]
    if flat:
        more = f" and {len(flat) - _MOST_NAMED} more" if len(flat) > _MOST_NAMED else ""
        lines.append(f"  without a signal: electrode {', '.join(flat[:_MOST_NAMED])}{more}")
    return lines
