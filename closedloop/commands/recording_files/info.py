"""`closedloop recording info`: what is in a Blackrock file, as text or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from closedloop.blackrock.companions import Companion
from closedloop.blackrock.info import ChannelInfo, EventInfo, RecordingInfo, read_info
from closedloop.execution.progress import bar
from closedloop.recording.segments import BRIDGE_MS

_MOST_LINES = 12
_KINDS = {
    "electrode": ("electrode", "electrodes"),
    "analog": ("analog input", "analog inputs"),
    "other": ("other channel", "other channels"),
}


def describe_file(file: Path, *, bridge_ms: float = BRIDGE_MS) -> RecordingInfo:
    """Read what a file holds, with the time left where that takes long; see `read_info`."""
    with bar(file.name) as progress:
        return read_info(file, bridge_ms=bridge_ms, progress=progress)


def info_as_json(info: RecordingInfo) -> str:
    """Return everything about a file as JSON."""
    return json.dumps(info.to_json_dict(), indent=2)


def companion_as_json(file: Path, companion: Companion) -> str:
    """Return what a file is that is no recording, as JSON."""
    return json.dumps({"file": str(file), "kind": companion.kind, "what": companion.what}, indent=2)


def info_lines(info: RecordingInfo) -> list[str]:
    """Return what a person wants to know of a file: first what was wrong with it."""
    name = {"nsx": "NSx", "nev": "NEV"}[info.kind]
    rate = f"{info.rate_hz:g} samples a second, " if info.rate_hz else ""
    return [
        f"{info.file}: {name} {info.specification}, {rate}{info.tick_hz} ticks a second, "
        f"recorded {info.start or 'at an unknown time'}",
        *_shorten([f"  repaired: {sentence}" for sentence in info.repairs]),
        *_shorten(_channel_lines(info.channels)),
        *([f"  scale from {info.scale_from}: a file of specification 2.1 has none"] if info.scale_from else []),
        *_block_lines(info),
        *(_event_lines(info.events) if info.events else []),
    ]


def _channel_lines(channels: Sequence[ChannelInfo]) -> list[str]:
    """Return a line for neighbours of one kind and scale."""
    groups = groupby(channels, lambda channel: (channel.kind, channel.units, channel.scale, channel.offset))
    return [_group_line(list(own)) for _, own in groups]


def _group_line(own: Sequence[ChannelInfo]) -> str:
    first, last = own[0], own[-1]
    names = f"{first.id} {first.label}" if len(own) == 1 else f"{first.id} {first.label} to {last.id} {last.label}"
    what = _KINDS[first.kind][len(own) > 1]
    scale = f"{first.scale:g} {first.units} a bit" if first.units else "without a scale (the .nev has it)"
    scale = scale if first.scale else "without a scale"
    zero = f", zero at {first.offset:g} {first.units}" if abs(first.offset) > first.scale / 2 else ""
    return f"  {len(own)} {what}, {names}: {scale}{zero}"


def _block_lines(info: RecordingInfo) -> list[str]:
    if not info.blocks:
        return ["  nothing after the headers: the recorder was stopped at once, or the copy broke off"]
    n_clock_segments = len({block.clock_segment for block in info.blocks})
    resets = f", the clock was reset {_times(n_clock_segments - 1)}" if n_clock_segments > 1 else ""
    blocks = "block" if len(info.blocks) == 1 else "blocks"
    of = f" x {len(info.channels)} channels" if info.kind == "nsx" else ""
    return [
        f"  {info.duration_s:.3f} s in {len(info.blocks)} uninterrupted {blocks}{resets}",
        *_shorten(
            [
                f"    clock segment {block.clock_segment}, from {block.t0_s:.6f} s: {block.duration_s:.6f} s"
                + (f", {block.n_samples} samples{of}" if info.kind == "nsx" else "")
                for block in info.blocks
            ]
        ),
    ]


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _event_lines(events: EventInfo) -> list[str]:
    noise = f" ({events.n_noise} in the noise unit, 255)" if events.n_noise else ""
    spikes = f"{sum(events.n_spikes.values())} spikes on {len(events.n_spikes)} channels{noise}"
    return [
        f"  {events.n_packets} packets: {spikes}, "
        f"{events.n_digital} digital codes, {events.n_serial} serial codes, {len(events.comments)} comments, "
        f"{events.n_other} others",
        *_shorten(
            [
                f"  paused in clock segment {p.clock_segment} from {p.from_s:.6f} s to {p.to_s:.6f} s"
                for p in events.pauses
            ]
        ),
        *_shorten(
            [f"  comment in clock segment {c.clock_segment} at {c.t_s:.6f} s: {c.text}" for c in events.comments]
        ),
    ]


def _shorten(lines: list[str]) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"  ... and {len(lines) - _MOST_LINES} more (--json lists all)"]
