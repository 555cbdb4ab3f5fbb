"""The page of the study: accuracy, what is lost per movement, what the decoder sees, beside the sources' sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, plate, render
from closedloop.report.quoted import QuotedNumber, origin_of, quoted_table
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent, span
from closedloop.studies.population.documents import PopulationStudy
from closedloop.studies.population.figures import accuracy_over_epsilon, lost_against_moved, seen_by_decoder
from closedloop.studies.population.measure import MeasuredPopulation
from closedloop.studies.population.naming import KINDS, SPACES

_ERROR_CORRECTION = (
    "An alternative explanation is that there is an unknown error-correction mechanism at the population level in IT "
    "or in a down-stream area that decodes object identity."
)
_PARADOX = (
    "How is it that primate visual perception seems so robust yet its fundamental units of computation are far more "
    "sensitive than expected?"
)
_NOT_ROBUST = "One distinct possibility is that visual object recognition behavior in primate is actually not robust."
_SLIDES = "Future work & new start: Population level robustness"

Row = dict[str, Any]


def population_page(found: MeasuredPopulation, *, command: str) -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    found
        What was measured.
    command
        The command line that the page shows.
    """
    document = found.document
    with drawing.style():
        sections = (
            PageSection("headline", "In short", cards=tuple(_cards(found))),
            *_decoding(found),
            *_redundancy(found),
            *_sealed(found),
            _categories(found),
            PageSection("sources", "Beside the sources", tables=(_quoted(found),)),
            PageSection("definitions", "What each number is", tables=(_definitions(document),)),
        )
    return render(
        Page(
            title="Population-level robustness",
            subtitle="Does the category of an image survive in all sites together when single sites are moved, or when "
            "all of them are?",
            facts=_facts(document),
            command=command,
            simulated=document.simulated,
            notices=tuple(_notices(found)),
            links=(),
            sections=sections,
        )
    )


def _cards(found: MeasuredPopulation) -> Iterator[Card]:
    document = found.document
    low, high = (100 * end for end in (document.accuracy_low, document.accuracy_high))
    note = f"of fresh clean images; 95 % interval {low:.1f} to {high:.1f}; {percent(document.chance)} by chance"
    yield Card("decoded, cross-validated", percent(document.accuracy), note)
    for kind in ("attacked", "population", "population_noise", "gaussian"):
        rows = _rows(found.decoding, kind=kind, truth=False)
        if rows:
            last = rows[-1]
            lost = f"{_points(last, 'lost')} fewer than of the same images clean ({percent(last['clean'])})"
            yield Card(f"{KINDS[kind].name}, ε = {last['epsilon']:g}", percent(last["accuracy"]), lost)


def _decoding(found: MeasuredPopulation) -> Iterator[PageSection]:
    table, truth = found.decoding, bool(found.decoding["truth"].any())
    if not (table["epsilon"] > 0).any():
        yield PageSection("decoding", "Decoding under change", intro="No changed image was shown often enough.")
        return
    n = found.document.n_repetitions
    over = plate(
        accuracy_over_epsilon(found.document, table, truth=truth),
        "Accuracy over epsilon",
        caption=f"Part of images whose category is decoded rightly, of means over {n} presentations each; dashed: the "
        "clean images beneath, as often shown. Bars and band: 95 % intervals over images.",
        least_width_px=640,
    )
    against = plate(
        lost_against_moved(table, truth=truth),
        "Lost against moved",
        caption="Accuracy lost on the same images against the RMS movement of all sites, its noise taken out. Where "
        "redundancy protects, points lie low however far they are to the right.",
        least_width_px=640,
    )
    yield PageSection(
        "decoding", "Decoding under change", wide=(over, against), tables=(_decoding_table(table, truth=False),)
    )
    if truth:
        yield PageSection(
            "truth",
            "Simulated truth",
            intro="What the hidden cortex of this simulated subject answers, without measurement noise. It judges the "
            "methods; a real study has none. Attacks that no real row names were never shown.",
            tables=(_decoding_table(table, truth=True),),
        )


def _decoding_table(table: Columns, *, truth: bool) -> Table:
    return Table(
        columns=("", "ε", "decoded", "clean", "lost", "margin lost", "moved", "lost a SD", "n"),
        rows=tuple(
            (
                KINDS[row["kind"]].name,
                f"{row['epsilon']:g}" if row["epsilon"] else DASH,
                _interval(row, "accuracy"),
                f"{row['clean']:.2f}",
                _interval(row, "lost"),
                _interval(row, "margin_lost"),
                _interval(row, "moved") if row["kind"] != "clean" else DASH,
                _interval(row, "lost_per_sd"),
                count(row["n_stimuli"]),
            )
            for row in _rows(table, truth=truth)
        ),
        caption="Decoded: part of images, and of the clean ones beneath. Lost: clean minus changed, on the same "
        "images, of the margin in nats. Moved: RMS over sites and images, in SD over clean images; below zero where "
        "noise exceeded it. Lost a SD: where the movement is at least three standard errors. "
        "Brackets: 95 % intervals over images.",
    )


def _redundancy(found: MeasuredPopulation) -> Iterator[PageSection]:
    table = found.redundancy
    known = np.isfinite(table["seen_low"])
    if not known.any():
        return
    figure = plate(
        seen_by_decoder(table, epsilons=sorted({e for e in table["epsilon"].tolist() if e > 0})),
        "What of a movement the decoder sees",
        caption="Part of the squared movement of all sites along the decoder's directions; what is beside them it does "
        "not see. Shaded: random directions. Changes whose movement is within three standard errors of zero are "
        "left out.",
        least_width_px=640,
    )
    rows = _rows(table, space="row_space")
    whole = rows[0]["n_axes"] == rows[0]["n_sites"]
    intro = (
        f"With {count(len(found.document.categories))} categories and {count(found.document.n_sites)} sites the "
        "decoder reads every direction: its null space is empty, and no movement can hide in it. What is left to ask "
        "is how much lies in its main directions, and along the one in which an image's own margin falls fastest."
        if whole
        else f"The decoder reads {rows[0]['n_axes']} of {rows[0]['n_sites']} directions; the others are its null space."
    )
    yield PageSection(
        "redundancy", "Redundancy", intro, wide=(figure,), folded=(("All numbers", _redundancy_table(table)),)
    )


def _redundancy_table(table: Columns) -> Table:
    return Table(
        columns=("", "ε", "directions", "seen", "95 %", "null space", "random direction", "n"),
        rows=tuple(
            (
                KINDS[row["kind"]].name,
                f"{row['epsilon']:g}" if row["epsilon"] else DASH,
                f"{SPACES[row['space']]}, {row['n_axes']}",
                number(row["seen"]),
                span((row["seen_low"], row["seen_high"])),
                number(1 - row["seen"]),
                f"{number(row['random'])} ({span((row['random_low'], row['random_high']))})",
                count(row["n_stimuli"]),
            )
            for row in _rows(table)
        ),
        caption="Parts of the squared movement with the noise's part taken out, so that a part may be below 0 or above "
        "1 where the movement itself is hardly there.",
    )


def _sealed(found: MeasuredPopulation) -> Iterator[PageSection]:
    rows = _rows(found.sealed)
    if rows:
        yield PageSection("sealed", "By the decoder that was sealed", tables=(_sealed_table(rows),))


def _sealed_table(rows: list[Row]) -> Table:
    return Table(
        columns=("", "ε", "clean", "changed", "lost", "margin lost (nats)", "predicted (nats)", "n"),
        rows=tuple(
            (
                KINDS[row["kind"]].name,
                f"{row['epsilon']:g}",
                percent(row["decoded_clean"]),
                percent(row["decoded_changed"]),
                _interval(row, "lost"),
                _interval(row, "margin_lost"),
                number(row["predicted_loss"]),
                count(row["n_stimuli"]),
            )
            for row in rows
        ),
        caption="The decoder of each day, fitted to the days before and sealed with the attacks that were to mislead "
        "it; predicted: the margin that the day's model expected to be lost.",
    )


def _categories(found: MeasuredPopulation) -> PageSection:
    table = found.by_category
    columns = list(dict.fromkeys(zip(table["kind"].tolist(), table["epsilon"].tolist(), strict=True)))
    cells = {
        (row["category"], row["kind"], row["epsilon"]): f"{percent(row['accuracy'])} ({row['n_stimuli']})"
        for row in _rows(table)
    }
    heads = [KINDS[kind].name + (f", ε = {epsilon:g}" if epsilon else "") for kind, epsilon in columns]
    rows = tuple(
        (name, *(cells.get((name, kind, epsilon), DASH) for kind, epsilon in columns))
        for name in found.document.categories
    )
    whole = Table(("", *heads), rows, caption="Part decoded rightly, and of how many images. Clean: cross-validated.")
    return PageSection("categories", "Every category", folded=(("Accuracy by category", whole),))


def _quoted(found: MeasuredPopulation) -> Table:
    origin = origin_of(simulated=found.document.simulated)
    sentences = {"attacked": (_ERROR_CORRECTION, "section 5"), "population": (_SLIDES, "slides, last page")}
    sentences["population_noise"] = sentences["gaussian"] = (_PARADOX, "section 5")
    rows = [
        QuotedNumber(
            f"accuracy lost, {KINDS[kind].name}, ε = {row['epsilon']:g}",
            _interval(row, "lost"),
            origin,
            "",
            *sentences[kind],
        )
        for kind in sentences
        for row in _rows(found.decoding, kind=kind, truth=False)[-1:]
    ]
    document = found.document
    clean = f"{percent(document.accuracy)} ({percent(document.chance)} by chance)"
    first = QuotedNumber("category decoded from all sites, clean images", clean, origin, "", _NOT_ROBUST, "section 5")
    return quoted_table(
        [first, *rows],
        caption="The sources ask the question and give no number: their column is empty. At the largest ε; brackets: "
        "95 % intervals.",
    )


def _definitions(document: PopulationStudy) -> Table:
    return Table(
        columns=("", "what it is"),
        rows=(
            (
                "decoder",
                "linear discriminant analysis: one mean a category, one covariance, all categories equally likely; the "
                f"covariance shrunk by Ledoit and Wolf ({number(document.shrinkage)}); fitted to fresh clean images, "
                "one vector each; anchors teach nothing",
            ),
            (
                "held out",
                "five folds of images: what is made from an image is decoded by a decoder that has not seen that image",
            ),
            (
                "matched repetitions",
                f"every vector decoded is a mean over {document.n_repetitions} presentations, of clean images too: "
                "means over more are decoded better, whatever was changed",
            ),
            ("margin", "score of the true category minus the best other's, in nats; above 0 where it is decoded"),
            ("SD", "of a site's mean responses over the session's normalizers (over its clean images without any)"),
            ("chance", "accuracy after shuffling categories over images within folds, 200 times"),
            (
                "main axes",
                "as few directions as hold 90 % of the decoder's squared weights; margin: one direction an image, from "
                "its category to the one that the category's mean is taken for next",
            ),
        ),
        caption="All numbers are of the study's published files; truth, where there is any, says so.",
        prose=True,
    )


def _facts(document: PopulationStudy) -> tuple[tuple[str, str], ...]:
    days = ", ".join(map(str, document.days))
    left_out = f", {count(document.n_left_out)} presentations left out" if document.n_left_out else ""
    return (
        ("Study", f"{document.study}, protocol {document.protocol}, days {days}"),
        ("Subject", f"{document.subject}, {count(document.n_sites)} sites{left_out}"),
        ("Categories", f"{count(len(document.categories))}, from {count(document.n_taught)} clean images"),
        ("Versions", f"closedloop {document.code_version}, seed {document.seed}"),
    )


def _notices(found: MeasuredPopulation) -> Iterator[str]:
    kinds = set(found.decoding["kind"].tolist())
    if "population" not in kinds:
        yield (
            "This study shows no attacks on the decoder: what is said is of attacks on single sites and of controls. A "
            "protocol with the section population shows them (protocols/population.yaml)."
        )
    if not kinds - {"clean"}:
        yield "This study shows no changed image that can be decoded: clean images alone are."
    if found.document.accuracy_low <= found.document.chance_high:
        yield "Clean images are decoded no better than by chance: nothing can be lost."


def _interval(row: Row, name: str) -> str:
    value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    if not np.isfinite(value):
        return DASH
    return f"{value:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−") if np.isfinite(low) else f"{value:.2f}"


def _points(row: Row, name: str) -> str:
    """Return a difference of two parts in points of a percent, with its interval."""
    value, low, high = (100 * row[key] for key in (name, f"{name}_low", f"{name}_high"))
    ends = f" [{low:.0f}, {high:.0f}]" if np.isfinite(low) else ""
    return f"{value:.0f}{ends} points".replace("-", "−")


def _rows(table: Columns, **wanted: Any) -> list[Row]:
    keep = np.logical_and.reduce([table[name] == value for name, value in wanted.items()] or [table["kind"] != ""])
    chosen = {name: column[keep].tolist() for name, column in table.items()}
    return [dict(zip(chosen, values, strict=True)) for values in zip(*chosen.values(), strict=True)]
