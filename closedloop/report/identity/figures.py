"""Sites by days: what each is, by a letter in its cell, so that no colour has to be told from another."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from closedloop.artifacts.day.identity import IdentityState, IdentityTable, SiteIdentity
from closedloop.report.drawing import (
    FAINT,
    GAUSSIAN,
    INK,
    PREFERRED,
    SITE_LIGHT,
    SOFT,
    WHITE_BOX,
    new_figure,
    note_numbers,
)

LETTERS: dict[IdentityState, str] = {
    "same": "",
    "moved": "M",
    "retuned": "R",
    "lost": "L",
    "dead": "D",
    "missing": "–",
    "unknown": "?",
}
_FACES: dict[IdentityState, str] = {
    "same": SITE_LIGHT,
    "moved": PREFERRED,
    "retuned": WHITE_BOX,
    "lost": GAUSSIAN,
    "dead": INK,
    "missing": "white",
    "unknown": FAINT,
}
_ON_LIGHT: tuple[IdentityState, ...] = ("missing", "unknown")
_ROW_IN, _COLUMN_IN = 0.21, 0.42  # inches
_NAMES_IN, _AROUND_IN = 2.2, 1.0
_CELL = 0.86  # of a row and a column


def strip(tables: Sequence[IdentityTable]) -> Figure:
    """Draw the sites of the model (rows) by days (columns): a letter in the cell of each that is not the same.

    Parameters
    ----------
    tables
        Of the days, ascending.
    """
    rows = [one.neuroid_id for one in tables[-1].sites()]
    width = _NAMES_IN + _COLUMN_IN * max(len(tables), 6)
    figure, [axes] = new_figure(width=width, height=_AROUND_IN + _ROW_IN * max(len(rows), 3))
    place = {name: row for row, name in enumerate(rows)}
    for column, table in enumerate(tables):
        for one in table.sites():
            if one.neuroid_id in place:
                _draw_cell(axes, column, place[one.neuroid_id], one)
    for name in rows:
        own = [(table.day, _r(table, name)) for table in tables]
        note_numbers(axes, name, [day for day, _ in own], [r for _, r in own])
    axes.set_xlim(-0.5, max(len(tables), 6) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(tables)), [str(table.session.seed_name) for table in tables])
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("day", loc="left")
    return figure


def _draw_cell(axes: Axes, column: int, row: int, one: SiteIdentity) -> None:
    corner = column - _CELL / 2, row - _CELL / 2
    edge = SOFT if one.state in _ON_LIGHT else _FACES[one.state]
    axes.add_patch(Rectangle(corner, _CELL, _CELL, facecolor=_FACES[one.state], edgecolor=edge, linewidth=0.8))
    if LETTERS[one.state]:
        colour = INK if one.state in _ON_LIGHT else "white"
        axes.text(
            column, row, LETTERS[one.state], ha="center", va="center", color=colour, fontsize=9, fontweight="bold"
        )


def _r(table: IdentityTable, name: str) -> float:
    found = next((one.correlation for one in table.electrodes if one.neuroid_id == name), None)
    return math.nan if found is None else found
