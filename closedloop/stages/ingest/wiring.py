"""The study's description of its recorder as the settings of the room that reads it."""

from __future__ import annotations

from closedloop.artifacts.recorder import CodeLines, NeoDevice, RecorderDescription, SyncLine
from closedloop.neo_files.wiring import (
    CodeWiring,
    LineWiring,
    NeoWiring,
    PhotodiodeWiring,
    RawWiring,
    SpikeWiring,
    SyncWiring,
)


def wirings_of(recorder: RecorderDescription) -> tuple[NeoWiring, ...]:
    """Return how each device of a recorder of another maker is wired."""
    return tuple(_wiring(device) for device in recorder.devices)


def _wiring(device: NeoDevice) -> NeoWiring:
    raw, spikes, light, sync = device.raw, device.spikes, device.photodiode, device.sync
    return NeoWiring(
        name=device.name,
        format=device.format,
        files=device.files,
        raw=RawWiring(raw.stream, raw.channels) if raw else None,
        spikes=SpikeWiring(spikes.channels) if spikes else None,
        codes=_codes(device.codes),
        photodiode=PhotodiodeWiring(light.stream, light.channel) if light else None,
        sync=SyncWiring(_line(sync.raw), _line(sync.codes)) if sync else None,
    )


def _codes(codes: CodeLines) -> CodeWiring:
    return CodeWiring(
        events=codes.events,
        stream=codes.stream,
        channels=codes.channels,
        lines=codes.lines,
        strobe=codes.strobe,
        settle_ms=codes.settle_ms,
        inverted=codes.inverted,
    )


def _line(line: SyncLine) -> LineWiring:
    return LineWiring(line.stream, line.channel, line.line)
