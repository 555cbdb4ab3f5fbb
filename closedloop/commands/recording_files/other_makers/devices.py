"""A recording of another maker as a device, by a description of its recorder or, for voltage alone, without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from closedloop.artifacts.recorder import RecorderDescription, read_recorder
from closedloop.devices.device import Device
from closedloop.devices.neo_device import read_neo_device, read_neo_devices
from closedloop.errors import RecordingError
from closedloop.neo_files.source import source_of
from closedloop.neo_files.wiring import NeoWiring, RawWiring
from closedloop.stages.ingest.wiring import wirings_of


def described_devices(path: Path, recorder: Path | None, *, spikes: bool = True) -> tuple[Device, ...]:
    """Read all devices of a recording.

    Parameters
    ----------
    path
        The recording's folder, in which the description's files are looked for; or a file that neo opens.
    recorder
        The description; there must be one.
    spikes
        Whether the recorder's spikes are wanted.

    Raises
    ------
    RecordingError
        There is no description, or a file, stream or line that it names.
    """
    if recorder is None:
        raise RecordingError(
            f"{path}: expected a description of its recorder, which says where the digital codes are, found none. "
            "Give one by --recorder (docs/other_recorders.md has examples)."
        )
    return _read(path, wirings_of(_of_neo(recorder)), spikes=spikes)


def raw_devices(path: Path, recorder: Path | None) -> tuple[Device, ...]:
    """Read the raw voltage of a recording; codes are not asked for.

    Parameters
    ----------
    path
        As in `described_devices`.
    recorder
        The description; None: the only stream that looks like raw voltage.

    Raises
    ------
    RecordingError
        There is no such stream.
    """
    wirings = wirings_of(_of_neo(recorder)) if recorder else (NeoWiring(raw=RawWiring()),)
    voltage = [replace(one, codes=None, photodiode=None, sync=None, spikes=None) for one in wirings]
    if any(one.raw is None for one in voltage):
        raise RecordingError(f"{path}: expected `raw` in the description of its recorder, found none. Name the stream.")
    return _read(path, voltage, spikes=False)


def _of_neo(recorder: Path) -> RecorderDescription:
    found = read_recorder(recorder)
    if found.maker != "neo":
        raise RecordingError(f"{recorder}: expected maker: neo, found {found.maker}. Leave --recorder out.")
    return found


def _read(path: Path, wirings: tuple[NeoWiring, ...] | list[NeoWiring], *, spikes: bool) -> tuple[Device, ...]:
    if path.is_dir():
        return read_neo_devices(path, wirings, spikes=spikes)
    return tuple(
        read_neo_device([source_of(path, one.format)], one, processor=number, spikes=spikes)
        for number, one in enumerate(wirings, start=1)
    )
