"""Figures of an alignment: the day as a strip, the clocks' differences, the display latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from closedloop.alignment.alignment import Alignment
from closedloop.alignment.quality import RunQuality
from closedloop.recording.codes import SentCodes
from closedloop.recording.segments import Segment
from closedloop.report.drawing import FAINT, GAUSSIAN, INK, LINEAR, PREFERRED, SITE, SITE_LIGHT, SOFT, new_figure

_DPI = 200  # of the dots, which are pixels within the drawing: 90,000 of them as shapes would be megabytes
_DOT: Any = {"linestyle": "none", "marker": ".", "markersize": 3, "markeredgewidth": 0, "rasterized": True}
_RUN_COLOURS = (SITE, LINEAR, GAUSSIAN, "#8b5fbf", "#0b2545", "#6fb7c9")
_BETWEEN_LAUNCHES_S = 30.0
_S_PER_MIN = 60.0
_HISTOGRAM_BINS = 80

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DeviceRecord:
    """One device's recording with its alignment: what the page shows.

    Attributes
    ----------
    name
        What the device's files are called.
    tick_hz
        Ticks per second of its clock.
    segments
        Uninterrupted periods of recording, in order.
    repairs
        What was recovered in its files, a sentence each.
    """

    name: str
    alignment: Alignment
    tick_hz: float
    segments: tuple[Segment, ...]
    repairs: tuple[str, ...]


def session_minutes(sent: SentCodes) -> Floats:
    """Return the time of every code from the first on, minutes; a launch whose clock begins anew follows the last."""
    launch, time_s = sent.launch_ids, np.asarray(sent.time_s, np.float64)
    laid = np.zeros(len(time_s))
    shift_s, end_s = -float(time_s[0]), -np.inf
    for one in np.unique(launch):
        own = launch == one
        if time_s[own][0] + shift_s < end_s:
            shift_s = end_s + _BETWEEN_LAUNCHES_S - float(time_s[own][0])
        laid[own] = time_s[own] + shift_s
        end_s = float(laid[own][-1])
    return laid / _S_PER_MIN


def day_strip(devices: Sequence[DeviceRecord], sent: SentCodes) -> Figure:
    """Draw when each device recorded, clock segment by clock segment, what was lost and what is set aside."""
    figure, axes = new_figure(1, len(devices), width=11.2, height=0.7 + 1.35 * len(devices))
    minutes = session_minutes(sent)
    for device, ax in zip(devices, axes, strict=True):
        _strip(ax, device, sent, minutes)
        ax.set_title(device.name)
        ax.set_xlim(*_span(minutes))
    axes[-1].set_xlabel("minutes of the session (rig)")
    return figure


def _strip(ax: Axes, device: DeviceRecord, sent: SentCodes, minutes: Floats) -> None:
    found = device.alignment
    for run in found.quality.runs:
        for start, stop in recorded_minutes(device, run, sent, minutes):
            ax.axvspan(start, stop, 0.36, 1.0, color=_run_colour(run.clock_segment), alpha=0.55, linewidth=0)
        middle = float((minutes[run.first_sent] + minutes[run.last_sent]) / 2)
        ax.text(
            middle,
            0.68,
            f"clock segment {run.clock_segment}",
            ha="center",
            va="center",
            fontsize=9,
            color="white",
            clip_on=True,
        )
    for rows, low, high, colour in (
        (found.received_index < 0, 0.18, 0.34, SOFT),
        (sent.is_lit & (found.source == "none"), 0.0, 0.16, PREFERRED),
    ):
        ax.vlines(minutes[rows], low, high, color=colour, linewidth=0.8, rasterized=True)
    ax.set_ylim(0, 1)
    ax.set_yticks([0.08, 0.26, 0.68], ["set aside", "lost code", "recorded"])
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False)


def recorded_minutes(
    device: DeviceRecord, run: RunQuality, sent: SentCodes, minutes: Floats
) -> list[tuple[float, float]]:
    """Place the recorded segments of a run on the session's axis, by its clock, no further than half way to others.

    Parameters
    ----------
    device
        The device.
    run
        One of its runs.
    sent
        The journal's codes.
    minutes
        Their places on the axis, shape (n_sent,).
    """
    low, high = _room(device, run, minutes)
    at = run.first_sent
    shift_s = minutes[at] * _S_PER_MIN - sent.time_s[at]
    spans = []
    for segment in device.segments:
        if segment.clock_segment != run.clock_segment:
            continue
        ends = [
            ((tick / device.tick_hz - run.offset_s) / (1 + run.drift_ppm * 1e-6) + shift_s) / _S_PER_MIN
            for tick in (segment.first_tick, segment.end_tick)
        ]
        if ends[0] < high and ends[1] > low:
            spans.append((max(ends[0], low), min(ends[1], high)))
    return spans


def _room(device: DeviceRecord, run: RunQuality, minutes: Floats) -> tuple[float, float]:
    """Up to the codes of the runs before and after; half way to them within a clock segment, where no edge decides."""
    runs = device.alignment.quality.runs
    k = runs.index(run)
    low, high = -np.inf, np.inf
    if k:
        edge, own = float(minutes[runs[k - 1].last_sent]), float(minutes[run.first_sent])
        low = (edge + own) / 2 if runs[k - 1].clock_segment == run.clock_segment else edge
    if k + 1 < len(runs):
        edge, own = float(minutes[runs[k + 1].first_sent]), float(minutes[run.last_sent])
        high = (edge + own) / 2 if runs[k + 1].clock_segment == run.clock_segment else edge
    return low, high


def clock_difference(device: DeviceRecord, sent: SentCodes) -> Figure:
    """Draw how the two clocks run apart within each run, and what is left when the line is taken away."""
    figure, (apart, residual) = new_figure(2, 1, width=11.2, height=3.5)
    figure.set_dpi(_DPI)
    minutes = session_minutes(sent)
    for k, run in enumerate(device.alignment.quality.runs):
        rows = np.flatnonzero((device.alignment.run == k) & (device.alignment.received_index >= 0))
        lag_s = device.alignment.code_tick[rows] / device.tick_hz - sent.time_s[rows]
        line_s = run.offset_s + sent.time_s[rows] * run.drift_ppm * 1e-6
        colour = _run_colour(run.clock_segment)
        apart.plot(minutes[rows], (lag_s - line_s[:1]) * 1000, color=colour, **_DOT)
        residual.plot(minutes[rows], (lag_s - line_s) * 1000, color=colour, **_DOT)
    apart.set_title("Recorder minus rig, from the start of each run")
    apart.set_ylabel("ms")
    residual.set_title("… and minus the line: residual drift and jitter")
    residual.set_ylabel("ms")
    _keep_most(residual)
    for ax in (apart, residual):
        ax.axhline(0, color=FAINT, linewidth=1, zorder=0)
        ax.set_xlabel("minutes of the session")
        ax.set_xlim(*_span(minutes))
    return figure


def display_latency(device: DeviceRecord, sent: SentCodes) -> Figure | None:
    """Draw how late the photodiode onset came after the code, over the day and as a histogram; None without any."""
    latency_ms = device.alignment.latency_ms
    seen = ~np.isnan(latency_ms)
    if not seen.any():
        return None
    figure, (over, histogram) = new_figure(2, 1, width=11.2, height=3.2)
    figure.set_dpi(_DPI)
    minutes = session_minutes(sent)
    over.plot(minutes[seen], latency_ms[seen], color=SITE, **_DOT)
    over.set_xlim(*_span(minutes))
    over.set_title("Photodiode onset after the code, over the day")
    over.set_xlabel("minutes of the session")
    over.set_ylabel("display latency, ms")
    histogram.hist(latency_ms[seen], bins=_HISTOGRAM_BINS, color=SITE_LIGHT, edgecolor="white", linewidth=0.3)
    histogram.axvline(float(np.median(latency_ms[seen])), color=INK, linewidth=1.2)
    histogram.set_yscale("log")
    histogram.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # 10^n would be set as math
    histogram.yaxis.set_minor_formatter(NullFormatter())
    histogram.set_title("All latencies (line: median)")
    histogram.set_xlabel("display latency, ms")
    histogram.set_ylabel("presentations")
    return figure


def _keep_most(ax: Axes) -> None:
    """Scale to what 99.8 % of the dots need: a code 40 ms late would flatten the rest."""
    values = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in ax.lines] or [np.zeros(1)])
    low, high = np.percentile(values, (0.1, 99.9)) if len(values) else (0.0, 0.0)
    margin = max(0.15 * float(high - low), 0.05)
    ax.set_ylim(low - margin, high + margin)


def _span(minutes: Floats) -> tuple[float, float]:
    margin = 0.01 * float(np.ptp(minutes)) + 0.05
    return float(minutes[0]) - margin, float(minutes[-1]) + margin


def _run_colour(clock_segment: int) -> str:
    return _RUN_COLOURS[clock_segment % len(_RUN_COLOURS)]
