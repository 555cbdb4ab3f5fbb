"""The picture of docs/scaling.md: processor time of every stage over the work, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchmarks.scaling.sizes import AXES, FACTORS
from benchmarks.scaling.slopes import Slope
from closedloop.report.drawing import SOFT, named_series, new_figure, png, style
from closedloop.storage import write_bytes

STAGES = (
    "plan",
    "synthesize",
    "schedule",
    "present",
    "recording",
    "ingest",
    "refit",
    "evaluate",
    "queue",
    "report",
)
_COLUMNS = 5


def draw(slopes: Sequence[Slope], path: Path) -> None:
    """Draw a panel a stage: seconds at one, three and ten times the work, a line an axis, and a slope of 1.

    Parameters
    ----------
    slopes
        Of all stages and axes.
    path
        PNG.
    """
    axes_drawn = [axis for axis in AXES if axis != "days"]
    with style():
        figure, panels = new_figure(_COLUMNS, len(STAGES) // _COLUMNS, width=13, height=5.6, sharex=True, sharey=True)
        for panel, stage in zip_longest(panels, STAGES):
            panel.set_title(stage)
            panel.set_xscale("log")
            panel.set_yscale("log")
            panel.plot(FACTORS, [0.1 * factor for factor in FACTORS], color=SOFT, linewidth=1, linestyle=(0, (2, 2)))
            for axis, series in zip(axes_drawn, named_series(len(axes_drawn)), strict=True):
                found = [one for one in slopes if (one.axis, one.stage, one.cost) == (axis, stage, "cpu_s")]
                for one in found:
                    panel.plot(
                        one.factors, one.values, color=series.colour, marker=series.marker, label=axis, linewidth=1.6
                    )
            panel.xaxis.set_major_locator(FixedLocator(FACTORS))
            panel.xaxis.set_minor_locator(NullLocator())
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} x"))
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        for panel in panels[::_COLUMNS]:
            panel.set_ylabel("CPU seconds of a day")
        handles, labels = panels[1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
        write_bytes(path, png(figure))
