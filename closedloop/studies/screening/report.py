"""Figures and page of a screening, from its files."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.tables import read_table
from closedloop.report import drawing
from closedloop.storage import write_bytes
from closedloop.studies.screening.documents import SCREENING_CELLS, SCREENING_NETWORKS, ScreeningStudy
from closedloop.studies.screening.figures import figure_6
from closedloop.studies.screening.page import screening_page
from closedloop.studies.screening.settings import ScreeningFiles


def write_screening_report(folder: Path, *, command: str) -> Path:
    """Write figure.svg, figure.png and index.html from a folder's tables.

    Parameters
    ----------
    folder
        Where `screen` left its files.
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
    files = ScreeningFiles(folder)
    document = ScreeningStudy.read(files.settings)
    cells, networks = read_table(files.cells, SCREENING_CELLS), read_table(files.networks, SCREENING_NETWORKS)
    with drawing.style():
        figure = figure_6(document, cells)
    write_bytes(folder / "figure.svg", drawing.svg(figure))
    write_bytes(folder / "figure.png", drawing.png(figure))
    write_bytes(files.page, screening_page(document, cells, networks, command=command))
    return files.page
