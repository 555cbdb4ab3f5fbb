"""`closedloop recording info`: what a Blackrock file says of itself, for people and for machines."""

from __future__ import annotations

import json

from closedloop.recording.info import RecordingInfo

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
