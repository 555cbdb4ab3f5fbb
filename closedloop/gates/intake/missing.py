"""Whether too many accepted presentations cannot be used."""

from __future__ import annotations

from closedloop.artifacts.gates.report import GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.intake.counted_quality import counted_quality
from closedloop.gates.levels import finding, level_of
from closedloop.gates.wording import bounds, percent

_MOST_REASONS = 3


def missing_presentations(context: GateContext) -> GateFinding:
    """Count the accepted presentations that were set aside, on the processor that lacks most, whatever the reason."""
    quality, limit = counted_quality(context), context.protocol.gates.missing_presentations
    n = quality.n_presented
    aside = {device.name: (n - device.n_used, device.set_aside) for device in quality.devices}
    aside["the whole recording"] = (n - quality.n_used, quality.set_aside)
    name, (n_missing, reasons) = max(aside.items(), key=lambda one: one[1][0])
    why = sorted(reasons.items(), key=lambda one: -one[1])[:_MOST_REASONS]
    part = n_missing / max(n, 1)
    return finding(
        "missing_presentations",
        level_of(part, limit),
        expected=f"{bounds(limit, percent)} of the accepted presentations set aside",
        found=f"{n_missing:,} of {n:,} ({percent(part)})"
        + (f" on {name}: " + ", ".join(f"{count} {reason}" for reason, count in why) if why else ""),
        remedy="Look at the reasons: what was not recorded, or has no onset. A better copy of the recording is taken "
        "by closedloop replace-recording. Missing images are missing from the fit, and can be shown again tomorrow.",
        values={"part_missing": part, "n_missing": float(n_missing)},
    )
