"""Category preference from a study's folder to a folder of results, and the lines that sum it up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from closedloop.access.opening import open_study
from closedloop.report.preference.section import reached_words, with_sd
from closedloop.storage import make_folder, write_bytes
from closedloop.studies.category_preference.documents import SITE_PREFERENCES, SITE_RATES
from closedloop.studies.category_preference.measure import FoundPreferences, find_preferences
from closedloop.studies.category_preference.page import driven_of, notices_of, preference_page
from closedloop.studies.category_preference.settings import PROTOCOL, PreferenceFiles
from closedloop.studies.files import write_both
from closedloop.studies.made_study import make_study


def run_preference(study: Path | None, out: Path, *, seed: int, workers: str | None, command: str) -> list[str]:
    """Measure, write settings, tables and page, and return what to tell the user.

    Stopped at any point and called again, it resumes and leaves the same bytes.

    Parameters
    ----------
    study
        Folder of a study; None: a simulated one is made in `out` first.
    out
        Folder for the results; created if missing.
    seed
        Of halves and resamples.
    workers
        Who makes the simulated study, as ``--workers`` takes it; None for this machine.
    command
        The command line that the page shows.

    Raises
    ------
    StudyError
        The folder is no study, or no day of it is recorded.
    ExecutionError, StorageError
        The simulated study could not be made, or the disk is full.
    """
    files = PreferenceFiles(out)
    folder = study if study is not None else make_study(files.made, protocol=PROTOCOL, workers=workers)
    opened = open_study(folder)
    make_folder(out)
    found = find_preferences(opened, seed=seed)
    found.document.write(files.settings)
    write_both(files.sites, SITE_PREFERENCES, found.sites, simulated=opened.simulated)
    write_both(files.rates, SITE_RATES, found.rates, simulated=opened.simulated)
    write_bytes(files.page, preference_page(opened, found, command=command))
    return [*summary(found), f"Open {files.page}"]


def summary(found: FoundPreferences) -> list[str]:
    """Return the study in a few lines."""
    table, driven = found.sites, driven_of(found)
    known = np.isfinite(table["preferred_hz"])
    lines = []
    if known.any():
        lines.append(
            f"Preferred category: {with_sd(table['preferred_hz'][known])} Hz, mean and SD over {int(known.sum())} "
            f"sites, cross-validated (the largest means themselves: {with_sd(table['largest_mean_hz'][known])})."
        )
    if driven is not None:
        over = "least preferred categories" if driven.of_least else "any but the preferred category"
        lines += [
            f"Epsilon at which images of {over} reach it: {reached_words(driven)}.",
            f"Rate at epsilon {driven.epsilons[-1]:g}: {with_sd(driven.rates_hz[:, -1])} Hz; the same images clean: "
            f"{with_sd(driven.rates_hz[:, 0])} Hz.",
        ]
    return [*lines, *notices_of(found)]
