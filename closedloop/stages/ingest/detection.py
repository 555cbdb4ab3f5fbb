"""Offline detection of the devices' spikes: by the protocol's definition, resumable, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from closedloop.detection.definitions import DEFINITIONS, Definition
from closedloop.detection.spikes import spikes_of
from closedloop.devices.device import Device, Voltage
from closedloop.execution.local import usable_processors
from closedloop.execution.workers import Workers, run_pieces
from closedloop.recording.spikes import Spikes
from closedloop.stages.context import StageContext
from closedloop.stages.ingest.shards import Shard, leave_shard, read_shard, shards_of


@dataclass(frozen=True)
class Detected:
    """The crossings of one file, on disk in the stage's scratch folder."""

    voltage: Voltage
    definition: Definition
    shards: tuple[Shard, ...]

    @property
    def electrode_ids(self) -> tuple[int, ...]:
        """On which contacts was looked for spikes."""
        return self.voltage.electrode_ids

    def spikes(self) -> Iterator[Spikes]:
        """Read them in parts that follow one another, in the device's epochs."""
        pieces = (piece for shard in self.shards for piece in read_shard(shard))
        for found in spikes_of(pieces, self.voltage.samples, self.definition, electrode_ids=self.electrode_ids):
            yield Spikes(self.voltage.device_epoch(found.epoch), found.tick, found.electrode_id)


def detect_on(devices: Sequence[Device], context: StageContext) -> dict[int, tuple[Detected, ...]]:
    """Find the threshold crossings on every electrode with raw voltage, by processor.

    A restart of the stage finds the shards that are finished.
    """
    found = {device.processor: tuple(_shards(voltage, context) for voltage in device.voltages) for device in devices}
    shards = [shard for files in found.values() for one in files for shard in one.shards]
    if shards:
        context.scratch.mkdir(parents=True, exist_ok=True)
        run_pieces(
            [partial(leave_shard, shard) for shard in shards],
            Workers("local", usable_processors()),
            lambda n_done: context.progress(n_done, len(shards)),
        )
    return found


def _shards(voltage: Voltage, context: StageContext) -> Detected:
    definition = DEFINITIONS[context.protocol.recording.detection]
    folder = context.scratch / "detection"
    return Detected(voltage, definition, shards_of(voltage.samples, definition, folder=folder, chunk_samples=None))
