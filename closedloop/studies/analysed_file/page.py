"""The page of a file: what its sites are worth, what they prefer, how well networks predict them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.layout import Card, Link, Page, PageSection, plate, render
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, span
from closedloop.studies.analysed_file.documents import AnalysedFile, AnalysedRecording, MeanOverSites
from closedloop.studies.analysed_file.figures import levels_in_order, predicted_sites, sites_in_order
from closedloop.studies.analysed_file.measure import FileAnalysis
from closedloop.studies.analysed_file.settings import AnalysisFiles
from closedloop.studies.files import ResultsFolder
from closedloop.studies.preferred_categories import preferences_table

_WIDE_PX, _MOST_DRAWN = 640, 6  # recordings in one figure
_SOURCE = "The estimators are those that a study of closedloop is evaluated by."
_DEFINITIONS = (
    (
        "reliability",
        "correlation of the sites' mean responses between two halves of the repetitions, over clean images, averaged "
        "over random halves, for all repetitions (Spearman-Brown)",
    ),
    ("ceiling", "the correlation that a perfect model would reach: root of the reliability"),
    ("sigma", "SD over clean images of their mean responses, the noise of these means included (section 2)"),
    ("sigma, corrected", "the same without that noise, which the repetitions tell"),
    ("random pair", "mean absolute difference of two clean images, noise included (Figure 1A)"),
    (
        "intervals",
        "95 %, over images: 25 random halvings of them, all done anew in both halves. They are of these sites: others "
        "would have others",
    ),
    (
        "level",
        "response to new images of the category that half of the images would choose: the largest of many noisy means "
        "itself is too large",
    ),
)


@dataclass(frozen=True)
class Predicted:
    """How well networks predict the sites.

    Attributes
    ----------
    sections
        Of the page of the comparison, that come first.
    sites
        A row a site: ``network``, ``layer``, ``correlation`` with its interval, ``ceiling``, ``explained``.
    n_images
        That the comparison is over.
    lines
        The comparison in a few lines of text.
    """

    sections: tuple[PageSection, ...]
    sites: Columns
    n_images: int
    lines: tuple[str, ...] = ()


def analysis_page(found: FileAnalysis, predicted: Predicted | None, *, command: str, without: str = "") -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    found
        What the file says.
    predicted
        How well networks predict it; None where none were compared. Its sections were drawn in the page's style.
    command
        The command line that the page shows.
    without
        Why networks could not be compared, in a sentence; empty where they were, or were not asked for.
    """
    document = found.document
    with drawing.style():
        sections = (
            PageSection("short", "In short", cards=tuple(_cards(found))),
            _sites(found),
            *((_preferences(found),) if found.preferred else ()),
            *(_networks(predicted) if predicted is not None else ()),
            PageSection("definitions", "What each number is", tables=(_definitions(),)),
        )
    return render(
        Page(
            title=f"Responses in {document.source}",
            subtitle="What the sites of a file are worth, without a study around them.",
            facts=_facts(document),
            command=command,
            simulated=document.simulated,
            notices=(*document.notices, *((without,) if without else ())),
            links=_links() if predicted is not None else (),
            sections=sections,
            source=_SOURCE,
        )
    )


def _links() -> tuple[Link, ...]:
    own = AnalysisFiles(Path())
    compared = ResultsFolder(own.screening).page
    return Link("This file", own.page.name, here=True), Link("Every layer compared", compared.as_posix(), here=False)


def _cards(found: FileAnalysis) -> list[Card]:
    first = found.document.recordings[0]
    where = f", {first.name}" if len(found.document.recordings) > 1 else ""
    unit = found.document.unit
    cards = [
        Card("Reliability", _value(first.reliability), f"mean over {_interval(first.reliability)}{where}"),
        Card("Noise ceiling", _value(first.ceiling), f"mean over {_interval(first.ceiling)}{where}"),
        Card("Sigma", _value(first.sigma, unit=unit), f"mean over {_interval(first.sigma)}{where}"),
    ]
    if found.preferred:
        level = np.array([row["preferred_hz"] for row in found.preferred])
        known = level[np.isfinite(level)]
        note = f"cross-validated, mean over {len(known)} sites, {found.document.n_categories} categories"
        cards.append(Card("Response to the preferred category", number(float(known.mean()), unit=unit), note))
    return cards


def _value(one: MeanOverSites, *, unit: str = "") -> str:
    return number(one.mean, unit=unit)


def _interval(one: MeanOverSites) -> str:
    ends = f" ({span((one.low, one.high))})" if one.low is not None and one.high is not None else ""
    return f"{count(one.n_sites)} sites{ends}"


def _sites(found: FileAnalysis) -> PageSection:
    document = found.document
    drawn = [one.name for one in document.recordings[:_MOST_DRAWN]]
    rest = len(document.recordings) - len(drawn)
    caption = (
        "Each site with its 95 % interval over images."
        + (f" The first {len(drawn)} recordings; sites.csv has the other {rest}." if rest else "")
        + " Near 0 a site's responses do not repeat themselves."
    )
    figure = plate(
        sites_in_order(found.sites, drawn, unit=document.unit),
        "Reliability and sigma of the sites",
        caption=caption,
        least_width_px=_WIDE_PX,
    )
    folded = tuple(
        (f"Every site{f': {one.name}' if len(document.recordings) > 1 else ''}", _site_table(found, one.name))
        for one in document.recordings
    )
    return PageSection("sites", "The sites", wide=(figure,), tables=(_recordings(document),), folded=folded)


def _recordings(document: AnalysedFile) -> Table:
    return Table(
        columns=("", "clean images", "shown twice or more", "presentations", "reliability", "ceiling", "sigma"),
        rows=tuple(
            (
                one.name,
                count(one.n_images),
                count(one.n_repeated_images),
                count(one.n_presentations),
                _with_span(one.reliability),
                _with_span(one.ceiling),
                _with_span(one.sigma),
            )
            for one in document.recordings
        ),
        caption="Means over sites, with 95 % intervals over images. Where the file says which images are fresh, as a "
        "study's export does, sigma is over these alone.",
    )


def _with_span(one: MeanOverSites) -> str:
    if one.mean is None:
        return DASH
    return number(one.mean) + (
        f" [{span((one.low, one.high))}]" if one.low is not None and one.high is not None else ""
    )


def _site_table(found: FileAnalysis, recording: str) -> Table:
    rows = [row for row in _rows(found.sites) if row["recording"] == recording]
    return Table(
        columns=(
            *("", "images", "presentations", "reliability", "95 % interval", "ceiling", "mean", "sigma"),
            *("95 % interval", "sigma, corrected", "random pair"),
        ),
        rows=tuple(
            (
                row["site"],
                count(row["n_images"]),
                count(row["n_presentations"]),
                number(row["reliability"]),
                span((row["reliability_low"], row["reliability_high"])),
                number(row["ceiling"]),
                number(row["mean"]),
                number(row["sigma"]),
                span((row["sigma_low"], row["sigma_high"])),
                number(row["sigma_corrected"]),
                number(row["random_pair"]),
            )
            for row in rows
        ),
        caption=f"In {found.document.unit}." if found.document.unit else "In the unit of the file.",
    )


def _preferences(found: FileAnalysis) -> PageSection:
    document = found.document
    caption = "Response to new images of either category, cross-validated, with 95 % intervals over images."
    figure = plate(
        levels_in_order(found.preferred, unit=document.unit),
        "Preferred and least preferred category",
        caption=caption,
        least_width_px=_WIDE_PX,
    )
    sites = list(dict.fromkeys(found.sites["site"].tolist()))
    over = f"{count(document.n_categories)} categories of the file's clean images, all recordings"
    table = preferences_table(sites, found.preferred, unit=document.unit, over=over)
    return PageSection("categories", "Categories", wide=(figure,), folded=(("Every site", table),))


def _networks(predicted: Predicted) -> tuple[PageSection, ...]:
    table = predicted.sites
    network, layer = str(table["network"][0]), str(table["layer"][0])
    named = layer if network == layer else f"{network} {layer}"
    caption = (
        f"Each site by {named}, which predicts best of all layers compared: held-out correlation with its 95 % "
        f"interval over {count(predicted.n_images)} images, over the site's noise ceiling. On the line nothing that "
        "can be predicted is left."
    )
    figure = plate(predicted_sites(table), "How well each site is predicted", caption=caption)
    rows = tuple(
        (
            row["site"],
            number(row["correlation"]),
            span((row["low"], row["high"])),
            number(row["ceiling"]),
            number(row["explained"]),
        )
        for row in _rows(table)
    )
    columns = ("", "correlation", "95 % interval", "ceiling", "explained")
    said = "Explained: part of the explainable variance."
    own = PageSection("predicted", "Each site", plates=(figure,), folded=(("Every site", Table(columns, rows, said)),))
    first, *others = predicted.sections
    return (replace(first, anchor="networks-short", heading="Networks compared"), *others, own)


def _definitions() -> Table:
    return Table(columns=("", "here"), rows=_DEFINITIONS, caption="", prose=True)


def _facts(document: AnalysedFile) -> tuple[tuple[str, str], ...]:
    said = "; ".join(f"{name.replace('_', ' ')}: {text}" for name, text in document.said.items() if text)
    return (
        ("File", f"{document.source}, {document.format}, sha256 {document.source_sha256[:12]}"),
        ("Sites", count(document.n_sites)),
        ("Clean images", _images(document.recordings, document)),
        ("Responses", f"in {document.unit}" if document.unit else "in a unit that the file does not say"),
        ("Read from", said),
        ("Versions", f"closedloop {document.code_version}, seed {document.seed}"),
    )


def _images(recordings: tuple[AnalysedRecording, ...], document: AnalysedFile) -> str:
    n = sum(one.n_presentations for one in recordings)
    of = f" of {count(document.n_categories)} categories" if document.n_categories else ""
    return f"{count(document.n_images)}{of}, {count(n)} presentations"


def _rows(table: Columns) -> list[dict[str, Any]]:
    columns = {name: column.tolist() for name, column in table.items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
