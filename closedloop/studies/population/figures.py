"""Figures of the study: accuracy over epsilon, what is lost against what is moved, what of it the decoder sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.studies.population.documents import PopulationStudy
from closedloop.studies.population.naming import KINDS, SPACES


def accuracy_over_epsilon(document: PopulationStudy, decoding: Columns, *, truth: bool) -> Figure:
    """Draw the part decoded rightly over epsilon, a curve a kind of change; clean images and chance as lines.

    Parameters
    ----------
    document
        Has chance.
    decoding
        Table `DECODING`.
    truth
        Whether a second panel shows the hidden cortex.
    """
    figure, panels = drawing.new_figure(2 if truth else 1, width=11.2 if truth else 8.2, height=4.8, sharey=True)
    epsilons = sorted({epsilon for epsilon in decoding["epsilon"].tolist() if epsilon > 0})
    for axes, is_truth in zip(panels, (False, True), strict=False):
        own = _where(decoding, truth=is_truth)
        _level(axes, own, colour=drawing.INK)
        kinds = [kind for kind in KINDS if _where(own, kind=kind)["epsilon"].max(initial=0) > 0]
        for place, kind in enumerate(kinds):
            _curve(axes, _where(own, kind=kind), kind, drawing.beside(epsilons, place=place, n=len(kinds)))
        axes.axhline(document.chance, color=drawing.SOFT, linestyle=":", linewidth=1.3, label="chance (shuffled)")
        axes.set_title("simulated truth: the hidden cortex, no noise" if is_truth else "recorded")
        axes.set_ylim(bottom=0)
        drawing.epsilon_axis(axes, epsilons)
    panels[0].set_ylabel("decoded rightly")
    _legend(figure, panels, n_columns=3 if truth else 2)
    return figure


def lost_against_moved(decoding: Columns, *, truth: bool) -> Figure:
    """Draw the accuracy lost against the RMS movement of the sites, a point a kind of change and epsilon.

    Parameters
    ----------
    decoding
        Table `DECODING`.
    truth
        Whether a second panel shows the hidden cortex.
    """
    figure, panels = drawing.new_figure(2 if truth else 1, width=11.2 if truth else 7.2, height=4.6, sharey=True)
    for axes, is_truth in zip(panels, (False, True), strict=False):
        own = _where(decoding, truth=is_truth)
        for kind, look in KINDS.items():
            part = _where(own, kind=kind)
            if kind == "clean" or not len(part["epsilon"]):
                continue
            x, y = part["moved"], part["lost"]
            across, along = (_bars(part, name) for name in ("moved", "lost"))
            axes.errorbar(
                *(x, y),
                xerr=across,
                yerr=along,
                color=look.colour,
                marker=look.marker,
                linestyle="",
                elinewidth=1.0,
                label=look.name,
            )
            drawing.note_numbers(
                axes, look.name, x.tolist(), y.tolist(), low=_ends(part, "low"), high=_ends(part, "high")
            )
        axes.axhline(0, color=drawing.SOFT, linewidth=0.8)
        axes.set_xlabel("RMS movement of a site (SD)")
        axes.set_title("simulated truth: the hidden cortex, no noise" if is_truth else "recorded")
    panels[0].set_ylabel("accuracy lost, clean − changed")
    _legend(figure, panels, n_columns=3 if truth else 2)
    return figure


def seen_by_decoder(redundancy: Columns, *, epsilons: Sequence[float]) -> Figure:
    """Draw which part of the squared movement the decoder sees, a panel a space; the shaded range is chance's.

    Parameters
    ----------
    redundancy
        Table `REDUNDANCY`.
    epsilons
        Whose changes are drawn.
    """
    spaces = [space for space in SPACES if space != "row_space" or _is_partial(redundancy)]
    figure, panels = drawing.new_figure(len(spaces), width=4.9 * len(spaces) + 1.6, height=4.6, sharey=True)
    rows = _drawn_rows(redundancy, epsilons)
    for axes, space in zip(panels, spaces, strict=True):
        own = _where(redundancy, space=space)
        for place, (kind, epsilon) in enumerate(rows):
            _seen_point(axes, _where(own, kind=kind, epsilon=epsilon), kind, height=-place)
        axes.set_yticks([-place for place in range(len(rows))], [_named(kind, epsilon) for kind, epsilon in rows])
        axes.set_xlabel("part of the squared movement")
        axes.set_title(f"{SPACES[space]}, {own['n_axes'][0]} of {own['n_sites'][0]}")
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    return figure


def _seen_point(axes: Axes, one: Columns, kind: str, *, height: int) -> None:
    look = KINDS[kind]
    low, high, middle = (float(one[name][0]) for name in ("random_low", "random_high", "random"))
    axes.fill_betweenx([height - 0.32, height + 0.32], low, high, color=drawing.FAINT)
    axes.plot([middle, middle], [height - 0.32, height + 0.32], color=drawing.SOFT, linewidth=1.2)
    seen = float(one["seen"][0])
    axes.errorbar([seen], [height], xerr=_bars(one, "seen"), color=look.colour, marker=look.marker, linestyle="")
    drawing.note_numbers(
        axes,
        look.name,
        [seen],
        [float(one["epsilon"][0])],
        low=one["seen_low"].tolist(),
        high=one["seen_high"].tolist(),
    )


def _drawn_rows(redundancy: Columns, epsilons: Sequence[float]) -> list[tuple[str, float]]:
    """Return kinds and epsilons whose part is known with an interval, in the order of the names."""
    known = np.isfinite(redundancy["seen_low"]) & np.isin(redundancy["epsilon"], [0.0, *epsilons])
    there = set(zip(redundancy["kind"][known].tolist(), redundancy["epsilon"][known].tolist(), strict=True))
    return [(kind, epsilon) for kind in KINDS for epsilon in sorted(e for k, e in there if k == kind)]


def _is_partial(redundancy: Columns) -> bool:
    return bool((redundancy["n_axes"] < redundancy["n_sites"])[redundancy["space"] == "row_space"].any())


def _named(kind: str, epsilon: float) -> str:
    return KINDS[kind].name + (f", ε = {epsilon:g}" if epsilon else "")


def _level(axes: Axes, own: Columns, *, colour: str) -> None:
    clean = _where(own, kind="clean")
    if not len(clean["accuracy"]):
        return
    low, high, middle = (float(clean[name][0]) for name in ("accuracy_low", "accuracy_high", "accuracy"))
    axes.axhspan(low, high, color=drawing.FAINT, zorder=0)
    axes.axhline(middle, color=colour, linestyle="--", linewidth=1.4, label="clean")
    drawing.note_numbers(axes, "clean", [0.0], [middle], low=[low], high=[high])


def _curve(axes: Axes, own: Columns, kind: str, shift: float) -> None:
    look = KINDS[kind]
    order = np.argsort(own["epsilon"])
    x, y = own["epsilon"][order], own["accuracy"][order]
    bars = _bars({name: column[order] for name, column in own.items()}, "accuracy")
    axes.errorbar(x * shift, y, yerr=bars, color=look.colour, marker=look.marker, elinewidth=1.2, label=look.name)
    low, high = (own[f"accuracy_{end}"][order].tolist() for end in ("low", "high"))
    drawing.note_numbers(axes, look.name, x.tolist(), y.tolist(), low=low, high=high)


def _bars(own: Columns, name: str) -> Any:
    """Return the lengths of error bars; none where an end is not known."""
    reach = np.stack([own[name] - own[f"{name}_low"], own[f"{name}_high"] - own[name]])
    return np.where(np.isfinite(reach), np.maximum(reach, 0), 0)


def _ends(own: Columns, end: str) -> list[float]:
    return [float(value) for value in own[f"lost_{end}"]]


def _legend(figure: Figure, panels: Sequence[Axes], *, n_columns: int) -> None:
    """Name each curve once, wherever it is drawn."""
    named: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=n_columns)


def _where(table: Columns, **wanted: Any) -> Columns:
    keep = np.logical_and.reduce([table[name] == value for name, value in wanted.items()])
    return {name: column[keep] for name, column in table.items()}
