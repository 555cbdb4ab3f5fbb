"""An analysis of a file, written: settings, tables and page, and the lines that sum it up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from closedloop.report.wording import number, span
from closedloop.storage import make_folder, write_bytes
from closedloop.studies.analysed_file.documents import ANALYSED_PREFERENCES, ANALYSED_SITES, MeanOverSites
from closedloop.studies.analysed_file.measure import FileAnalysis
from closedloop.studies.analysed_file.page import Predicted, analysis_page
from closedloop.studies.analysed_file.settings import AnalysisFiles
from closedloop.studies.files import remove_both, write_both


def write_analysis(
    found: FileAnalysis, predicted: Predicted | None, out: Path, *, command: str, without: str = ""
) -> list[str]:
    """Write settings, tables and page; return what to tell the user.

    Parameters
    ----------
    found
        What the file says.
    predicted
        How well networks predict it; None where none were compared.
    out
        Folder for the results; created if missing.
    command
        The command line that the page shows.
    without
        Why networks could not be compared, in a sentence; empty where nothing is to be said.

    Raises
    ------
    StorageError
        The disk is full.
    """
    files, simulated = AnalysisFiles(out), found.document.simulated
    make_folder(out)
    found.document.write(files.settings)
    write_both(files.sites, ANALYSED_SITES, found.sites, simulated=simulated)
    if found.preferences is not None:
        write_both(files.preferences, ANALYSED_PREFERENCES, found.preferences, simulated=simulated)
    else:
        remove_both(files.preferences)
    write_bytes(files.page, analysis_page(found, predicted, command=command, without=without))
    of_networks = predicted.lines if predicted is not None else ()
    lines = [*_summary(found), *of_networks, *found.document.notices, *((without,) if without else ())]
    return [*lines, f"Open {files.page}"]


def _summary(found: FileAnalysis) -> list[str]:
    document = found.document
    mark = "SIMULATED responses" if document.simulated else "Responses"
    lines = [f"{mark} of {document.n_sites} sites to {document.n_images:,} clean images ({document.format})."]
    for one in document.recordings:
        place = "" if len(document.recordings) == 1 else f"{one.name}: "
        of_all = one.reliability.n_sites == one.sigma.n_sites
        n_reliable = "" if of_all or one.reliability.mean is None else f" ({one.reliability.n_sites} sites)"
        lines.append(
            f"{place}reliability {_said(one.reliability)}{n_reliable}, ceiling {_said(one.ceiling)}{n_reliable}, sigma "
            f"{_said(one.sigma, unit=document.unit)}; means over {one.sigma.n_sites} sites."
        )
    if found.preferred:
        levels = np.array([row["preferred_hz"] for row in found.preferred])
        mean = float(levels[np.isfinite(levels)].mean())
        lines.append(
            f"Response to the preferred category {number(mean, unit=document.unit)}, cross-validated, mean over sites, "
            f"{document.n_categories} categories."
        )
    return lines


def _said(one: MeanOverSites, *, unit: str = "") -> str:
    if one.mean is None:
        return "unknown"
    ends = f" [{span((one.low, one.high))}]" if one.low is not None and one.high is not None else ""
    return f"{number(one.mean, unit=unit)}{ends}"
