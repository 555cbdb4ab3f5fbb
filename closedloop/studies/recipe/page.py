"""The page of a comparison: what each recipe attains over days, and what each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, plate, render
from closedloop.report.tables import Table
from closedloop.report.wording import count, number, percent
from closedloop.studies.recipe.documents import RecipeStudy
from closedloop.studies.recipe.judge import EPSILONS
from closedloop.studies.recipe.recipes import Recipe
from closedloop.studies.recipe.tables import ALL_SUBJECTS, COSINE

_COLOURS = (drawing.SITE, drawing.PREFERRED, drawing.GAUSSIAN, drawing.LINEAR, drawing.WHITE_BOX, drawing.UNITS)

_SENTENCES = (
    ("attained", "true change along the way predicted, over the change by the cortex's own gradient; means over pairs"),
    ("cosine", "between the gradient that attacks follow and the cortex's own at the anchors, mean over pairs"),
    ("interval", "95 %, bootstrap: anchors and sites are drawn anew"),
    ("pairs", "252 of a subject: 21 sites, 12 anchors each, never fitted"),
    ("passes", "images that the day's fit goes through, all members and epochs: what a refit costs"),
)


def recipes_page(document: RecipeStudy, days: Columns, *, command: str) -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    document
        What was asked.
    days
        Table `RECIPE_DAYS`.
    command
        The command line that the page shows.
    """
    label = ALL_SUBJECTS if len(document.subjects) > 1 else document.subjects[0]
    names = [recipe.name for recipe in document.recipes]
    whole = _where(days, subject=label)
    with drawing.style():
        figure = plate(
            over_days(whole, names=names),
            "Attained over days",
            caption="True change over the white box's at three epsilons; bars: 95 % interval.",
        )
    sections = (
        PageSection("headline", "In short", cards=tuple(_card(whole, name) for name in names)),
        PageSection("days", "Over days", wide=(figure,), tables=(_table(whole, names),)),
        PageSection(
            "subjects",
            "Every subject",
            folded=tuple((one, _table(_where(days, subject=one), names)) for one in document.subjects),
        ),
        PageSection("recipes", "What the recipes are", tables=(_recipes(document.recipes), _definitions())),
    )
    return render(
        Page(
            title="Recipes of the loop",
            subtitle="How near the model comes to the simulated cortex under each recipe, in memory, on counts alone.",
            facts=(
                ("Subjects", ", ".join(document.subjects)),
                ("Versions", f"closedloop {document.code_version}, seed {document.seed}"),
            ),
            command=command,
            simulated=True,
            notices=(),
            links=(),
            sections=sections,
        )
    )


def over_days(days: Columns, *, names: Sequence[str]) -> Figure:
    """Draw what each recipe attains over days, a panel an epsilon.

    Parameters
    ----------
    days
        Rows of `RECIPE_DAYS` of one label.
    names
        Recipes, in the order of the legend.
    """
    figure, panels = drawing.new_figure(len(EPSILONS), 1, width=11.0, height=3.8)
    for axes, epsilon in zip(panels, EPSILONS, strict=True):
        for place, name in enumerate(names):
            own = _where(days, recipe=name, epsilon=epsilon)
            colour = _COLOURS[place % len(_COLOURS)]
            bars = np.stack([own["attained"] - own["low"], own["high"] - own["attained"]])
            axes.errorbar(own["day"], own["attained"], yerr=bars, color=colour, marker="o", capsize=2, label=name)
        axes.set_title(f"ε = {epsilon:g}")
        axes.set_ylim(bottom=0)
        drawing.day_axis(axes, sorted(set(days["day"].tolist())))
    panels[0].set_ylabel("attained / white box")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(names), 5))
    return figure


def _card(days: Columns, name: str) -> Card:
    own = _where(days, recipe=name)
    last = own["day"].max()
    values = [_interval(_row(own, day=last, epsilon=epsilon)) for epsilon in EPSILONS]
    cosine = number(_row(own, day=last, epsilon=COSINE)["attained"])
    return Card(name, values[0].split(" ")[0], f"day {last}: {' / '.join(values)} of the white box; cosine {cosine}")


def _table(days: Columns, names: Sequence[str]) -> Table:
    rows = []
    for name in names:
        own = _where(days, recipe=name)
        for day in sorted(set(own["day"].tolist())):
            first = _row(own, day=day, epsilon=EPSILONS[0])
            rows.append(
                (
                    name,
                    str(day),
                    _interval(_row(own, day=day, epsilon=COSINE)),
                    *(_interval(_row(own, day=day, epsilon=epsilon)) for epsilon in EPSILONS),
                    percent(first["right_sign"]),
                    count(first["n_fitted"]),
                    count(first["n_passes"]),
                )
            )
    return Table(
        columns=("", "day", "cosine", *(f"ε = {epsilon:g}" for epsilon in EPSILONS), "signs", "fitted (n)", "passes"),
        rows=tuple(rows),
        caption="Attained of the white box on the day, by the models of the days before; signs at the least epsilon.",
    )


def _recipes(recipes: Sequence[Recipe]) -> Table:
    return Table(
        columns=("", "settings that differ from the paper's way"),
        rows=tuple(
            (recipe.name, recipe.model_dump_json(exclude={"name"}, exclude_defaults=True)) for recipe in recipes
        ),
        caption="As a recipe's file says them.",
        prose=True,
    )


def _definitions() -> Table:
    return Table(
        columns=("", "what it is"), rows=_SENTENCES, caption="Everything is known of the simulation alone.", prose=True
    )


def _where(days: Columns, **wanted: Any) -> Columns:
    keep = np.logical_and.reduce([days[name] == value for name, value in wanted.items()])
    return {name: column[keep] for name, column in days.items()}


def _row(days: Columns, *, day: int, epsilon: float) -> dict[str, Any]:
    own = _where(days, day=day, epsilon=epsilon)
    return {name: column[0].item() if hasattr(column[0], "item") else column[0] for name, column in own.items()}


def _interval(row: dict[str, Any]) -> str:
    return f"{number(row['attained'])} [{number(row['low'])}, {number(row['high'])}]"
