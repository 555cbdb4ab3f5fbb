"""Panel: the numbers of the days, each against the days before. The numbers and tables are those of the report.

What only a simulated study can know, the simulation's hidden truth, is called that wherever it stands; a real study
has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.artifacts.protocol.attack import CONTROL_KINDS
from closedloop.artifacts.study import StudyPaths
from closedloop.report import tables as report_tables
from closedloop.report.amended.comparable import comparable
from closedloop.report.numbers import day_rows, median_r, summary_rows
from closedloop.report.reading import SensitivityRow, StudyRecord
from closedloop.report.tables import Table
from closedloop.service.charts import Chart, ChartLevel, ChartLine, Dash, LineLook, Mark, known, side_by_side
from closedloop.service.over_days.numbers import DayNumbers, StudyNumbers, files_of_day, read_numbers
from closedloop.service.over_days.sections import DaysSection, NamedTable, SectionWithCharts, section_of
from closedloop.service.panels.days_sites import SPREAD, faint_lines, median_of, sites_section
from closedloop.service.unchanged import while_unchanged

NAME = "days"
TITLE = "Day by day"

HIDDEN_TRUTH = "the simulation's hidden truth"

_OVER_DAYS: dict[str, tuple[str, LineLook, Mark, Dash]] = {  # estimate: name beside the line, colour, mark, dashes
    "paper": ("sites", "site", "circle", "solid"),
    "cross_fitted": ("cross-fitted", "second", "diamond", "dotted"),
    "gaussian": ("noise", "gaussian", "square", "none"),
    "linear": ("interpolation", "linear", "triangle", "none"),
    "other_site": ("other sites", "other", "square", "none"),
    "yesterday": ("yesterday's", "yesterday", "triangle", "dotted"),
    "true": ("hidden truth", "truth", "open", "dashed"),
    "white_box": ("hidden bound", "bound", "down", "dotted"),
}


@dataclass(frozen=True)
class DaysPanel:
    """The numbers of the days.

    Attributes
    ----------
    simulated
        Whether no animal was recorded.
    days
        Those that have numbers.
    charts
        Of all sections.
    damaged
        What could not be read, a line each.
    """

    simulated: bool
    days: tuple[int, ...]
    sections: tuple[DaysSection, ...]
    charts: tuple[Chart, ...]
    damaged: tuple[str, ...] = ()


def read(paths: StudyPaths) -> DaysPanel:
    """Return what the days have measured so far; set side by side by what all of them have, as in the report."""
    return _read(paths.root)


def _that_decide(root: Path) -> Iterable[Path]:
    paths = StudyPaths(root)
    yield from (paths.study, paths.protocol, paths.amendments)
    for block in paths.found():
        yield from files_of_day(paths.at(block).day(block.day).root)


@while_unchanged(most=8, files=_that_decide)
def _read(root: Path) -> DaysPanel:
    paths = StudyPaths(root)
    numbers = read_numbers(paths)
    days = [day for day in numbers.days if day.quality or day.sites or day.fit or day.evaluation]
    side_by_side = _comparable(paths, numbers, days)
    parts = (
        sites_section(numbers, days),
        _model(numbers, days, side_by_side),
        _sensitivity(numbers, days, side_by_side),
    )
    there = [part for part in parts if part is not None]
    return DaysPanel(
        simulated=numbers.simulated,
        days=tuple(day.day for day in days),
        sections=tuple(part.section for part in there),
        charts=tuple(chart for part in there for chart in part.charts),
        damaged=numbers.faults,
    )


@dataclass(frozen=True)
class _SideBySide:
    """The days with the numbers that may be compared between them.

    Attributes
    ----------
    record
        The same as the report's tables take it; None where study or protocol cannot be read.
    said
        What is left out for it, in a sentence; empty where nothing is.
    """

    days: tuple[DayNumbers, ...]
    record: StudyRecord | None = None
    said: str = ""

    def told(self, intro: str) -> str:
        """Return what stands above a section, with what its days are compared without."""
        return f"{intro} {self.said}" if self.said else intro


def _comparable(paths: StudyPaths, numbers: StudyNumbers, days: Sequence[DayNumbers]) -> _SideBySide:
    if numbers.study is None or numbers.protocol is None:
        return _SideBySide(tuple(days))
    found = comparable(StudyRecord(paths, numbers.study, numbers.protocol, tuple(day.record() for day in days)))
    return _SideBySide(
        tuple(
            replace(day, sensitivity=of_day.sensitivity, evaluation=of_day.evaluation)
            for day, of_day in zip(days, found.record.days, strict=True)
        ),
        found.record,
        found.said,
    )


def _model(numbers: StudyNumbers, days: Sequence[DayNumbers], side_by_side: _SideBySide) -> SectionWithCharts | None:
    told = [day for day in side_by_side.days if day.evaluation or day.fit]
    if not told:
        return None
    last = next((day.evaluation for day in reversed(days) if day.evaluation), None)
    return section_of(
        "model",
        "The model against the spikes",
        side_by_side.told("What the model said before the recording, against what was recorded."),
        charts=(_predictions(told), *_signs(told, simulated=numbers.simulated)),
        folded=(NamedTable(f"The sites on day {last.day}", report_tables.sites(last)),) if last else (),
    )


def _predictions(days: Sequence[DayNumbers]) -> Chart:
    by_day = [day.evaluation.r_predicted if day.evaluation else {} for day in days]
    names = list(dict.fromkeys(name for sites in by_day for name in sites))
    sealed = [median_r(day.evaluation) if day.evaluation else None for day in days]
    refitted = [median_of(day.fit.r_heldout) if day.fit else None for day in days]
    main = side_by_side(
        [
            ChartLine(
                "sealed model of the day, median",
                known(sealed),
                short="sealed",
                look="site",
                mark="circle",
                dash="solid",
            ),
            ChartLine(
                "after the day's refit, median",
                known(refitted),
                short="refitted",
                look="second",
                mark="diamond",
                dash="dashed",
            ),
        ],
        spread=0.1,
    )
    return Chart(
        "predictions",
        "Prediction of images it never saw",
        "day",
        "correlation r",
        x=tuple(float(day.day) for day in days),
        lines=(*main, *faint_lines(by_day)),
        levels=(ChartLevel("no correlation", 0.0),),
        highest=1.0,
        faint_label=f"sealed model, single sites (n = {len(names)})",
        caption="Sealed model: the model before the recording, on the day's clean images. After the refit: on the "
        "held-out images of all days so far.",
    )


def _signs(days: Sequence[DayNumbers], *, simulated: bool) -> tuple[Chart, ...]:
    evaluated = [day.evaluation for day in days if day.evaluation is not None]
    epsilons = sorted({one.epsilon for evaluation in evaluated for one in evaluation.epsilons})
    if not epsilons:
        return ()
    lines = []
    for epsilon, mark in zip(epsilons, _marks(len(epsilons)), strict=True):
        cells = [next((e for e in one.epsilons if e.epsilon == epsilon), None) for one in evaluated]
        measured = known(cell.sign_agreement_measured if cell else None for cell in cells)
        true = known(cell.sign_agreement_true if cell else None for cell in cells)
        name = f"ε = {epsilon:g}"
        lines.append(ChartLine(f"{name}, measured", measured, short=name, look="site", mark=mark, dash="solid"))
        if simulated and any(value is not None for value in true):
            short = f"{name}, hidden"
            lines.append(
                ChartLine(f"{name}, {HIDDEN_TRUTH}", true, short=short, look="truth", mark=mark, dash="dashed")
            )
    return (
        Chart(
            "signs",
            "Predicted signs that came true",
            "day",
            "part of the attacks",
            x=tuple(float(one.day) for one in evaluated),
            lines=side_by_side(lines, spread=SPREAD / 2),
            levels=(ChartLevel("chance", 0.5),),
            highest=1.0,
            caption="Part of the attacks whose change has the sealed sign. As measured, noise pulls it towards chance."
            + (f" Dashed: by {HIDDEN_TRUTH}, which no real study has." if simulated else ""),
        ),
    )


def _marks(n: int) -> tuple[Mark, ...]:
    marks: tuple[Mark, ...] = ("circle", "square", "triangle", "diamond", "down")
    return tuple(marks[place % len(marks)] for place in range(n))


def _sensitivity(
    numbers: StudyNumbers, days: Sequence[DayNumbers], side_by_side: _SideBySide
) -> SectionWithCharts | None:
    rows = summary_rows([row for day in side_by_side.days for row in day.sensitivity])
    if not rows or side_by_side.record is None:
        return None
    last = max(row.day for row in rows)
    every = _named(report_tables.every_number([row for day in days if day.day == last for row in day.sensitivity]))
    simulated = numbers.simulated
    epsilons = sorted({row.epsilon for row in rows if row.estimate in _OVER_DAYS})
    return section_of(
        "sensitivity",
        "How far the sites move",
        side_by_side.told(
            "Change of a site's response in units of its SD over clean images (σ), by day and size of the "
            "perturbation, beside the controls that no model made. Bars: 95 % intervals."
            + (f" Dashed and dotted open marks: {HIDDEN_TRUTH}, which no real study has." if simulated else "")
        ),
        charts=tuple(_at_epsilon(rows, epsilon) for epsilon in epsilons),
        tables=_tables(side_by_side.record),
        folded=(NamedTable(f"Every number of day {last}", every),),
    )


def _tables(record: StudyRecord) -> tuple[Table, ...]:
    """Return the report's tables of the days: what they measured, and in a simulation what they attained."""
    attained = report_tables.attained_over_days(record.days, record.protocol.evaluation)
    if attained:
        attained = replace(attained, caption=f"By {HIDDEN_TRUTH}, which no real study has. {attained.caption}")
    return (_told(report_tables.day_by_day(day_rows(record))), *([attained] if attained else []))


def _told(table: Table) -> Table:
    """Return the report's day-by-day table with the hidden truth called so in every column."""
    columns = tuple(
        name.replace(" true", f", {HIDDEN_TRUTH}").replace("the hidden truth", HIDDEN_TRUTH) for name in table.columns
    )
    return Table(columns, table.rows, table.caption, table.prose)


def _at_epsilon(rows: Sequence[SensitivityRow], epsilon: float) -> Chart:
    days = sorted({row.day for row in rows})
    lines = []
    for estimate, (short, look, mark, dash) in _OVER_DAYS.items():
        own = {
            row.day: row
            for row in rows
            if (row.epsilon, row.estimate) == (epsilon, estimate) and not (estimate in CONTROL_KINDS and row.truth)
        }
        if own:
            lines.append(
                ChartLine(
                    _name(estimate),
                    known(own[day].mean if day in own else None for day in days),
                    known(own[day].interval[0] if day in own else None for day in days),
                    known(own[day].interval[1] if day in own else None for day in days),
                    short=short,
                    look=look,
                    mark=mark,
                    dash=dash,
                )
            )
    return Chart(
        f"sensitivity-{epsilon:g}".replace(".", "_"),
        f"ε = {epsilon:g}",
        "day",
        "sensitivity (σ)",
        x=tuple(float(day) for day in days),
        lines=side_by_side(lines, spread=SPREAD),
        levels=(ChartLevel("no change", 0.0),),
    )


def _name(estimate: str) -> str:
    """Return an estimate's name as the report has it, that of a hidden truth as this page calls it."""
    return _HIDDEN.get(report_tables.NAMES[estimate], report_tables.NAMES[estimate])


_HIDDEN = {
    report_tables.NAMES["true"]: f"sites, {HIDDEN_TRUTH}",
    report_tables.NAMES["white_box"]: f"white-box bound, {HIDDEN_TRUTH}",
}
_CONTROLS = {report_tables.NAMES[kind] for kind in CONTROL_KINDS}


def _named(table: Table) -> Table:
    """Return the report's table of every number with each row of the hidden truth called that."""
    rows = [(_HIDDEN.get(row[0], row[0]), *row[1:]) for row in table.rows]
    rows = [(f"{row[0]}, {HIDDEN_TRUTH}", *row[1:]) if _is_noiseless_control(row) else row for row in rows]
    return Table(table.columns, tuple(rows), table.caption, table.prose)


def _is_noiseless_control(row: tuple[str, ...]) -> bool:
    return row[0] in _CONTROLS and row[1] == "truth"
