"""How every figure looks: colours that colour-blind eyes tell apart, one size of type, SVG inside the page.

Figures are drawn through matplotlib's object interface; nothing here or below touches pyplot's global state.
"""

from __future__ import annotations

import base64
import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

INK, SOFT, FAINT = "#1f2933", "#627282", "#dde3e9"
SITE = "#1f6fb4"  # IT in blue, as in the paper
SITE_LIGHT = "#a9cbe8"
GAUSSIAN = "#2a9d5c"  # green and orange: Figure 5
LINEAR = "#e07b00"
TRUE = "#0b2545"
WHITE_BOX = "#8b5fbf"
UNITS = "#111111"
PREFERRED = "#c8102e"  # red: Figure 2C
CROSS = "#6fb7c9"
OTHER_SITE = "#b5477d"
YESTERDAY = "#7a8b3c"

_PAGE_FONTS = "'Inter', 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
_PNG_DPI = 160
_SPREAD, _MOST_SPREAD = 0.3, 0.6  # width of what is drawn side by side at an epsilon, as a part of the way to the next
_FEW = 4  # epsilons; of more each has less room, and its series take a larger part of it
_MARGIN = 0.1  # beyond the series of the first and the last epsilon, likewise
_LEAST_MARGIN = 1.22
_LABEL_APART = 0.1  # of the axis: labels that stand closer cover each other
_SETTINGS: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#aab4be",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#eef1f4",
    "text.color": INK,
    "text.parse_math": False,  # categories and arrays are named by people: what stands between two $ is text as well
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "figure.autolayout": False,  # whatever a person's own matplotlibrc says: no engine comes back
    "figure.constrained_layout.use": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "closedloop",
}


def style() -> Any:
    """Return a context in which figures are made and saved in the page's style."""
    return mpl.rc_context(_SETTINGS)


@dataclass(frozen=True)
class DrawnSeries:
    """What one curve, row of points or histogram of a figure shows; `low` and `high` are empty without an interval."""

    axes: Axes
    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class PageFigure(Figure):
    """A figure that knows the numbers it was drawn from, so that they can stand in a file beside it."""

    drawn: list[DrawnSeries]


def note_numbers(
    axes: Axes,
    name: str,
    x: Sequence[float],
    y: Sequence[float],
    *,
    low: Sequence[float] = (),
    high: Sequence[float] = (),
) -> None:
    """Remember what is drawn, as it is and not where a crowded or logarithmic axis puts it.

    Parameters
    ----------
    axes
        The panel.
    name
        Of the series.
    x, y
        Of each point.
    low, high
        Ends of its interval.
    """
    figure = axes.get_figure(root=True)
    if isinstance(figure, PageFigure):
        figure.drawn.append(DrawnSeries(axes, name, tuple(x), tuple(y), tuple(low), tuple(high)))


NUMBER_COLUMNS = ("panel", "series", "x_axis", "x", "y_axis", "y", "interval_low", "interval_high")


def numbers_of(figure: Figure) -> tuple[tuple[str, ...], ...]:
    """Return what a figure noted as `NUMBER_COLUMNS`, a row a point."""
    if not isinstance(figure, PageFigure):
        return ()
    labels = {name: _label(figure, name) for name in ("x", "y")}
    rows = []
    for series in figure.drawn:
        axes = series.axes
        own = axes.get_title(loc="left"), series.name
        x_axis, y_axis = axes.get_xlabel() or labels["x"], axes.get_ylabel() or labels["y"]
        for place, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
            ends = (f"{series.low[place]:.6g}", f"{series.high[place]:.6g}") if series.low else ("", "")
            rows.append((*own, x_axis, f"{x:.6g}", y_axis, f"{y:.6g}", *ends))
    return tuple(rows)


def _label(figure: Figure, name: str) -> str:
    """Return the label of an axis that panels share."""
    labels = [axes.get_xlabel() if name == "x" else axes.get_ylabel() for axes in figure.axes]
    return next((label for label in labels if label), "")


def new_figure(
    n_columns: int = 1, n_rows: int = 1, *, width: float, height: float, **panels: Any
) -> tuple[PageFigure, list[Axes]]:
    """Return a new figure and its axes, row by row.

    Parameters
    ----------
    n_columns, n_rows
        Panels.
    width, height
        Of the whole figure, inches.
    panels
        What else `matplotlib.figure.Figure.subplots` takes.
    """
    figure = PageFigure(figsize=(width, height), layout="constrained")
    figure.drawn = []
    axes = np.atleast_1d(figure.subplots(n_rows, n_columns, squeeze=False, **panels)).ravel().tolist()
    return figure, axes


def svg_uri(figure: Figure) -> str:
    """Return a figure as a data URI; the same figure gives the same bytes."""
    return data_uri(svg(figure), "image/svg+xml")


def svg(figure: Figure) -> bytes:
    """Return a figure as a file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    FigureCanvasSVG(figure)
    with mpl.rc_context(_SETTINGS):
        _lay_out(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue().decode().replace("'DejaVu Sans'", _PAGE_FONTS).encode()


def png(figure: Figure) -> bytes:
    """Return a figure as an image file, for slides; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    with mpl.rc_context(_SETTINGS):
        _lay_out(figure)
        figure.savefig(buffer, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _lay_out(figure: Figure) -> None:
    """Fix the layout now: saving a figure that has a layout engine, even one named "none", draws everything twice."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def data_uri(content: bytes, media_type: str) -> str:
    """Return bytes as a URI that needs no file beside the page."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def beside(epsilons: Sequence[float], *, place: int, n: int) -> float:
    """Return the factor that sets one of n series at an epsilon beside its neighbours, so that no point covers another.

    Parameters
    ----------
    epsilons
        Of the axis, ascending.
    place, n
        Which series it is, and of how many.
    """
    return float(_step(epsilons) ** (_spread(epsilons) * (place - (n - 1) / 2) / max(n - 1, 1)))


def _spread(epsilons: Sequence[float]) -> float:
    return min(_SPREAD * max(len(epsilons) / _FEW, 1), _MOST_SPREAD)


def _step(epsilons: Sequence[float]) -> float:
    """Return the smallest ratio of neighbours."""
    return min((b / a for a, b in itertools.pairwise(epsilons)), default=2.0)


def epsilon_axis(axes: Axes, epsilons: Sequence[float], *, label: bool = True) -> None:
    """Make x a logarithmic axis that is ticked at the epsilons of the study and holds what is drawn `beside` them.

    Parameters
    ----------
    axes
        Changed in place.
    epsilons
        At 224 px, ascending.
    label
        Whether the axis is labelled.
    """
    margin = max(_LEAST_MARGIN, _step(epsilons) ** (_spread(epsilons) / 2 + _MARGIN))
    low, high = min(epsilons) / margin, max(epsilons) * margin
    labelled = _apart(epsilons, least=_LABEL_APART * math.log(high / low))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(list(epsilons)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value in labelled else ""))
    axes.set_xlim(low, high)
    if label:
        axes.set_xlabel("perturbation size ε  (L2, 224-px scale)")


def _apart(epsilons: Sequence[float], *, least: float) -> list[float]:
    """Return those epsilons whose logarithm is at least so far from that of the last one returned."""
    kept: list[float] = []
    for epsilon in epsilons:
        if not kept or math.log(epsilon / kept[-1]) >= least:
            kept.append(epsilon)
    return kept


def day_axis(axes: Axes, days: Sequence[int]) -> None:
    """Make x the recording day, ticked at every day."""
    axes.xaxis.set_major_locator(FixedLocator([float(day) for day in days]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.set_xlim(min(days) - 0.4, max(days) + 0.4)
    axes.set_xlabel("recording day")


def day_colours(n_days: int) -> list[str]:
    """Return blues from light to dark, one a day, the last one the colour of IT's final day."""
    light, dark = np.array([0.74, 0.85, 0.94]), np.array([0.05, 0.24, 0.47])
    steps = np.linspace(0, 1, n_days) if n_days != 1 else np.array([1.0])
    return [mpl.colors.to_hex(light + step * (dark - light)) for step in steps]


class SeriesStyle(NamedTuple):
    """How a series is drawn, as matplotlib names it."""

    colour: str
    marker: str
    line: str


def named_series(n_series: int) -> list[SeriesStyle]:
    """Return how to draw some series that have names and no order, so that they are told apart without colour."""
    colours, markers, lines = (SITE, LINEAR, GAUSSIAN, OTHER_SITE, WHITE_BOX, UNITS), "os^Dv*", ("-", "-.", ":")
    return [
        SeriesStyle(
            colours[place % len(colours)], markers[place % len(markers)], lines[place // len(colours) % len(lines)]
        )
        for place in range(n_series)
    ]
