"""The page's section on purified images as controls for IT: what a site would do, and whether it is worth showing."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from closedloop.artifacts.tables import Columns
from closedloop.defenses.trained_decoder import NETWORK, TrainedDecoder
from closedloop.report import drawing
from closedloop.report.layout import PageSection, plate
from closedloop.report.tables import Table
from closedloop.report.wording import DASH
from closedloop.studies.purification.sites.measure import EPSILONS, DrivenSites

_SHOWN, _WIDE_PX = 4, 480


def sites_section(table: Columns, driven: DrivenSites, decoders: tuple[TrainedDecoder, ...]) -> PageSection:
    """Return the section, with pictures by the decoder that leaves the site nearest to where the image left it.

    Parameters
    ----------
    table
        `SITE_RETURN`.
    driven
        Finished attacks.
    decoders
        Finished purifiers.
    """
    best = _best(table, EPSILONS[-1])
    decoder = next(one for one in decoders if one.cut == best["cut"])
    caption = (
        f"Simulated sites attacked at ε = {EPSILONS[-1]:g} (224-px L2) by the cortex's own gradient; P by the decoder "
        f"of {NETWORK}'s {decoder.cut}. The bytes, enlarged."
    )
    figure = plate(_pictures(driven, decoder), "x, x + d, P(x + d) and P(x)", caption=caption, least_width_px=_WIDE_PX)
    return PageSection(
        "sites",
        "As a control stimulus for IT: does a site return?",
        intro=sites_verdict(table),
        wide=(figure,),
        tables=(_table(table),),
    )


def sites_verdict(table: Columns) -> str:
    """Say in words whether a purified image would be worth showing.

    Parameters
    ----------
    table
        `SITE_RETURN`.
    """
    sentences = []
    for epsilon in EPSILONS:
        best = _best(table, epsilon)
        returns = best["gap"] < best["driven"]
        sentences.append(
            f"At ε = {epsilon:g} the attack moves a site by {best['driven']:.2f} σ. The best decoder (of "
            f"{best['cut']}) leaves {100 * best['left']:.0f} % of that, but it moves the site by itself: after it the "
            f"site is {best['gap']:.2f} σ from where x left it, {'nearer than' if returns else 'no nearer than'} the "
            f"attacked image"
            f" ({'it returns in part' if returns else 'it does not return'})."
        )
    worth = all(_best(table, epsilon)["gap"] < _WORTH * _best(table, epsilon)["driven"] for epsilon in EPSILONS)
    sentences.append(
        "A purified image is worth showing beside P(x)."
        if worth
        else "So no protocol shows purified images: a control that moves a site by much of what the attack does tells "
        "little, and a decoder that returns the image faithfully returns the attack with it."
    )
    return " ".join(sentences)


def _best(table: Columns, epsilon: float) -> dict[str, Any]:
    rows = np.flatnonzero(table["epsilon"] == epsilon)
    place = rows[np.argmin(table["gap"][rows])]
    return {name: column[place : place + 1].tolist()[0] for name, column in table.items()}


def _table(table: Columns) -> Table:
    rows = []
    for place in range(len(table["cut"])):
        row = {name: column[place : place + 1].tolist()[0] for name, column in table.items()}
        left = (
            f"{row['left']:.2f} [{row['left_low']:.2f}, {row['left_high']:.2f}]" if np.isfinite(row["left"]) else DASH
        )
        rows.append(
            (
                f"{row['cut']}, ε = {row['epsilon']:g}",
                f"{row['psnr_db']:.1f}",
                f"{row['attack_psnr_db']:.1f}",
                f"{row['correlation']:.2f}",
                f"{row['shift']:.2f}",
                f"{row['driven']:.2f}",
                left,
                f"{row['gap']:.2f}",
            )
        )
    return Table(
        columns=(
            *("decoder's layer", "P(x) to x (dB)", "x + d to x (dB)", "r of P(x) with x", "P(x) from x (σ)"),
            *("x + d from x (σ)", "part left", "P(x + d) from x (σ)"),
        ),
        rows=tuple(rows),
        caption="Hidden responses of 21 sites of the dry run's simulated cortex, 84 pairs of a site and an image that "
        "no decoder was trained on; images as bytes. dB: peak signal-to-noise ratio. r: over images, mean of sites. "
        "P(x) from x: root mean square. Part left: of the change that the attack makes, with its 95 % interval over "
        "images and sites. Simulated, by the hidden truth: a method could not read it.",
    )


def _pictures(driven: DrivenSites, decoder: TrainedDecoder) -> Figure:
    subject, attacked = driven.subject, driven.read()[-1]
    _, anchors = subject.pairs()
    step = max(len(anchors) // _SHOWN, 1)
    places = list(range(0, len(anchors), step))[:_SHOWN]
    clean = subject.anchors[anchors[places]]
    columns = {
        "x": clean,
        "x + d": attacked[places],
        "P(x + d)": decoder.purify(attacked[places]),
        "P(x)": decoder.purify(clean),
    }
    figure, panels = drawing.new_figure(len(columns), len(places), width=6.4, height=1.65 * len(places))
    for row in range(len(places)):
        for column, (name, images) in enumerate(columns.items()):
            axes = panels[row * len(columns) + column]
            axes.imshow(images[row], interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.spines[:].set_visible(False)
            if not row:
                axes.set_title(name)
    return figure


_WORTH = 0.5
