"""The scale of perturbations with its landmarks (Figure 1C)."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from closedloop.report import drawing
from closedloop.report.perturbations.landmarks import QUOTED, Landmark, QuotedLandmark

_LOW, _HIGH = 0.3, 600.0
_WIDTH, _HEIGHT = 12.4, 5.0
_LINE = 0.40  # height of the scale
_THUMB = 0.066  # width of a picture, as a part of the figure's
_TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 400)


def figure_1c(found: Sequence[Landmark], *, studied: tuple[float, float]) -> Figure:
    """Draw sizes on a logarithmic scale: the images' own landmarks above it, the paper's below.

    Parameters
    ----------
    found
        Of the study's images, ascending.
    studied
        The smallest and the largest epsilon of the study.
    """
    figure, (axes,) = drawing.new_figure(width=_WIDTH, height=_HEIGHT)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.axis("off")
    _scale(axes, studied)
    for place, one in enumerate(found):
        _above(axes, one, slot=(place + 0.5) / len(found))
    for place, quoted in enumerate(QUOTED):
        _below(axes, quoted, slot=(place + 0.5) / len(QUOTED))
    return figure


def at(size: float) -> float:
    """Return where a size stands on the scale, from 0 to 1."""
    return math.log(size / _LOW) / math.log(_HIGH / _LOW)


def _scale(axes: Axes, studied: tuple[float, float]) -> None:
    low, high = studied
    ends = (at(low / 1.02), at(high * 1.02))
    axes.fill_between(ends, _LINE - 0.022, _LINE + 0.022, color=drawing.SITE, alpha=0.35, linewidth=0)
    axes.plot([0, 1], [_LINE, _LINE], color=drawing.INK, linewidth=1.2)
    for tick in _TICKS:
        axes.plot([at(tick)] * 2, [_LINE - 0.012, _LINE], color=drawing.INK, linewidth=1.0)
        axes.text(at(tick), _LINE - 0.03, f"{tick:g}", ha="center", va="top", fontsize=10, color=drawing.SOFT)
    axes.text(0, _LINE - 0.09, "L2 norm, 224-px scale", fontsize=10, color=drawing.SOFT, va="top")
    middle = sum(ends) / 2
    axes.text(middle, _LINE - 0.09, "studied here", fontsize=10, color=drawing.SITE, ha="center", va="top")


def _above(axes: Axes, one: Landmark, *, slot: float) -> None:
    x = at(one.size)
    axes.plot([x], [_LINE + 0.022], marker="v", color=drawing.INK, markersize=7)
    axes.plot([x, slot], [_LINE + 0.04, 0.6], color=drawing.SOFT, linewidth=0.7)
    low, high = one.quartiles
    if high > low:
        axes.plot([at(low), at(high)], [_LINE + 0.022] * 2, color=drawing.INK, linewidth=2.4, alpha=0.5)
    tall = _THUMB * _WIDTH / _HEIGHT
    if one.example is not None:
        extent = (slot - _THUMB / 2, slot + _THUMB / 2, 0.61, 0.61 + tall)
        axes.imshow(one.example, extent=extent, aspect="auto", interpolation="nearest")
        frame = Rectangle(extent[::2], _THUMB, tall, fill=False, edgecolor=drawing.SOFT, linewidth=0.6)
        axes.add_patch(frame)  # a white picture is one too
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
    words = "\n".join([*textwrap.wrap(one.name, 14), f"{one.size:.3g}"])
    axes.text(slot, 0.62 + tall, words, ha="center", va="bottom", fontsize=9)
    drawing.note_numbers(axes, one.name, [one.size], [math.nan], low=[low], high=[high])


def _below(axes: Axes, quoted: QuotedLandmark, *, slot: float) -> None:
    x = [at(quoted.low), at(quoted.high)]
    axes.plot(x, [_LINE - 0.1] * 2, color=drawing.PREFERRED, linewidth=3, solid_capstyle="butt", marker="^")
    axes.plot([sum(x) / 2, slot], [_LINE - 0.12, 0.16], color=drawing.PREFERRED, linewidth=0.7, alpha=0.6)
    ends = f"{quoted.low:.3g}" if quoted.low == quoted.high else f"{quoted.low:.3g} to {quoted.high:.3g}"
    axes.text(slot, 0.15, f"{quoted.name}\n{ends}", ha="center", va="top", fontsize=10, color=drawing.PREFERRED)
    drawing.note_numbers(axes, f"{quoted.name} (the paper)", [quoted.low, quoted.high], [math.nan] * 2)
