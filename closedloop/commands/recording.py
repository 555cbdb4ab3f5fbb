"""`closedloop recording`: Blackrock files for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.arrays import SPIKES, write_arrays
from closedloop.errors import RecordingError
from closedloop.recording.detection import DEFINITIONS, as_spikes, detect
from closedloop.recording.info import RecordingInfo, read_info
from closedloop.recording.nsx import open_samples

_MOST_LINES = 12


def info_as_json(info: RecordingInfo) -> str:
    """Return everything a file says of itself as JSON."""
    return json.dumps(info.to_json_dict(), indent=2)


def info_lines(info: RecordingInfo) -> list[str]:
    """Return what a person wants to know of a file."""
    rate = f"{info.rate_hz:g} samples a second" if info.rate_hz else f"{info.tick_hz} ticks a second"
    lines = [
        f"{info.file}: {info.kind.upper()} {info.specification}, {rate}, {info.duration_s:.3f} s, "
        f"recorded {info.start or 'at an unknown time'}"
    ]
    lines += _shortened(
        [
            f"  channel {channel.channel_id} {channel.label}: {channel.scale:g} {channel.units} a bit, "
            f"{'electrode' if channel.is_electrode else 'analog input'}"
            for channel in info.channels
        ]
    )
    lines += _shortened(
        [
            f"  block from {block.first_s:.6f} s: {block.n_samples} samples x {len(info.channels)} channels"
            for block in info.blocks
        ]
    )
    if info.events:
        n_spikes = sum(info.events.n_spikes.values())
        lines.append(
            f"  {n_spikes} spikes on {len(info.events.n_spikes)} electrodes, {info.events.n_digital} digital words, "
            f"{len(info.events.comments)} comments"
        )
        lines += _shortened([f"  comment at {time_s:.6f} s: {text}" for time_s, text in info.events.comments])
    return lines


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"  ... and {len(lines) - _MOST_LINES} more (--json lists all)"]


def detect_to_file(file: Path, out: Path, *, definition: str) -> str:
    """Detect threshold crossings on every electrode of a file and write them; return what to tell the user.

    Raises
    ------
    RecordingError
        The definition is unknown, or the file has no raw electrode.
    """
    if definition not in DEFINITIONS:
        raise RecordingError(f"definition {definition}: expected one of {', '.join(DEFINITIONS)}. Correct the name.")
    electrodes = [channel.channel_id for channel in read_info(file).channels if channel.is_electrode]
    if not electrodes:
        raise RecordingError(
            f"{file}: expected electrodes, found analog inputs only. Choose the file with raw voltage."
        )
    samples = open_samples(file, channel_ids=electrodes)
    found = detect(samples, samples.rate_hz, DEFINITIONS[definition], ticks_per_sample=samples.ticks_per_sample)
    tick, electrode = as_spikes(found, electrodes)
    arrays: dict[str, NDArray[Any]] = {
        "electrode_id": electrode,
        "epoch": np.zeros(len(tick), dtype=np.uint16),
        "tick": tick,
        "time_s": tick / samples.header.tick_hz,
    }
    source = DEFINITIONS[definition].source
    write_arrays(
        out, SPIKES, arrays, simulated=False, attributes={"definition": definition, "source": source, "file": file.name}
    )
    return f"{out}: {len(tick)} threshold crossings on {len(electrodes)} electrodes by {definition}"
