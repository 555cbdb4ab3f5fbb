"""The page of a NEV's waveforms: a small panel an electrode with the mean of each unit, and a table of the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.recording.waveform_means import MeanWaveform
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, Plate, plate, render
from closedloop.report.recordings.grid import Grid
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number

_UNSORTED, _NOISE = 0, 255
_UNIT_COLOURS = (drawing.SITE, drawing.LINEAR, drawing.GAUSSIAN, drawing.PREFERRED, drawing.WHITE_BOX)
_PANEL_IN, _MARGIN = 0.92, 0.08
_FRAME, _REACH = 0.96, 0.4  # of a panel's height: the frame, and the largest waveform up or down from the middle
_SCALE_QUANTILE = 0.98  # one electrode with huge spikes does not flatten all others
_PX_A_PANEL = 74


@dataclass(frozen=True)
class WaveformRecord:
    """What the page is about.

    Attributes
    ----------
    file
        Name of the .nev.
    command
        What makes the page again.
    means
        By electrode and unit.
    labels
        Of all chosen electrodes, by number.
    grids
        How they lie, an array each.
    recorded_s
        Seconds of recording in which the spikes came.
    sample_hz
        Of the waveforms.
    chosen
        Which channels, units and time, in words.
    notices
        What was left out or repaired, a sentence each.
    """

    file: str
    command: str
    means: tuple[MeanWaveform, ...]
    labels: Mapping[int, str]
    grids: tuple[Grid, ...]
    recorded_s: float
    sample_hz: int
    chosen: str
    notices: tuple[str, ...]
    simulated: bool


def waveform_page(record: WaveformRecord) -> bytes:
    """Return the page as one HTML file that needs nothing else."""
    with drawing.style():
        plates = tuple(_array_plate(grid, record) for grid in record.grids)
    n_spikes = sum(one.n_spikes for one in record.means)
    active = {one.electrode_id for one in record.means}
    return render(
        Page(
            title="Waveforms",
            subtitle="The mean waveform of every electrode's spikes, as the recorder cut them out.",
            facts=(
                ("file", record.file),
                ("chosen", record.chosen),
                ("software", f"closedloop {__version__}"),
            ),
            command=record.command,
            simulated=record.simulated,
            notices=record.notices,
            links=(),
            sections=(
                PageSection(
                    "electrodes",
                    "Electrodes",
                    cards=(
                        Card("spikes", count(n_spikes), f"in {number(record.recorded_s, unit='s')}"),
                        Card("electrodes with spikes", f"{count(len(active))} of {count(len(record.labels))}", ""),
                        Card("mean rate", _rate(n_spikes / max(len(active), 1), record), "of those with spikes"),
                    ),
                    wide=plates,
                ),
                PageSection("table", "By electrode and unit", tables=(_table(record),)),
            ),
            source="",
        )
    )


def _array_plate(grid: Grid, record: WaveformRecord) -> Plate:
    own = [one for one in record.means if one.electrode_id in grid.place]
    reach = _reach_uv(own)
    frame_uv = _FRAME / _REACH * reach
    caption = (
        "Mean waveform by unit; number of the electrode on the left, its spikes on the right. The band is one SD. "
        f"A frame is {frame_uv:,.0f} µV high, the same for all. Grey: unsorted; light grey: noise; blue, orange, "
        "green, red, violet: units 1 to 5."
    )
    return plate(_panels(grid, own, reach), grid.name, caption=caption, least_width_px=_PX_A_PANEL * grid.n_columns)


def _panels(grid: Grid, means: Sequence[MeanWaveform], reach: float) -> Figure:
    height = _PANEL_IN * grid.n_rows + 0.1
    figure, (axes,) = drawing.new_figure(width=_PANEL_IN * grid.n_columns + 0.1, height=height)
    axes.set_axis_off()
    axes.set_xlim(-0.03, grid.n_columns + 0.03)
    axes.set_ylim(-0.03, grid.n_rows + 0.03)
    n_spikes: dict[int, int] = {}
    for one in means:
        n_spikes[one.electrode_id] = n_spikes.get(one.electrode_id, 0) + one.n_spikes
    for electrode, (column, row) in grid.place.items():
        frame = Rectangle((column + 0.02, row + 0.02), _FRAME, _FRAME, facecolor="none", edgecolor=drawing.FAINT)
        axes.add_patch(frame)
        axes.text(column + 0.06, row + 0.94, str(electrode), va="top", fontsize=6.5, color=drawing.INK)
        spikes = n_spikes.get(electrode, 0)
        axes.text(column + 0.94, row + 0.94, count(spikes), va="top", ha="right", fontsize=6, color=drawing.SOFT)
    for one in means:
        _draw_mean(axes, one, grid.place[one.electrode_id], reach)
    return figure


def _draw_mean(axes: Axes, one: MeanWaveform, place: tuple[int, int], reach: float) -> None:
    stored = np.isfinite(one.mean_uv)
    if not stored.any():
        return
    n_samples = len(one.mean_uv)
    x = place[0] + _MARGIN + (1 - 2 * _MARGIN) * np.arange(n_samples) / max(n_samples - 1, 1)
    colour = _colour(one.unit)

    def height(uv: NDArray[np.float64]) -> NDArray[np.float64]:
        return place[1] + 0.45 + _REACH * np.clip(uv / reach, -1, 1)

    if np.isfinite(one.sd_uv).all():
        low, high = height(one.mean_uv - one.sd_uv), height(one.mean_uv + one.sd_uv)
        axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
    line = np.column_stack([x, height(one.mean_uv)])[stored]
    axes.add_collection(LineCollection([line], colors=[colour], linewidths=1.1))


def _reach_uv(means: Sequence[MeanWaveform]) -> float:
    """Return how far up and down a panel reaches: what nearly all mean waveforms fit in, rounded up to 10 uV."""
    peaks = [float(np.nanmax(np.abs(one.mean_uv))) for one in means if np.isfinite(one.mean_uv).any()]
    return max(10.0 * np.ceil(np.quantile(peaks, _SCALE_QUANTILE) * 1.1 / 10), 10.0) if peaks else 10.0


def _colour(unit: int) -> str:
    if unit == _UNSORTED:
        return drawing.SOFT
    return "#b9c3cc" if unit == _NOISE else _UNIT_COLOURS[(unit - 1) % len(_UNIT_COLOURS)]


def _table(record: WaveformRecord) -> Table:
    return Table(
        columns=("electrode", "label", "unit", "spikes", "rate", "trough", "peak", "trough to peak"),
        rows=tuple(_row(one, record) for one in record.means),
        caption="Rate: spikes over the seconds recorded in the chosen time. Trough, peak after it and the time between "
        "them: of the mean waveform.",
    )


def _row(one: MeanWaveform, record: WaveformRecord) -> tuple[str, ...]:
    unit = {_UNSORTED: "unsorted", _NOISE: "noise"}.get(one.unit, str(one.unit))
    first = (str(one.electrode_id), record.labels[one.electrode_id] or DASH, unit, count(one.n_spikes))
    stored = one.mean_uv[np.isfinite(one.mean_uv)]
    if len(stored) == 0:
        return (*first, _rate(one.n_spikes, record), DASH, DASH, DASH)
    trough = int(np.argmin(stored))
    peak = trough + int(np.argmax(stored[trough:]))
    return (
        *first,
        _rate(one.n_spikes, record),
        number(float(stored[trough]), unit="µV"),
        number(float(stored[peak]), unit="µV"),
        f"{1000 * (peak - trough) / record.sample_hz:.2f} ms",
    )


def _rate(n_spikes: float, record: WaveformRecord) -> str:
    return number(n_spikes / record.recorded_s, unit="Hz") if record.recorded_s > 0 else DASH
