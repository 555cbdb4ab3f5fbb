"""What a page is made of, and its way into HTML: sections of plates (figures), tables and pictures."""

from __future__ import annotations

from dataclasses import dataclass

import jinja2
from matplotlib.figure import Figure

from closedloop.report.drawing import svg_uri
from closedloop.report.pictures import Shown, Triple
from closedloop.report.tables import Table


@dataclass(frozen=True)
class Plate:
    """A figure with the words under it."""

    title: str
    uri: str
    caption: str


@dataclass(frozen=True)
class Card:
    """One number at the top of a page."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class Section:
    """A part of a page: everything but the heading may be missing; `folded` tables are opened by a click."""

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
    """A page beside this one."""

    name: str
    href: str
    here: bool


EXPERIMENT = (
    "Source of the experiment: Guo et al. 2022, “Adversarially trained neural representations may already be as robust "
    "as corresponding biological neural representations”."
)


@dataclass(frozen=True)
class Page:
    """A whole page; `source` stands in its last line."""

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    command: str
    simulated: bool
    notices: tuple[str, ...]
    links: tuple[Link, ...]
    sections: tuple[Section, ...]
    source: str = EXPERIMENT


def plate(figure: Figure, title: str, *, caption: str) -> Plate:
    """Put a figure into the page."""
    return Plate(title=title, uri=svg_uri(figure), caption=caption)


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
