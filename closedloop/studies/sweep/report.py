"""The files of a sweep: tables, figures, page and one JSON of all numbers; and the lines that sum it up."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.tables import Columns, read_table
from closedloop.errors import StudyError
from closedloop.report import drawing
from closedloop.storage import write_bytes
from closedloop.studies.files import ResultsFolder, write_both
from closedloop.studies.sweep.documents import ALL_DAYS, SWEEP_ESTIMATES, SWEEP_TESTS, SweepSettings, SweptSubject
from closedloop.studies.sweep.figures import at, coverage_figure, tests_figure
from closedloop.studies.sweep.page import sweep_page
from closedloop.studies.sweep.tables import answers_table, estimates_table


@dataclass(frozen=True)
class SweepFiles(ResultsFolder):
    """The files of a sweep."""

    @property
    def estimates(self) -> Path:
        """A row an estimate, day and epsilon."""
        return self.folder / "estimates.parquet"

    @property
    def tests(self) -> Path:
        """A row a test, day and epsilon."""
        return self.folder / "tests.parquet"

    @property
    def studies(self) -> Path:
        """Folder of studies that are not done, or are kept."""
        return self.folder / "studies"


def write_sweep_report(
    folder: Path, settings: SweepSettings, swept: Sequence[SweptSubject], *, command: str
) -> list[str]:
    """Write tables, figures and page; return what to tell the user.

    Parameters
    ----------
    folder
        Of the results.
    settings
        What was asked.
    swept
        What each subject's study came to.
    command
        The command line that the page shows.

    Raises
    ------
    StudyError
        Not one study ran to its end.
    """
    ended, files = _ended(swept), SweepFiles(folder)
    settings.write(files.settings)
    estimates, tests = estimates_table(swept), answers_table(swept)
    write_both(files.estimates, SWEEP_ESTIMATES, estimates, simulated=True)
    write_both(files.tests, SWEEP_TESTS, tests, simulated=True)
    for name in settings.protocols:
        own = [
            {column: values[table["protocol"] == name] for column, values in table.items()}
            for table in (estimates, tests)
        ]
        with drawing.style():
            drawn = {"coverage": coverage_figure(own[0]), "tests": tests_figure(own[1])}
            for what, figure in drawn.items():
                write_bytes(folder / f"{what}-{name}.svg", drawing.svg(figure))
    write_bytes(files.page, sweep_page(settings, estimates, tests, command=command))
    return [*_summary(settings, estimates, tests), *ended, f"Open {files.page}"]


def _ended(swept: Sequence[SweptSubject]) -> list[str]:
    ended = [one for one in swept if one.ended_by]
    if not ended:
        return []
    if len(ended) == len(swept):
        raise StudyError(
            f"sweep: expected studies that run to their end, found that all {len(swept)} ended before their time, "
            f"{ended[0].subject} with: {ended[0].ended_by}"
        )
    return [
        f"{len(ended)} of {len(swept)} studies ended before their time and count nowhere, {ended[0].subject} with: "
        f"{ended[0].ended_by}"
    ]


def results_as_json(folder: Path) -> str:
    """Return a sweep's tables as JSON: what is unknown is null."""
    files = SweepFiles(folder)
    tables = {
        "estimates": read_table(files.estimates, SWEEP_ESTIMATES),
        "tests": read_table(files.tests, SWEEP_TESTS),
    }
    rows = {
        name: [
            dict(zip(table, (_known(value) for value in values), strict=True))
            for values in zip(*(column.tolist() for column in table.values()), strict=True)
        ]
        for name, table in tables.items()
    }
    return json.dumps(rows, indent=2)


def _known(value: str | float) -> str | float | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _summary(settings: SweepSettings, estimates: Columns, tests: Columns) -> list[str]:
    """Return coverage over all epsilons and days, and rates of the last day, as text: the tables have the others."""
    lines = [f"{settings.n_subjects} simulated subjects. Published 95 % intervals that hold the truth, all days:"]
    told = set[tuple[str, ...]]()
    for row in range(len(estimates["estimate"])):
        own = tuple(estimates[name][row] for name in ("protocol", "estimate", "over"))
        if estimates["day"][row] == ALL_DAYS and estimates["covered"][row] >= 0 and own not in told:
            told.add(own)  # all epsilons stand together before each
            name = f"{estimates['estimate'][row].replace('_', '-')}{at(estimates['epsilon'][row])}"
            lines.append(
                f"  {_part(estimates, row, 'covered')}  {_of(settings, estimates, row)}{name}, over "
                f"{estimates['over'][row]}"
            )
    last_day = {name: tests["day"][tests["protocol"] == name].max() for name in set(tests["protocol"].tolist())}
    asked = ""
    for row in range(len(tests["test"])):
        if tests["day"][row] < last_day[tests["protocol"][row]]:
            continue
        if tests["asked"][row] != asked:
            asked = tests["asked"][row]
            lines.append(f"{asked[0].upper()}{asked[1:]}, last day:")
        lines.append(
            f"  {_part(tests, row, 'rate')}  {_of(settings, tests, row)}{tests['test'][row]}"
            f"{at(tests['epsilon'][row])} (n = {tests['n_subjects'][row]})"
        )
    return [*lines, "Each epsilon and each day are in estimates.csv and tests.csv."]


def _part(table: Columns, row: int, name: str) -> str:
    part, low, high = (100 * table[column][row] for column in (name, f"{name}_low", f"{name}_high"))
    return f"{part:5.1f} % [{low:5.1f}, {high:5.1f}]"


def _of(settings: SweepSettings, table: Columns, row: int) -> str:
    return f"{table['protocol'][row]}: " if len(settings.protocols) > 1 else ""
