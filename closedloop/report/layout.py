"""The parts of a page (figures, tables, pictures, in sections) and their rendering as HTML."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import jinja2
from matplotlib.figure import Figure

from closedloop.report.drawing import NUMBER_COLUMNS, numbers_of, svg_uri
from closedloop.report.pictures import Shown, Triple
from closedloop.report.tables import Table


@dataclass(frozen=True)
class Plate:
    """A figure with its title, caption and the numbers drawn.

    On a narrow screen it is no narrower than `least_width_px`, and scrolls.
    """

    title: str
    uri: str
    caption: str
    least_width_px: int | None = None
    numbers: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Card:
    """One number at the top of a page."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class PageSection:
    """A section of a page: all but the heading is optional; `folded` tables open with a click."""

    anchor: str
    heading: str
    intro: str = ""
    cards: tuple[Card, ...] = ()
    shown: tuple[Shown, ...] = ()
    wide: tuple[Plate, ...] = ()
    plates: tuple[Plate, ...] = ()
    tables: tuple[Table, ...] = ()
    triples: tuple[Triple, ...] = ()
    folded: tuple[tuple[str, Table], ...] = ()


@dataclass(frozen=True)
class Link:
    """A link to another page of the report."""

    name: str
    href: str
    here: bool


EXPERIMENT = (
    "Source of the experiment: Guo et al. 2022, “Adversarially trained neural representations may already be as robust "
    "as corresponding biological neural representations”."
)


@dataclass(frozen=True)
class Page:
    """A whole page.

    `source` is its last line, `numbers_file` where its figures' numbers lie, if anywhere, and `in_folder` where the
    command is to be typed, if that matters. `made_by` says what the command does, `has_dark` whether the page turns
    dark where the reader's screen is.
    """

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    command: str
    simulated: bool
    notices: tuple[str, ...]
    links: tuple[Link, ...]
    sections: tuple[PageSection, ...]
    source: str = EXPERIMENT
    numbers_file: str = ""
    in_folder: str = ""
    made_by: str = "To make it again"
    has_dark: bool = False

    def numbers_csv(self) -> bytes:
        """Return the numbers of all its figures, a row a point."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("figure", *NUMBER_COLUMNS))
        for section in self.sections:
            for one in (*section.wide, *section.plates):
                writer.writerows((one.title, *row) for row in one.numbers)
        return text.getvalue().encode()


def plate(figure: Figure, title: str, *, caption: str, least_width_px: int | None = None) -> Plate:
    """Return a figure as part of a page.

    Parameters
    ----------
    figure
        Drawn in the style of `drawing.style`.
    title
        Above the figure.
    caption
        Below it.
    least_width_px
        Of a figure whose small print must stay readable on a narrow screen.
    """
    return Plate(title, svg_uri(figure), caption, least_width_px, numbers=numbers_of(figure))


def render(page: Page) -> bytes:
    """Return the page as one HTML file that needs nothing else."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("closedloop.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(page=page).encode()
