"""Figure 6: a heat map a criterion, with the best and what cannot be told from it; every cell with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.studies.screening.documents import ScreenedLayers, ScreeningStudy
from closedloop.studies.screening.settings import CKA, PLS, RIDGE, TRANSFER

TITLES = {
    CKA: "A. Similarity to IT (CKA)",
    RIDGE: "B. Linear predictivity (ridge)",
    PLS: "Linear predictivity (PLS)",
    TRANSFER: "C. Transfer to IT",
}
BEST, ALIKE = "✱", "○"

_COLOURS = "GnBu"
_GAP = 0.35  # between networks that were trained and those that were not
_DARK = 0.6  # of the colours: white type from here on
_NETWORK_COLOURS = (
    drawing.SITE,
    drawing.LINEAR,
    drawing.GAUSSIAN,
    drawing.WHITE_BOX,
    drawing.OTHER_SITE,
    drawing.YESTERDAY,
    drawing.CROSS,
    drawing.SOFT,
)


def figure_6(document: ScreeningStudy, cells: Columns, *, which: Sequence[str] = (CKA, RIDGE, TRANSFER)) -> Figure:
    """Draw layers over training epsilons, a heat map a criterion; of several epsilons of a transfer the largest.

    Parameters
    ----------
    document
        What was compared.
    cells
        Table ``SCREENING_CELLS``.
    which
        Criteria, in the order of the panels; one that the table lacks is left out.
    """
    shown = [(name, largest_epsilon(cells, name)) for name in which if (cells["criterion"] == name).any()]
    grid = _grid(document)
    width = 1.2 + 0.64 * max(len(grid.columns), 4)
    figure, panels = drawing.new_figure(len(shown), width=width * len(shown), height=1.6 + 0.42 * len(grid.rows))
    for axes, (name, epsilon) in zip(panels, shown, strict=True):
        own = _of(cells, name, epsilon)
        _heat_map(axes, own, grid)
        axes.set_title(f"{TITLES[name]}, ε = {epsilon:g}" if epsilon else TITLES[name])
    return figure


def every_cell(document: ScreeningStudy, cells: Columns) -> Figure:
    """Draw each cell's value and 95 % interval, a panel a criterion; those alike the best are filled."""
    shown = [
        (name, float(epsilon))
        for name in (CKA, RIDGE, PLS, TRANSFER)
        for epsilon in np.unique(cells["epsilon"][cells["criterion"] == name])
    ]
    names = [network.name for network in document.networks]
    n_rows = len(_of(cells, *shown[0])["value"])
    figure, panels = drawing.new_figure(
        len(shown), width=3.0 * len(shown) + 1.6, height=1.3 + 0.21 * n_rows, sharey=True
    )
    for axes, (name, epsilon) in zip(panels, shown, strict=True):
        own = _of(cells, name, epsilon)
        place = np.arange(n_rows)
        for network in names:
            rows = own["network"] == network
            colour = _NETWORK_COLOURS[names.index(network) % len(_NETWORK_COLOURS)]
            axes.hlines(place[rows], own["low"][rows], own["high"][rows], color=colour, linewidth=2)
            for alike, face in ((True, colour), (False, "white")):
                some = rows & (own["alike_best"] == alike)
                axes.plot(own["value"][some], place[some], "o", color=colour, markerfacecolor=face, markersize=5)
            drawing.note_numbers(
                axes,
                network,
                place[rows].tolist(),
                own["value"][rows].tolist(),
                low=own["low"][rows].tolist(),
                high=own["high"][rows].tolist(),
            )
        axes.set_title(f"{TITLES[name]}, ε = {epsilon:g}" if epsilon else TITLES[name])
        axes.set_xlabel("σ, root mean square" if name == TRANSFER else "")
        axes.set_yticks(place, [_label(own, row) for row in range(n_rows)])
        axes.set_ylim(n_rows - 0.4, -0.6)
    return figure


def column_label(network: ScreenedLayers) -> str:
    """Return what stands under a network's column: its training epsilon where it is known."""
    return network.name if network.training_epsilon is None else f"{network.training_epsilon:g}"


def largest_epsilon(cells: Columns, criterion: str) -> float:
    """Return the largest epsilon at which a criterion was measured."""
    return float(cells["epsilon"][cells["criterion"] == criterion].max())


@dataclass(frozen=True)
class _HeatMapGrid:
    """Where each cell stands: rows from the bottom up, columns from left to right."""

    rows: tuple[str, ...]
    columns: dict[str, float]
    labels: dict[str, str]


def _grid(document: ScreeningStudy) -> _HeatMapGrid:
    networks = [network for network in document.networks if network.kind != "pixels"]
    layers = list(dict.fromkeys(layer for network in networks for layer in network.layers))
    columns: dict[str, float] = {}
    place = 0.0
    for before, network in zip([None, *networks], networks, strict=False):
        place += _GAP if before is not None and before.kind != network.kind else 0.0
        columns[network.name] = place
        place += 1
    same = [column_label(network) for network in networks]
    labels = {
        network.name: column_label(network) if same.count(column_label(network)) == 1 else network.name
        for network in networks
    }
    return _HeatMapGrid(("pixels", *layers), columns, labels)


def _heat_map(axes: Axes, own: Columns, grid: _HeatMapGrid) -> None:
    top = float(own["value"].max())
    norm, colours = Normalize(0.0, top if top > 0 else 1.0), _colour_map()
    right = max(grid.columns.values()) + 1
    for row in range(len(own["value"])):
        layer, network = str(own["layer"][row]), str(own["network"][row])
        bottom = grid.rows.index(layer)
        left, width = (grid.columns[network], 1.0) if network in grid.columns else (0.0, right)
        value = float(own["value"][row])
        dark = norm(max(value, 0.0)) > _DARK
        axes.add_patch(
            Rectangle((left, bottom), width, 1, facecolor=colours(norm(max(value, 0.0))), edgecolor="white", lw=1.5)
        )
        mark = BEST if own["best"][row] else ALIKE if own["alike_best"][row] else ""
        text = f"{value:.2f}".replace("-", "−") + (f"\n{mark}" if mark else "")
        axes.text(
            left + width / 2,
            bottom + 0.5,
            text,
            ha="center",
            va="center",
            fontsize=8.5,
            linespacing=0.9,
            color="white" if dark else drawing.INK,
        )
        drawing.note_numbers(
            axes, network, [bottom], [value], low=[float(own["low"][row])], high=[float(own["high"][row])]
        )
    axes.set_xlim(-0.05, right + 0.05)
    axes.set_ylim(-0.05, len(grid.rows) + 0.05)
    axes.set_xticks([place + 0.5 for place in grid.columns.values()], [grid.labels[name] for name in grid.columns])
    if any(len(label) > 10 for label in grid.labels.values()):
        axes.tick_params(axis="x", rotation=30)
    axes.set_yticks(np.arange(len(grid.rows)) + 0.5, list(grid.rows))
    axes.set_xlabel("training ε")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _colour_map() -> Any:

    return colormaps[_COLOURS]


def _of(cells: Columns, criterion: str, epsilon: float) -> Columns:
    own = (cells["criterion"] == criterion) & (cells["epsilon"] == epsilon)
    return {name: column[own] for name, column in cells.items()}


def _label(own: Columns, row: int) -> str:
    network, layer = str(own["network"][row]), str(own["layer"][row])
    return layer if network == layer else f"{network} {layer}"
