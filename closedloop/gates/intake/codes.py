"""Whether the rig's digital codes arrived as they were sent."""

from __future__ import annotations

from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.gates.report import GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.intake.counted_quality import counted_quality
from closedloop.gates.levels import finding, level_of
from closedloop.gates.wording import bounds, percent


def lost_codes(context: GateContext) -> GateFinding:
    """Count the codes that a processor did not receive, or received with flipped bits."""
    quality, limit = counted_quality(context), context.protocol.gates.lost_codes
    name, lost, changed = max(_counts(quality), key=lambda one: one[1] + one[2])
    part = (lost + changed) / max(quality.codes_sent, 1)
    return finding(
        "lost_codes",
        level_of(part, limit),
        expected=f"{bounds(limit, percent)} of the rig's codes lost or changed",
        found=f"{percent(part)} of {quality.codes_sent:,} on {name}: {lost} lost, {changed} with flipped bits",
        remedy="Look at the cable and the strobe between the rig and the recorder's digital input. Flipped bits: codes "
        "that are read while they change; lengthen the pulse in rig.yaml (see rig check).",
        values={"part_lost": part, "n_lost": float(lost), "n_changed": float(changed)},
    )


def _counts(quality: IngestQuality) -> list[tuple[str, int, int]]:
    """Return name, lost and changed codes of each device; version 0.1 wrote those of one."""
    if not quality.devices:
        return [("the recorder", quality.codes_lost, quality.codes_changed)]
    return [(device.name, device.codes_lost, device.codes_changed) for device in quality.devices]
