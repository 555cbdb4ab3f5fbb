"""Whether the recording is whole: every accepted presentation inside of what each processor recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping

from closedloop.alignment.alignment import UNEXPECTED_EDGE
from closedloop.alignment.markers import AT_BORDER, NO_CLOCK, TOO_FAR
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.gates.report import GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.intake.counted_quality import counted_quality
from closedloop.gates.levels import finding, level_of
from closedloop.gates.wording import bounds, percent
from closedloop.recording.usability import NO_ONSET

_NOT_TIMED = (NO_ONSET, NO_CLOCK, TOO_FAR, AT_BORDER, UNEXPECTED_EDGE)  # recorded, as far as anyone knows
_OF_ELECTRODES = re.compile(r"(\d+) of (\d+) electrodes: ")


def recording_whole(context: GateContext) -> GateFinding:
    """Count the accepted presentations at which a processor's files have nothing: too short, paused, or a bank lost."""
    quality, limit = counted_quality(context), context.protocol.gates.recording_whole
    parts = {name: _part_not_recorded(one, quality) for name, one in _set_aside(quality).items()}
    name, part = max(parts.items(), key=lambda one: one[1])
    n_stretches = max((device.n_stretches for device in quality.devices), default=1)
    remarks = [f"{device.name}: {remark}" for device in quality.devices for remark in device.remarks]
    in_pieces = f"; the recording is in {n_stretches} pieces" if n_stretches > 1 else ""
    return finding(
        "recording_whole",
        level_of(part, limit),
        expected=f"{bounds(limit, percent)} of the accepted presentations outside of what was recorded",
        found=f"{percent(part)} of {quality.n_presented:,} on {name}{in_pieces}"
        + "".join(f"; {one}" for one in remarks),
        remedy="Compare the files' lengths with those on the recorder's own disk: a copy may have ended early, and "
        "closedloop replace-recording takes a better one. Was the recording paused, or the disk full?",
        values={"part_not_recorded": part, "n_pieces": float(n_stretches)},
    )


def _set_aside(quality: IngestQuality) -> dict[str, tuple[Mapping[str, int], Mapping[str, int]]]:
    """Return what was set aside wholly and in part, by device; version 0.1 knew one."""
    if not quality.devices:
        return {"the recording": (quality.set_aside, {})}
    return {device.name: (device.set_aside, device.used_in_part) for device in quality.devices}


def _part_not_recorded(aside: tuple[Mapping[str, int], Mapping[str, int]], quality: IngestQuality) -> float:
    """Return the part of accepted presentations times electrodes that was not recorded."""
    wholly, in_part = aside
    n = sum(count for reason, count in wholly.items() if reason not in _NOT_TIMED)
    n_electrodes = sum(count * _part_of_electrodes(reason) for reason, count in in_part.items())
    return (n + n_electrodes) / max(quality.n_presented, 1)


def _part_of_electrodes(reason: str) -> float:
    """Return which part of the electrodes a reason is of that says so."""
    named = [(int(n), int(of)) for n, of in _OF_ELECTRODES.findall(reason)]
    return sum(n / of for n, of in named) if named else 1.0
