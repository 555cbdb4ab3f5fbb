"""Whether the recorder's clock is known, from the rig's digital codes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from closedloop.artifacts.catalog import QUALITY
from closedloop.artifacts.day.quality import ClockRun, IngestQuality
from closedloop.artifacts.gates.report import GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.intake.counted_quality import counted_quality
from closedloop.gates.levels import finding, level_of, worst
from closedloop.gates.wording import bounds, plain

_SAME_QUARTZ_PPM = 20.0  # as alignment allows between two runs of a day (`AlignmentRules.same_quartz_ppm`)
_LEAST_CODES = 20  # of a run whose spread says something
_TOO_FEW = f"no clock: nowhere {_LEAST_CODES} codes of one run, of which a spread and a drift could be told"


def recording_aligned(context: GateContext) -> GateFinding:
    """Judge how well the recorder's clock is known: the codes' spread around it, resets, and a drift unlike day 0's."""
    limit, runs = context.protocol.gates.recording_aligned, _runs(counted_quality(context))
    spread_ms = max((run.residual_iqr_ms for found in runs.values() for run in found), default=math.nan)
    n_resets = max((len({run.epoch for run in found}) - 1 for found in runs.values()), default=0)
    drift_ppm = {name: _drift_ppm(found) for name, found in runs.items()}
    other = _other_clocks(drift_ppm, _runs(context.first.read(QUALITY)))
    faults = [f"the clock began anew ({n_resets} times)"] * (n_resets > 0) + other
    drifts = ", ".join(f"{drift:.1f} ppm on {name}" for name, drift in drift_ppm.items())
    return finding(
        "recording_aligned",
        worst(level_of(spread_ms, limit), "WARN" if faults else "PASS"),
        expected=f"codes that spread around one clock by {bounds(limit, unit='ms')}, no reset, and the drift of day 0 "
        f"within {_SAME_QUARTZ_PPM:g} ppm",
        found="; ".join([f"{plain(spread_ms)} ms, a drift of {drifts}" if runs else _TOO_FEW, *faults]),
        remedy="Look at the alignment (closedloop recording align). Was the recorder stopped and started, a computer "
        "exchanged, or the cable of the codes loose?",
        values={
            "spread_ms": spread_ms if math.isfinite(spread_ms) else None,
            "n_resets": float(n_resets),
            **{f"drift_ppm_{name}": drift for name, drift in drift_ppm.items()},
        },
    )


def _runs(quality: IngestQuality) -> dict[str, Sequence[ClockRun]]:
    """Return the runs with enough codes of each device that has any; version 0.1 wrote one for all."""
    if not quality.devices:
        return {"the recorder": [_whole(quality)]}
    runs = {one.name: [run for run in one.clocks if run.n_codes >= _LEAST_CODES] for one in quality.devices}
    return {name: found for name, found in runs.items() if found}


def _whole(quality: IngestQuality) -> ClockRun:
    return ClockRun(
        segment=0,
        epoch=0,
        n_codes=quality.codes_matched,
        offset_s=quality.clock_offset_s,
        drift_ppm=quality.clock_drift_ppm,
        residual_iqr_ms=quality.clock_residual_iqr_ms,
    )


def _drift_ppm(runs: Sequence[ClockRun]) -> float:
    """Return the drift of the run that knows it best."""
    return max(runs, key=lambda run: run.n_codes).drift_ppm


def _other_clocks(drift_ppm: Mapping[str, float], day_0: Mapping[str, Sequence[ClockRun]]) -> list[str]:
    """Say whose drift is not day 0's: a quartz keeps its own within a few ppm."""
    before = {name: _drift_ppm(runs) for name, runs in day_0.items()}
    return [
        f"{name} drifted by {before[name]:.1f} ppm on day 0: another clock"
        for name, now in drift_ppm.items()
        if name in before and abs(now - before[name]) > _SAME_QUARTZ_PPM
    ]
