"""`closedloop recording info` on a recording of another maker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from closedloop.commands.recording_files.other_makers.devices import described_devices
from closedloop.devices.device import Device
from closedloop.neo_files.contents import NeoContents, StreamContents, read_contents
from closedloop.neo_files.source import source_of
from closedloop.neo_files.streams import listed

_MOST_LINES = 12
_FIRST_CODES = 12


def other_info(path: Path, recorder: Path | None, *, as_json: bool) -> str:
    """Say what is in a recording and, by a description of its recorder, what comes of it.

    Parameters
    ----------
    path
        What neo opens, or with a description the folder that it lies in.
    recorder
        The description; None: what is in the files is said alone.
    as_json
        Whether JSON is wanted.
    """
    if recorder is not None:
        devices = described_devices(path, recorder)
        if as_json:
            return json.dumps({"devices": [_device_facts(device) for device in devices]}, indent=2)
        return "\n".join(line for device in devices for line in _device_lines(device))
    contents = read_contents(source_of(path))
    return json.dumps(contents.to_json_dict(), indent=2) if as_json else "\n".join(_lines(contents))


def _lines(contents: NeoContents) -> list[str]:
    return [
        f"{contents.path}: {contents.format} by neo {contents.neo_version}",
        *(f"  said: {sentence}" for sentence in contents.said),
        *(line for stream in contents.streams for line in _stream_lines(stream)),
        f"  event channels: {listed(contents.event_channels)}",
        f"  units: {listed(contents.units)}",
    ]


def _stream_lines(stream: StreamContents) -> list[str]:
    scale = "" if stream.microvolts_a_bit is None else f", {stream.microvolts_a_bit:g} uV a bit"
    raw = ", raw voltage by its looks" if stream.looks_raw else ""
    periods = [
        f"    clock segment {one.clock_segment}, from {one.t0_s:.6f} s: {one.duration_s:.6f} s, {one.n_samples} samples"
        for one in stream.segments
    ]
    more = [f"    ... and {len(periods) - _MOST_LINES} more (--json lists all)"] if len(periods) > _MOST_LINES else []
    return [
        f"  stream {stream.name}: {len(stream.channels)} channels ({listed(stream.channels)}) of {stream.dtype} at "
        f"{stream.rate_hz:g} Hz{scale}{raw}",
        *periods[:_MOST_LINES],
        *more,
    ]


def _device_lines(device: Device) -> list[str]:
    codes = ", ".join(map(str, device.codes.value[:_FIRST_CODES].tolist()))
    more = " ..." if len(device.codes.value) > _FIRST_CODES else ""
    light = "no photodiode" if device.edges is None else f"{len(device.edges.tick):,} edges of the photodiode"
    n_clock_segments = len({segment.clock_segment for segment in device.segments})
    return [
        f"{device.name}: {device.duration_s:.3f} s in {len(device.segments)} uninterrupted segments on "
        f"{n_clock_segments} clock segments, {device.tick_hz} ticks a second",
        f"  {len(device.electrodes)} electrodes, {_first_and_last([one.label for one in device.electrodes])}",
        f"  {len(device.codes.value):,} digital codes: {codes}{more}",
        f"  {light}",
        *(f"  {name}: {line}" for part in device.parts for name, line in part.file_lines().items()),
        *(f"  said: {sentence}" for sentence in device.repairs),
    ]


def _first_and_last(labels: Sequence[str]) -> str:
    return f"{labels[0]} to {labels[-1]}" if len(labels) > 1 else listed(labels)


def _device_facts(device: Device) -> dict[str, object]:
    return {
        "name": device.name,
        "processor": device.processor,
        "tick_hz": device.tick_hz,
        "duration_s": device.duration_s,
        "electrodes": [one.label for one in device.electrodes],
        "segments": [
            {
                "epoch": one.clock_segment,
                "first_tick": one.first_tick,
                "end_tick": one.end_tick,
                "n_samples": one.n_samples,
            }
            for one in device.segments
        ],
        "codes": device.codes.value.tolist(),
        "n_photodiode_edges": None if device.edges is None else len(device.edges.tick),
        "said": list(device.repairs),
    }
