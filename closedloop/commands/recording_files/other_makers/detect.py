"""`closedloop recording detect` on a recording of another maker: threshold crossings in its raw voltage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.arrays import array_writer
from closedloop.artifacts.day.responses import SPIKES
from closedloop.commands.recording_files.options import check_chunk
from closedloop.commands.recording_files.other_makers.devices import raw_devices
from closedloop.commands.recording_files.outputs import ARRAY_SUFFIXES, check_output
from closedloop.detection.definitions import Definition
from closedloop.detection.filter_design import check_fits
from closedloop.detection.spikes import spikes_of
from closedloop.devices.device import Device
from closedloop.devices.port import Voltage
from closedloop.errors import RecordingError
from closedloop.execution.found import find_workers
from closedloop.execution.progress import bar
from closedloop.execution.run import run_pieces
from closedloop.recording.spikes import Spikes
from closedloop.stages.ingest.shards import CrossingsShard, as_piece, read_shard, shards_of
from closedloop.storage import remove_folder


def detect_other(
    path: Path,
    out: Path,
    *,
    recorder: Path | None,
    definition: Definition,
    workers: str,
    chunk_s: float | None,
) -> list[str]:
    """Detect threshold crossings on every electrode of a device; return the lines to print.

    Parameters
    ----------
    path, recorder
        The recording, and the description of its recorder; None: its only stream of raw voltage.
    out
        The HDF5 file to write.
    definition, workers, chunk_s
        As the command has them.

    Raises
    ------
    RecordingError
        There is no such voltage, or several devices have some.
    """
    chosen, who = definition, find_workers(workers)
    check_chunk(chunk_s)
    check_output(out, ARRAY_SUFFIXES)
    device = _only(path, raw_devices(path, recorder))
    folder = out.with_name(f"{out.name}.parts")
    found: list[tuple[Voltage, tuple[CrossingsShard, ...]]] = []
    for voltage in device.voltages:
        rate_hz = voltage.samples.rate_hz
        _check(path, chosen, rate_hz)
        chunk = None if chunk_s is None else max(round(chunk_s * rate_hz), 1)
        found.append((voltage, shards_of(voltage.samples, chosen, folder=folder, chunk_samples=chunk)))
    shards = [shard for _, own in found for shard in own]
    with bar("detect") as progress:
        run_pieces([as_piece(shard) for shard in shards], who, lambda n_done: progress(n_done, len(shards)))
    n_found = 0
    with array_writer(out, SPIKES, simulated=False, attributes=_attributes(path, device, chosen)) as append:
        for spikes in _spikes(found, chosen):
            n_found += len(spikes)
            append(
                {
                    "electrode_id": spikes.electrode_id,
                    "epoch": spikes.clock_segment,
                    "tick": spikes.tick,
                    "time_s": spikes.tick / device.tick_hz,
                }
            )
    remove_folder(folder)
    return [
        f"{out}: {n_found:,} threshold crossings on {len(device.electrodes)} electrodes by {chosen.name}, "
        f"{device.duration_s:,.1f} s",
        *(f"  said: {sentence}" for sentence in device.repairs),
    ]


def _only(path: Path, devices: tuple[Device, ...]) -> Device:
    if len(devices) != 1:
        raise RecordingError(
            f"{path}: expected a recorder of one device, found {len(devices)}. Describe one in a file of its own."
        )
    return devices[0]


def _check(path: Path, definition: Definition, rate_hz: float) -> None:
    try:
        check_fits(definition, rate_hz)
    except ValueError as error:
        raise RecordingError(
            f"{path}: {definition.name} expected raw voltage, found that {error}. Name the stream of raw voltage."
        ) from error


def _spikes(found: list[tuple[Voltage, tuple[CrossingsShard, ...]]], definition: Definition) -> Iterator[Spikes]:
    for voltage, shards in found:
        pieces = (piece for shard in shards for piece in read_shard(shard))
        for own in spikes_of(pieces, voltage.samples, definition, electrode_ids=voltage.electrode_ids):
            yield Spikes(voltage.device_clock_segment(own.clock_segment), own.tick, own.electrode_id)


def _attributes(path: Path, device: Device, definition: Definition) -> dict[str, str | int | float]:
    return {
        "definition": definition.name,
        "parameters": repr(asdict(definition)),
        "source": definition.source,
        "file": path.name,
        "specification": next(iter(device.parts[0].file_lines().values())),
        "rate_hz": device.voltages[0].samples.rate_hz,
        "tick_hz": device.tick_hz,
        "code_version": __version__,
    }
