"""The page of the study: who is right under which attack, the slides' numbers beside it, recalls, and definitions."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report.layout import Card, PageSection, plate
from closedloop.report.quoted import QuotedNumber, quoted_table
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count
from closedloop.studies.purification.documents import PurificationStudy
from closedloop.studies.purification.page.figures import accuracy_figure, recalls_figure
from closedloop.studies.purification.page.slides import PLACE, SLIDES, SOURCE, UNAWARE, SlideCell
from closedloop.studies.purification.settings import ADAPTIVE, ATTACKS, CLEAN, DEFENSES, WORST, DefenseName

_WIDE_PX = 640
_NAMES = {CLEAN: "clean", **ATTACKS, WORST: "worst of these"}


def rate_of(table: Columns, defense: str, attack: str, radius: float) -> dict[str, Any]:
    """Return a row of `DEFENSE_ACCURACY`.

    Parameters
    ----------
    table
        The table.
    defense, attack, radius
        Which row.
    """
    own = (table["defense"] == defense) & (table["attack"] == attack) & (table["radius"] == radius)
    (place,) = np.flatnonzero(own)
    return {name: column[place : place + 1].tolist()[0] for name, column in table.items()}


def percent_of(row: dict[str, Any], *, interval: bool = False) -> str:
    """Return an accuracy in percent, with its interval where it is asked for."""
    text = f"{100 * row['accuracy']:.1f}"
    return (
        f"{text}\N{NO-BREAK SPACE}[{100 * row['low']:.0f},\N{NO-BREAK SPACE}{100 * row['high']:.0f}]"
        if interval
        else text
    )


def short_section(document: PurificationStudy, table: Columns) -> PageSection:
    """Return the numbers that say it in short, at the smallest radius.

    Parameters
    ----------
    document
        What was asked.
    table
        `DEFENSE_ACCURACY`.
    """
    radius = document.radii[0]
    cards = [
        Card(
            f"{_NAMES[attack]}, ε = {radius:g}",
            f"{percent_of(rate_of(table, 'carso', attack, radius))} %",
            f"CARSO; adversarial training alone {percent_of(rate_of(table, 'adversarial', attack, radius))} %, no "
            f"defence {percent_of(rate_of(table, 'none', attack, radius))} %",
        )
        for attack in ("pgd", "deepfool", ADAPTIVE)
    ]
    return PageSection("short", "In short", intro=verdict(document, table), cards=tuple(cards))


def unlearned(document: PurificationStudy, table: Columns) -> tuple[str, ...]:
    """Return the defences whose answers to clean images are not told from chance: they have learned nothing."""
    chance = 1 / len(document.classes)
    rows = {name: rate_of(table, name, CLEAN, 0.0) for name in dict.fromkeys(table["defense"].tolist())}
    return tuple(DEFENSES[name] for name, row in rows.items() if row["low"] <= chance)


def unlearned_words(document: PurificationStudy, table: Columns) -> str:
    """Say which defences have learned nothing; empty where all have learned something."""
    names = unlearned(document, table)
    return (
        f"{', '.join(names)}: right on clean images no more often than by chance "
        f"({100 / len(document.classes):.0f} %). This has not learned, and nothing below says anything of how well it "
        "defends: train on more images (--train), for longer (--epochs)."
        if names
        else ""
    )


def verdict(document: PurificationStudy, table: Columns) -> str:
    """Say in words what came out: what purifying gains where the attack does not know it, and where it does."""
    if words := unlearned_words(document, table):
        return words
    sentences = []
    for radius in document.radii[:2]:
        gains = {
            attack: 100
            * (
                rate_of(table, "carso", attack, radius)["accuracy"]
                - rate_of(table, "adversarial", attack, radius)["accuracy"]
            )
            for attack in ("fgsm", "pgd", "deepfool", WORST)
        }
        sentences.append(
            f"At ε = {radius:g}, CARSO against adversarial training alone: {gains['fgsm']:+.1f} points under FGSM, "
            f"{gains['pgd']:+.1f} under PGD, {gains['deepfool']:+.1f} under DeepFool, none of which knows of recalls; "
            f"{gains[WORST]:+.1f} where an image must withstand the adaptive attack too"
            + (": the gain is reversed." if gains[WORST] < 0 < max(gains["pgd"], gains["deepfool"]) else ".")
        )
    return " ".join(sentences)


def ablation(document: PurificationStudy, table: Columns) -> str:
    """Say in words what adversarial training of the classifier does for CARSO: the slides' first ablation."""

    def rates(defense: DefenseName, attack: str) -> list[float]:
        return [rate_of(table, defense, attack, radius)["accuracy"] for radius in document.radii]

    without, own = rates("carso_plain", "pgd"), rates("carso", "pgd")
    adaptive, own_adaptive = rates("carso_plain", ADAPTIVE), rates("carso", ADAPTIVE)
    words = (
        f"On a classifier without adversarial training CARSO is right in {_percents(without)} % under PGD at the three "
        f"sizes, and in {_percents(adaptive)} % under the adaptive attack; on one with it, in {_percents(own)} % and "
        f"{_percents(own_adaptive)} %. The slides: “On the necessity of adversarial training → ∼ 15-25% adversarial "
        f"accuracy”."
    )
    if without[0] > own[0]:
        words += " Here it is the other way round under attacks that know nothing of the recalls."
    if without[-1] > without[0]:
        words += (
            " Where more answers are right the larger the attack, the attack itself tells the purifier the class: such "
            "a number is no robustness."
        )
    return words


def accuracy_section(document: PurificationStudy, table: Columns) -> PageSection:
    """Return accuracy of all defences under all attacks, as figure and table.

    Parameters
    ----------
    document
        What was asked.
    table
        `DEFENSE_ACCURACY`.
    """
    rows = [_row(table, CLEAN, 0.0)]
    rows += [_row(table, attack, radius) for radius in document.radii for attack in (*ATTACKS, WORST)]
    caption = (
        f"Right answers (%) on {count(document.n_test)} test images, with 95 % intervals over images (Wilson). CARSO "
        f"by the mode of {count(document.recalls)} recalls. All but the adaptive attack are made on the classifier; "
        "for a defence without recalls the adaptive attack is one more gradient attack. Worst: right clean and under "
        "every attack."
    )
    figure = plate(
        accuracy_figure(table),
        "Accuracy over the size of the attack",
        caption="Clean images at 0. Trainings foresee ε = "
        + " and ".join(f"{radius:g}" for radius in document.foreseen)
        + "; a larger one is unforeseen. Bars: 95 % over images.",
        least_width_px=_WIDE_PX,
    )
    columns = ("", *DEFENSES.values())
    return PageSection(
        "accuracy",
        "Who is right under attack",
        intro=ablation(document, table),
        wide=(figure,),
        tables=(Table(columns, tuple(rows), caption),),
    )


def slides_section(document: PurificationStudy, table: Columns) -> PageSection:
    """Return the slides' numbers beside one's own, and what of theirs cannot be as it stands.

    Parameters
    ----------
    document
        What was asked.
    table
        `DEFENSE_ACCURACY`.
    """
    numbers = [
        _quoted(cell, defense, table)
        for cell in SLIDES
        for defense in cell.percent
        if cell.radius in (0, *document.radii)
    ]
    caption = (
        f"The slides' classifier reads handwritten digits; here it reads {document.data}, so that levels differ and "
        "the order of the defences is what can be compared. Numbers are quoted, not adjusted to. *: cannot be what it "
        "is said to be; †: the attack does not know of the recalls."
    )
    doubts = tuple(
        (f"{cell.row}, {DEFENSES[defense]}", cell.percent[defense], doubt)
        for cell in SLIDES
        for defense, doubt in cell.doubt.items()
        if doubt
    )
    marked = Table(
        ("", SOURCE, "why it cannot be what it is said to be, or is no robust accuracy"), doubts, _SLIPS, prose=True
    )
    return PageSection(
        "slides",
        "Beside the slides",
        tables=(quoted_table(numbers, caption=caption, source=SOURCE),),
        folded=(("Which of the slides' numbers cannot be as they stand", marked),),
    )


def recalls_section(document: PurificationStudy, table: Columns) -> PageSection:
    """Return what the number of recalls and the way to one answer change.

    Parameters
    ----------
    document
        What was asked.
    table
        `RECALL_ACCURACY`.
    """
    radius = document.radii[0]
    figure = plate(
        recalls_figure(table, radius=radius),
        "Accuracy over the number of recalls",
        caption=f"CARSO at ε = {radius:g}. The slides took 1,500 recalls (“On the number of purified samples → > "
        f"1500”). {_spread(table, radius)}",
        least_width_px=_WIDE_PX,
    )
    return PageSection("recalls", "How many recalls, and how they become one answer", wide=(figure,))


def definitions_section(document: PurificationStudy) -> PageSection:
    """Return what each number is.

    Parameters
    ----------
    document
        What was asked.
    """
    rows = (
        ("ε", "largest change of any value of an image, of a range of 1; attacked images stay in [0, 1]"),
        ("none", "the slides' classifier (784-200-80-10, Mish, BatchNorm), trained on clean images"),
        (
            "adversarial training",
            "the same, trained on equal parts of clean images and images attacked by FGSM and PGD at ε = "
            + " and ".join(f"{radius:g}" for radius in document.foreseen),
        ),
        (
            "CARSO",
            "the adversarially trained classifier; a conditional variational autoencoder, trained to recall the clean "
            "image from what the classifier makes of an attacked one, is drawn from, and the classifier reads the "
            "recalls",
        ),
        ("CARSO without adversarial training", "the same on the classifier that was trained on clean images"),
        ("FGSM", "one step along the sign of the gradient (Goodfellow et al. 2015)"),
        ("PGD", f"{document.pgd_steps} steps of ε / 30 from a random start, the last one kept (Madry et al. 2018)"),
        ("DeepFool", "the smallest change that crosses a boundary, cut to ε (Moosavi-Dezfooli et al. 2016)"),
        ("APGD", f"{document.apgd_steps} steps that shrink by themselves, by two losses (Croce and Hein 2020)"),
        (
            "adaptive",
            f"gradients through the whole defence, each a mean over {document.adaptive_recalls} fresh recalls "
            f"(expectation over transformation, Athalye et al. 2018), {document.adaptive_steps} steps from a random "
            "start and from APGD's end; of these and of what the other attacks found, the image that lies furthest on "
            "the wrong side by recalls of the attacker's own",
        ),
        ("worst", "an image counts as right only if it is right as it is and under every attack of this ε"),
    )
    table = Table(("", "what it is"), rows, "", prose=True)
    return PageSection("definitions", "What each number is", tables=(table,))


def _row(table: Columns, attack: str, radius: float) -> tuple[str, ...]:
    name = _NAMES[attack] + (f", ε = {radius:g}" if radius else "")
    return (name, *(percent_of(rate_of(table, one, attack, radius), interval=True) for one in DEFENSES))


def _quoted(cell: SlideCell, defense: DefenseName, table: Columns) -> QuotedNumber:
    found = rate_of(table, defense, cell.attack, cell.radius)
    doubt = cell.doubt[defense]
    mark = "" if not doubt else " †" if doubt == UNAWARE else " *"
    return QuotedNumber(
        f"{cell.row}, {DEFENSES[defense]} (%)",
        percent_of(found, interval=True),
        "computed",
        f"{cell.percent[defense]}{mark}" or DASH,
        f"{cell.row} {cell.percent['none']} {cell.percent['adversarial']} {cell.percent['carso']}",
        PLACE,
    )


def _percents(rates: list[float]) -> str:
    return ", ".join(f"{100 * rate:.1f}" for rate in rates)


def _spread(table: Columns, radius: float) -> str:
    own = (table["defense"] == "carso") & (table["radius"] == radius)
    few = 100 * table["accuracy"][own & (table["n_recalls"] == table["n_recalls"].min())]
    many = 100 * table["accuracy"][own & (table["n_recalls"] == table["n_recalls"].max())]
    return (
        f"From {count(int(table['n_recalls'].min()))} to {count(int(table['n_recalls'].max()))} recalls accuracy "
        f"changes by {(many - few).min():+.1f} to {(many - few).max():+.1f} points, over all attacks of this size and "
        f"all rules."
    )


_SLIPS = (
    "Beside the table: “trainable parameters: ~ 17.5 k” of the classifier is ten times too small (784-200-80-10 with "
    "two BatchNorms has 174,450), its “3 hidden layers” count the output (200 + 80 + 10 = 290, the “representation "
    "size”), and no widths that match the other parts give a decoder of “~ 2.1m”: the one here has 1.79 million."
)
