"""Measured responses over stated levels, an objective a series."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from closedloop.analysis.objectives.followed import mean_over_images
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing

_HALF = 0.5
MARKED = (
    "Dashed: a site that follows wholly. Open: levels that at least half of the images did not reach by the model that "
    "made them."
)
"""What lines and markers mean."""


def followed_levels(effects: Columns) -> Figure:
    """Draw the mean response to each level, with its interval over clean images.

    Parameters
    ----------
    effects
        Columns of `day.objectives.tables.OBJECTIVE_EFFECTS`; levels among them.
    """
    figure, (axes,) = drawing.new_figure(1, width=6.4, height=4.3)
    is_level = effects["objective_kind"] == "level"
    names = list(dict.fromkeys(str(name) for name in effects["objective"][is_level]))
    for name, style in zip(names, drawing.named_series(len(names)), strict=True):
        own = is_level & (effects["objective"] == name)
        by_target = np.unique(effects["target"][own])  # of percentiles each site has another level: the mean of them
        rows = [own & (effects["target"] == target) for target in by_target]
        x = [float(effects["target_sd"][row].mean()) for row in rows]
        found = [mean_over_images(effects["made"][row], effects["image_id"][row]) for row in rows]
        y, low, high = (np.array(values, dtype=float) for values in list(zip(*found, strict=True))[:3])
        reach = np.abs(np.array([y - low, high - y]))  # NaN of one image alone: no interval is drawn
        axes.errorbar(x, y, reach, color=style.colour, marker=style.marker, linestyle=style.line, capsize=2, label=name)
        drawing.note_numbers(axes, name, x, y.tolist(), low=low.tolist(), high=high.tolist())
        far = [place for place, row in enumerate(rows) if effects["is_reached"][row].astype(bool).mean() <= _HALF]
        if far:
            missed_x, missed_y = [x[place] for place in far], y[far].tolist()
            axes.plot(missed_x, missed_y, style.marker, mfc="white", mec=style.colour, linestyle="", zorder=3)
            drawing.note_numbers(axes, f"{name}, not reached", missed_x, missed_y)
    ends = [float(effects["target_sd"][is_level].min()), float(effects["target_sd"][is_level].max())]
    axes.plot(ends, ends, color=drawing.SOFT, linewidth=1.2, linestyle="--", label="follows wholly")
    axes.set_xlabel("level that was asked (SD of the model's responses)")
    axes.set_ylabel("measured response (SD)")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
