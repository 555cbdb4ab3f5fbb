"""`closedloop recording detect`: threshold crossings of a file, by a named definition."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.artifacts.arrays import array_writer
from closedloop.artifacts.day.responses import SPIKES
from closedloop.commands.recording_files.detection_wanted import OpenedRecording, WantedSpikes, open_wanted
from closedloop.commands.recording_files.options import check_chunk
from closedloop.commands.recording_files.outputs import ARRAY_SUFFIXES, check_output
from closedloop.detection.crossings import LEAST_NOISE_BITS, PieceCrossings
from closedloop.detection.dropouts import BankDropout, Dropout, dropout_lines, dropouts_in_ticks
from closedloop.detection.spikes import spikes_of
from closedloop.execution.found import find_workers
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.recording.segments import names_for_machines
from closedloop.simulation.mark import SIMULATED_APPLICATION
from closedloop.stages.ingest.shards import CrossingsShard, as_piece, read_shard, shards_of
from closedloop.storage import remove_folder

_MOST_NAMED = 12
_LEAST_JUDGED_S = 0.1  # a shorter piece (a stub of one sample) says nothing about a channel


@dataclass(frozen=True)
class WrittenSpikes:
    """What was found and written.

    Attributes
    ----------
    n_pieces, n_flat
        In how many windows the noise was measured, and in how many of them each electrode had no signal.
    n_crossings
        Of each electrode.
    dropouts
        When nothing was measured on which bank.
    """

    out: Path
    recording: OpenedRecording
    wanted: WantedSpikes
    n_pieces: int
    n_flat: tuple[int, ...]
    n_crossings: tuple[int, ...]
    dropouts: tuple[BankDropout, ...]

    @property
    def electrode_ids(self) -> tuple[int, ...]:
        """The recorder's numbers."""
        return self.recording.samples.electrode_ids


def detect_to_file(
    files: Sequence[Path],
    out: Path,
    *,
    wanted: WantedSpikes,
    workers: str,
    chunk_s: float | None,
    progress: ProgressCallback,
) -> WrittenSpikes:
    """Detect threshold crossings on the electrodes of one recording and write them.

    Finished parts wait in a folder beside `out` until all are there; the same command run again resumes with them, with
    whatever workers.

    Parameters
    ----------
    files
        The .ns5 or .ns6 with raw voltage; several where the recording was split, in order of time.
    out
        The HDF5 file to write.
    wanted
        By which definition, on which electrodes, in which seconds.
    workers
        As for ``--workers``.
    chunk_s
        Seconds read at a time; None leaves it to the detector.
    progress
        Called with (done, total) parts.

    Raises
    ------
    RecordingError
        A file cannot be read, has no electrode or too low a rate, or what is wanted is not there.
    ExecutionError
        The workers cannot be had or were lost.
    StorageError
        The result cannot be written.
    """
    who = find_workers(workers)
    check_chunk(chunk_s)
    check_output(out, ARRAY_SUFFIXES)
    recording = open_wanted(files, wanted)
    chunk_samples = None if chunk_s is None else max(round(chunk_s * recording.samples.rate_hz), 1)
    folder = out.with_name(f"{out.name}.parts")
    shards = shards_of(
        recording.samples, wanted.definition, folder=folder, chunk_samples=chunk_samples, pieces=recording.pieces
    )
    progress(sum(shard.path.exists() for shard in shards), len(shards))
    run_pieces([as_piece(shard) for shard in shards], who, lambda n_done: progress(n_done, len(shards)))
    written = _merge(shards, recording, wanted, out)
    remove_folder(folder)
    return written


@dataclass
class _Tally:
    """What passed on the way to the file: crossings and windows without a signal, by electrode."""

    n_crossings: NDArray[np.int64]
    n_flat: NDArray[np.int64]
    n_pieces: int = 0
    dropouts: list[tuple[int, Dropout]] = field(default_factory=list)


def _merge(
    shards: Sequence[CrossingsShard], recording: OpenedRecording, wanted: WantedSpikes, out: Path
) -> WrittenSpikes:
    """Write the parts into one file, piece by piece."""
    samples = recording.samples
    ids = list(samples.electrode_ids)
    tally = _Tally(np.zeros(1 << 16, np.int64), np.zeros(len(ids), np.int64))
    simulated = any(one.header.comment.startswith(SIMULATED_APPLICATION) for one in recording.files)
    least = round(_LEAST_JUDGED_S * samples.rate_hz)
    pieces = _count((found for shard in shards for found in read_shard(shard)), tally, least)
    with array_writer(out, SPIKES, simulated=simulated, attributes=_attributes(recording, wanted)) as append:
        for found in spikes_of(pieces, samples, wanted.definition, electrode_ids=ids):
            spikes = recording.in_time(found)
            tally.n_crossings += np.bincount(spikes.electrode_id, minlength=1 << 16)
            append(
                {
                    "electrode_id": spikes.electrode_id,
                    "epoch": spikes.clock_segment,
                    "tick": spikes.tick,
                    "time_s": spikes.tick / samples.tick_hz,
                }
            )
    n_flat, n_crossings = tuple(tally.n_flat.tolist()), tuple(tally.n_crossings[ids].tolist())
    dropouts = dropouts_in_ticks(samples, tally.dropouts)
    return WrittenSpikes(out, recording, wanted, tally.n_pieces, n_flat, n_crossings, dropouts)


def _count(pieces: Iterator[PieceCrossings], tally: _Tally, least: int) -> Iterator[PieceCrossings]:
    for found in pieces:
        if found.piece.stop - found.piece.start >= least:
            tally.n_pieces += 1
            tally.n_flat += found.noise < LEAST_NOISE_BITS
        tally.dropouts += [(found.piece.segment, one) for one in found.dropouts]
        yield found


def _attributes(recording: OpenedRecording, wanted: WantedSpikes) -> dict[str, str | int | float]:
    """Say how the spikes came about; what was not asked for is not mentioned."""
    definition, samples = wanted.definition, recording.samples
    attributes: dict[str, str | int | float] = {
        "definition": definition.name,
        "parameters": repr(asdict(definition)),
        "source": definition.source,
        "file": ", ".join(one.file.name for one in recording.files),
        "specification": recording.files[0].header.specification,
        "rate_hz": samples.rate_hz,
        "tick_hz": samples.tick_hz,
        "bridge_ms": recording.files[0].header.bridge_ms,
        "n_bridged_samples": sum(one.header.runs.n_bridged for one in recording.files),
        "code_version": __version__,
    }
    if wanted.channels.text:
        attributes["channels"] = wanted.channels.text
    if wanted.time.text:
        attributes["time"] = wanted.time.text
    if wanted.time.clock_segment is not None:
        attributes["clock_segment"] = wanted.time.clock_segment
    return attributes


def spikes_as_json(written: WrittenSpikes) -> str:
    """Return how the spikes came about, and how many there are, as JSON."""
    electrodes = zip(written.electrode_ids, written.n_crossings, written.n_flat, strict=True)
    facts = {
        "out": str(written.out),
        "files": [str(one.file) for one in written.recording.files],
        "definition": asdict(written.wanted.definition),
        "channels": written.wanted.channels.text or None,
        "time": written.wanted.time.text or None,
        "clock_segment": written.wanted.time.clock_segment,
        "seconds": written.recording.seconds,
        "n_crossings": sum(written.n_crossings),
        "n_windows": written.n_pieces,
        "electrodes": [
            {"electrode_id": electrode, "n_crossings": n, "n_windows_without_signal": n_flat}
            for electrode, n, n_flat in electrodes
        ],
        "dropouts": [_without_kind(one) for one in written.dropouts if not one.is_short],
        "bridged_dropouts": [_without_kind(one) for one in written.dropouts if one.is_short],
        "repairs": list(written.recording.repairs),
    }
    return json.dumps(names_for_machines(facts), indent=2)


def _without_kind(dropout: BankDropout) -> dict[str, int]:
    return {name: value for name, value in asdict(dropout).items() if name != "is_short"}


def spikes_lines(written: WrittenSpikes) -> list[str]:
    """Return what a person wants to know, a line each."""
    seconds = written.recording.seconds
    rates = np.array(written.n_crossings) / max(seconds, 1 / written.recording.samples.rate_hz)
    lines = [
        f"{written.out}: {sum(written.n_crossings):,} threshold crossings on {len(rates)} electrodes "
        f"by {written.wanted.definition.name}, {seconds:,.1f} s",
        f"  {rates.min():.1f} to {rates.max():.1f} crossings a second, median {np.median(rates):.1f}",
    ]
    flat = [
        f"{electrode} in {n} of {written.n_pieces}" if n < written.n_pieces else f"{electrode}"
        for electrode, n in zip(written.electrode_ids, written.n_flat, strict=True)
        if n
    ]
    if flat:
        more = f" and {len(flat) - _MOST_NAMED} more" if len(flat) > _MOST_NAMED else ""
        lines.append(f"  without a signal: electrode {', '.join(flat[:_MOST_NAMED])}{more}")
    samples = written.recording.samples
    said = [*dropout_lines(written.dropouts, samples.electrode_ids, samples.tick_hz), *written.recording.repairs]
    return lines + [f"  repaired: {repair}" for repair in said]
