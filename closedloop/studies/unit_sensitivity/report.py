"""Figure and page of a measurement of units, from its files."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.tables import read_table
from closedloop.report import drawing
from closedloop.storage import write_bytes
from closedloop.studies.unit_sensitivity.documents import UNIT_CHANGES, UNIT_SENSITIVITY, UnitSensitivityStudy
from closedloop.studies.unit_sensitivity.figures import figure_1a
from closedloop.studies.unit_sensitivity.page import units_page
from closedloop.studies.unit_sensitivity.settings import StudyFiles


def write_unit_report(folder: Path, *, command: str) -> Path:
    """Write figure.svg, figure.png and index.html from a folder's tables.

    Parameters
    ----------
    folder
        Where `measure_units` left its files.
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
    files = StudyFiles(folder)
    document = UnitSensitivityStudy.read(files.settings)
    changes, sensitivity = read_table(files.changes, UNIT_CHANGES), read_table(files.sensitivity, UNIT_SENSITIVITY)
    with drawing.style():
        figure = figure_1a(sensitivity, networks=[network.name for network in document.networks])
    write_bytes(folder / "figure.svg", drawing.svg(figure))
    write_bytes(folder / "figure.png", drawing.png(figure))
    write_bytes(files.page, units_page(document, changes, sensitivity, command=command))
    return files.page
