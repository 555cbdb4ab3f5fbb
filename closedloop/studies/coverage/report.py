"""Figure and page of a coverage study, from its files."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.tables import read_table
from closedloop.report import drawing
from closedloop.storage import write_bytes
from closedloop.studies.coverage.documents import COVERAGE_ALARMS, COVERAGE_INTERVALS, CoverageSettings
from closedloop.studies.coverage.figures import coverage_figure
from closedloop.studies.coverage.page import coverage_page
from closedloop.studies.coverage.settings import CoverageFiles


def write_coverage_report(folder: Path, *, command: str) -> Path:
    """Write coverage.svg, coverage.png and coverage.html from a folder's tables.

    Parameters
    ----------
    folder
        Where `run_coverage` left its files.
    command
        The command line that the page shows.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    DocumentError
        A file is missing or damaged.
    """
    files = CoverageFiles(folder)
    settings = CoverageSettings.read(files.settings)
    intervals = read_table(files.intervals, COVERAGE_INTERVALS)
    alarms = read_table(files.alarms, COVERAGE_ALARMS)
    with drawing.style():
        figure = coverage_figure(intervals)
    write_bytes(folder / "coverage.svg", drawing.svg(figure))
    write_bytes(folder / "coverage.png", drawing.png(figure))
    write_bytes(files.page, coverage_page(settings, intervals, alarms, command=command))
    return files.page
