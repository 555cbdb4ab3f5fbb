"""The page of a screening: the heat maps of Figure 6, what the images can tell apart, and the paper's sentences."""

from __future__ import annotations

from typing import Any

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, plate, render
from closedloop.report.quoted import QuotedNumber, origin_of, quoted_table
from closedloop.report.tables import Table
from closedloop.report.wording import count, number, span
from closedloop.studies.screening.documents import ScreenedLayers, ScreeningStudy
from closedloop.studies.screening.figures import ALIKE, BEST, TITLES, every_cell, figure_6, largest_epsilon
from closedloop.studies.screening.notices import facts_of, notices_of
from closedloop.studies.screening.settings import CKA, PLS, RIDGE, TRANSFER

_PLACE = "appendix 6.1"
_TRANSFER = (
    "C. transfer",
    "“how well does perturbations targeted toward a model layer transfers to IT neurons without any "
    "explicit mapping between the two systems”, appendix 6.1",
    "images that displace the layer's features furthest (L2), on whole grey levels; RMS change over images "
    "and sites in SDs over clean images, the noise taken out by the repetitions",
)
_CRITERIA = (CKA, RIDGE, TRANSFER)  # A, B and C; PLS is another B
_SHORT = {CKA: "CKA", RIDGE: "ridge", PLS: "PLS", TRANSFER: "transfer"}


def screening_page(document: ScreeningStudy, cells: Columns, networks: Columns, *, command: str) -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    document
        What was compared.
    cells, networks
        Tables ``SCREENING_CELLS`` and ``SCREENING_NETWORKS``.
    command
        The command line that the page shows.
    """
    with drawing.style():
        sections = (
            *compared_sections(document, cells, networks),
            PageSection("paper", "Beside the paper", tables=(_beside_the_paper(document, cells, networks),)),
            _all_cells(document, cells),
            PageSection("definitions", "What each number is", tables=(_definitions(document),)),
        )
    return render(
        Page(
            title="Which layer of which network is most like IT",
            subtitle="Layers and training epsilons compared with recorded sites by three criteria: appendix 6.1, "
            "Figure 6.",
            facts=facts_of(document),
            command=command,
            simulated=document.simulated,
            notices=tuple(notices_of(document, cells)),
            links=(),
            sections=sections,
        )
    )


def compared_sections(document: ScreeningStudy, cells: Columns, networks: Columns) -> tuple[PageSection, ...]:
    """Return what comes first: in short, the heat maps, the networks in their order. Drawn in the page's style.

    Parameters
    ----------
    document
        What was compared.
    cells, networks
        Tables ``SCREENING_CELLS`` and ``SCREENING_NETWORKS``.
    """
    short = PageSection(
        "headline",
        "In short",
        intro=agreement(document, cells),
        cards=tuple(_card(document, cells, name) for name in _shown(cells)),
    )
    return short, _maps(document, cells), _order(networks)


def best_set(cells: Columns, criterion: str) -> list[tuple[str, str]]:
    """Return (network, layer) of the cells that cannot be told from the best, the best first.

    Parameters
    ----------
    cells
        Table ``SCREENING_CELLS``.
    criterion
        Of a transfer at several epsilons the largest counts.
    """
    rows = _rows(cells, criterion)
    alike = sorted((row for row in rows if row["alike_best"]), key=lambda row: -row["value"])
    return [(row["network"], row["layer"]) for row in alike]


def agreement(document: ScreeningStudy, cells: Columns) -> str:
    """Return in a sentence what all criteria together say: of a network, and of a layer.

    Parameters
    ----------
    document
        What was compared.
    cells
        Table ``SCREENING_CELLS``.
    """
    sets = [best_set(cells, name) for name in _CRITERIA if (cells["criterion"] == name).any()]
    networks = list(dict.fromkeys(network for alike in sets for network, _ in alike))
    shared = [one for one in sets[0] if all(one in alike for alike in sets)]
    words = f"All {len(sets)} criteria" if len(sets) > 2 else "Both criteria"
    if len(networks) > 1:
        return f"{words} together name no single network: {', '.join(networks)} may each be the best by one."
    named = f"{words} choose {networks[0]} ({_label(document, networks[0])})"
    if [network.name for network in document.networks if network.kind == "trained"] == networks:
        label = _label(document, networks[0])
        named = f"{words} are met best by {networks[0]} ({label}), the one trained network that was compared"
    if not shared:
        return f"{named}; on a layer of it they do not agree: none may be the best by all."
    if len(shared) == 1 and all(len(alike) == 1 for alike in sets):
        return f"{named}, and one layer of it: {shared[0][1]}."
    return f"{named}; which layer of it, they do not say: {', '.join(layer for _, layer in shared)} may be."


def _card(document: ScreeningStudy, cells: Columns, criterion: str) -> Card:
    best = next(row for row in _rows(cells, criterion) if row["best"])
    alike = best_set(cells, criterion)
    networks = list(dict.fromkeys(network for network, _ in alike))
    if len(alike) == 1:
        network, layer = alike[0]
        value, told = f"{layer}, {_label(document, network)}", f"{network}, told from all others"
    elif len(networks) == 1:
        value = _label(document, networks[0])
        told = f"{networks[0]}; which of its {len(alike)} layers {', '.join(layer for _, layer in alike)} is not told"
    else:
        value, told = "not told", f"{len(alike)} cells of {len(networks)} networks cannot be told from the best"
    interval, where = span((best["low"], best["high"])), _named(best["network"], best["layer"])
    return Card(_title(cells, criterion), value, f"{told}; largest: {number(best['value'])} ({interval}) at {where}")


def _label(document: ScreeningStudy, name: str) -> str:
    """Return a network's training epsilon, or its name where that is not known."""
    return next(_epsilon_of(network) for network in document.networks if network.name == name)


def _maps(document: ScreeningStudy, cells: Columns) -> PageSection:
    caption = (
        f"Layers over the epsilon of the training. {BEST} marks the largest value, {ALIKE} what the images cannot tell "
        f"from it (at 95 %, all cells together): where there is a {ALIKE}, {BEST} is no claim. Untrained: random "
        "weights. Pixels: no network at all; their perturbation is noise."
    )
    figure = plate(figure_6(document, cells), "Figure 6 from these data", caption=caption, least_width_px=760)
    return PageSection("maps", "Layers over training epsilons", wide=(figure,))


def _order(networks: Columns) -> PageSection:
    tables = tuple(_order_table(networks, name, epsilon) for name, epsilon in _measured(networks))
    intro = (
        "Each network by its best layer. Its value is of all images; its interval comes from halves of them, where the "
        "layer is chosen by one half and valued by the other."
    )
    return PageSection("networks", "Networks in their order", intro=intro, tables=tables)


def _order_table(networks: Columns, criterion: str, epsilon: float) -> Table:
    rows = [row for row in _all_rows(networks) if (row["criterion"], row["epsilon"]) == (criterion, epsilon)]
    what = f"{TITLES[criterion]}, ε = {epsilon:g}" if epsilon else TITLES[criterion]
    unit = " Differences of transfers are of mean squares, in σ²." if criterion == TRANSFER else ""
    return Table(
        columns=("", "best layer", "value", "95 % interval", "above the next by", "95 % interval", ""),
        rows=tuple(
            (
                f"{row['rank']}. {row['network']}",
                row["layer"],
                number(row["value"]),
                span((row["low"], row["high"])),
                number(row["difference"]),
                span((row["difference_low"], row["difference_high"])),
                _told(row),
            )
            for row in rows
        ),
        caption=f"{what}.{unit}",
    )


def _told(row: dict[str, Any]) -> str:
    if not row["below"]:
        return ""
    return f"above {row['below']}" if row["difference_low"] > 0 else f"not told from {row['below']}"


def _beside_the_paper(document: ScreeningStudy, cells: Columns, networks: Columns) -> Table:
    origin = origin_of(simulated=document.simulated)
    sets = {name: best_set(cells, name) for name in _CRITERIA if (cells["criterion"] == name).any()}
    rows = [
        QuotedNumber(
            f"best by {_SHORT[name]}",
            "; ".join(_named(*one) for one in alike[:6]) + ("; ..." if len(alike) > 6 else ""),
            origin,
            "layer 4.0, ε = 2",
            "The best base models as measured by the three independent criteria are in complete agreement, which is "
            "layer 4.0 from ε = 2 trained adversarial ResNet50",
            _PLACE,
        )
        for name, alike in sets.items()
    ]
    shared = [one for one in next(iter(sets.values())) if all(one in alike for alike in sets.values())]
    rows.append(
        QuotedNumber(
            f"cells that may be the best by all {len(sets)} criteria",
            f"{len(shared)}: {'; '.join(_named(*one) for one in shared)}" if shared else "0",
            origin,
            "1",
            "in complete agreement",
            _PLACE,
        )
    )
    rows.append(
        QuotedNumber(
            "cells that cannot be told from the best: " + ", ".join(_SHORT[name] for name in sets),
            ", ".join(f"{len(alike)} of {len(_rows(cells, name))}" for name, alike in sets.items()),
            origin,
            "",
            "The resolution of detecting the best model appears to be better using the perturbation test of "
            "adversarial stimuli",
            _PLACE,
        )
    )
    rows += [
        QuotedNumber(
            f"best layer by {_SHORT[name]}, by training ε",
            _depths(document, networks, name),
            origin,
            "",
            "adversarial training generally shifts the layer that is most similar to IT down to the deeper parts of "
            "the network with larger and larger training ε",
            _PLACE,
        )
        for name in sets
    ]
    rows.append(
        QuotedNumber(
            "clean images for A and B",
            count(document.n_images),
            origin,
            "12,000",
            "A and B are both performed on a separate set of neural recordings consisting of 12k images from the "
            "ImageNet training set",
            _PLACE,
        )
    )
    return quoted_table(rows, caption="Best: all cells that the images cannot tell from the largest, that one first.")


def _depths(document: ScreeningStudy, networks: Columns, criterion: str) -> str:
    """Return the best layer of each network that was trained, by its epsilon."""
    trained = {network.name: network for network in document.networks if network.kind == "trained"}
    epsilon = largest_epsilon(networks, criterion)
    rows = [
        row
        for row in _all_rows(networks)
        if row["network"] in trained and (row["criterion"], row["epsilon"]) == (criterion, epsilon)
    ]
    order = list(trained)
    rows.sort(key=lambda row: order.index(row["network"]))
    return ", ".join(f"{_epsilon_of(trained[row['network']])}: {row['layer']}" for row in rows)


def _epsilon_of(network: ScreenedLayers) -> str:
    return network.name if network.training_epsilon is None else f"ε {network.training_epsilon:g}"


def _all_cells(document: ScreeningStudy, cells: Columns) -> PageSection:
    caption = "Value and 95 % interval over images. Filled: cannot be told from the best of its panel."
    figure = plate(every_cell(document, cells), "Every cell with its interval", caption=caption, least_width_px=900)
    folded = tuple((f"Every cell: {_title(cells, name)}", _cell_table(cells, name)) for name in (*_shown(cells),))
    return PageSection("cells", "Every layer", wide=(figure,), folded=folded)


def _cell_table(cells: Columns, criterion: str) -> Table:
    return Table(
        columns=(
            "",
            "layer",
            "value",
            "95 % interval",
            "before the ceiling",
            "may be the best",
            "features",
        ),
        rows=tuple(
            (
                row["network"],
                row["layer"],
                number(row["value"]),
                span((row["low"], row["high"])),
                number(row["correlation"]),
                "largest" if row["best"] else "yes" if row["alike_best"] else "",
                count(row["n_features"]),
            )
            for row in _rows(cells, criterion)
        ),
        caption="Not over the ceiling: mean held-out correlation as it is.",
    )


def _definitions(document: ScreeningStudy) -> Table:
    return Table(
        columns=("", "the paper's words", "here"),
        rows=(
            (
                "A. CKA",
                "“global representational similarity to IT as measured by CKA”, appendix 6.1",
                "linear, of all features of the layer and the sites' mean responses; without the bias that many "
                "features bring (HSIC of Song et al. 2012). Noise lowers it for all layers alike: noiseless sites "
                f"would have {number(document.cka_ceiling)} with these responses",
            ),
            (
                "B. ridge, PLS",
                "“cross-validated linear predictivity for IT responses”, appendix 6.1",
                f"mean correlation over sites in {document.n_folds} folds of images, over the mean noise ceiling "
                f"({number(document.reliability_ceiling)}); the penalty of ridge is chosen within the training folds, "
                "PLS has 25 components",
            ),
            *((_TRANSFER,) if document.epsilons else ()),
            (
                "intervals",
                "not in the paper",
                f"95 %, over images: {document.n_halvings} random halvings, all done anew in both halves. They are of "
                "these sites: others may choose otherwise",
            ),
            (
                f"{BEST} {ALIKE}",
                "“Black asterisks denote the best layer/training ε combination”, Figure 6",
                "the largest, and all that paired differences cannot tell from it at 95 % for all cells together",
            ),
        ),
        caption="Epsilon is the L2 norm on 224 x 224 x 3 pixels in [0, 1].",
        prose=True,
    )


def _shown(cells: Columns) -> list[str]:
    return [name for name in (CKA, RIDGE, PLS, TRANSFER) if (cells["criterion"] == name).any()]


def _measured(table: Columns) -> list[tuple[str, float]]:
    """Return the criteria of a table with their epsilons, in its order."""
    return list(dict.fromkeys(zip(table["criterion"].tolist(), table["epsilon"].tolist(), strict=True)))


def _title(cells: Columns, criterion: str) -> str:
    epsilon = largest_epsilon(cells, criterion)
    return f"{TITLES[criterion]}, ε = {epsilon:g}" if epsilon else TITLES[criterion]


def _rows(cells: Columns, criterion: str) -> list[dict[str, Any]]:
    epsilon = largest_epsilon(cells, criterion)
    return [row for row in _all_rows(cells) if (row["criterion"], row["epsilon"]) == (criterion, epsilon)]


def _all_rows(table: Columns) -> list[dict[str, Any]]:
    columns = {name: column.tolist() for name, column in table.items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _named(network: str, layer: str) -> str:
    return layer if network == layer else f"{network} {layer}"
