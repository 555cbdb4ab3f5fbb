"""What the page over days is made of: charts and tables of one question."""

from __future__ import annotations

from dataclasses import dataclass

from closedloop.report.tables import Table
from closedloop.service.charts import Chart


@dataclass(frozen=True)
class NamedTable:
    """A table with what is clicked to open it."""

    name: str
    table: Table


@dataclass(frozen=True)
class DaysSection:
    """Charts and tables of one question; charts by their names, and tables that are `folded` open with a click."""

    anchor: str
    heading: str
    intro: str
    charts: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    folded: tuple[NamedTable, ...] = ()


@dataclass(frozen=True)
class SectionWithCharts:
    """A section, and the charts that it names."""

    section: DaysSection
    charts: tuple[Chart, ...]


def section_of(
    anchor: str,
    heading: str,
    intro: str,
    *,
    charts: tuple[Chart, ...],
    tables: tuple[Table, ...] = (),
    folded: tuple[NamedTable, ...] = (),
) -> SectionWithCharts:
    """Return a section with its charts.

    Parameters
    ----------
    anchor, heading, intro
        Its name in the page, and what stands above it.
    charts, tables, folded
        What it shows; the last open with a click.
    """
    names = tuple(chart.name for chart in charts)
    return SectionWithCharts(DaysSection(anchor, heading, intro, names, tables, folded), charts)
