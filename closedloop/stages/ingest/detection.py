"""Offline detection of the devices' spikes: by the protocol's definition, resumable, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.detection.definitions import Definition
from closedloop.detection.dropouts import BankDropout, dropouts_in_ticks
from closedloop.detection.spikes import spikes_of
from closedloop.devices.device import Device, Voltage
from closedloop.execution.local import usable_processors
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.workers import Workers
from closedloop.recording.segments import Segment
from closedloop.recording.spikes import Spikes
from closedloop.stages.ingest.shards import CrossingsShard, as_piece, read_shard, shards_of


@dataclass(frozen=True)
class DetectedFile:
    """The crossings of one file of raw voltage, in shards on disk."""

    voltage: Voltage
    definition: Definition
    shards: tuple[CrossingsShard, ...]

    @property
    def electrode_ids(self) -> tuple[int, ...]:
        """On which contacts was looked for spikes."""
        return self.voltage.electrode_ids

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Return when the file was recorded, in the device's clock segments."""
        table = self.voltage.clock_segment_of
        return tuple(
            replace(segment, clock_segment=table[segment.clock_segment])
            for segment in self.voltage.samples.segments
            if segment.clock_segment in table
        )

    def spikes(self) -> Iterator[Spikes]:
        """Read them in parts that follow one another, in the device's clock segments."""
        pieces = (piece for shard in self.shards for piece in read_shard(shard))
        for found in spikes_of(pieces, self.voltage.samples, self.definition, electrode_ids=self.electrode_ids):
            yield Spikes(self.voltage.device_clock_segment(found.clock_segment), found.tick, found.electrode_id)

    def dropouts(self) -> tuple[BankDropout, ...]:
        """Return when nothing was measured on which bank, in the device's clock segments."""
        found = [
            (piece.piece.segment, one) for shard in self.shards for piece in read_shard(shard) for one in piece.dropouts
        ]
        return tuple(
            replace(one, clock_segment=self.voltage.clock_segment_of[one.clock_segment])
            for one in dropouts_in_ticks(self.voltage.samples, found)
        )


def detect_on(
    devices: Sequence[Device],
    definition: Definition,
    *,
    folder: Path,
    workers: Workers | None,
    progress: ProgressCallback,
) -> dict[int, tuple[DetectedFile, ...]]:
    """Find the threshold crossings on every electrode with raw voltage.

    Parameters
    ----------
    devices
        What was recorded.
    definition
        Of a threshold crossing.
    folder
        For the shards. A restart finds there those that are finished.
    workers
        Who detects; None: this machine's processors.
    progress
        Called with (done, total) shards.

    Returns
    -------
    dict
        The files with raw voltage of each processor, by its number.
    """
    found = {
        device.processor: tuple(_shards(voltage, definition, folder) for voltage in device.voltages)
        for device in devices
    }
    shards = [shard for files in found.values() for file in files for shard in file.shards]
    if shards:
        run_pieces(
            [as_piece(shard) for shard in shards],
            workers or Workers("local", usable_processors()),
            lambda n_done: progress(n_done, len(shards)),
        )
    return found


def _shards(voltage: Voltage, definition: Definition, folder: Path) -> DetectedFile:
    return DetectedFile(voltage, definition, shards_of(voltage.samples, definition, folder=folder, chunk_samples=None))
