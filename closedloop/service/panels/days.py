"""Panel: the numbers of the days, each against the days before. The numbers and tables are those of the report.

What only a simulated study can know, the simulation's hidden truth, is called that wherever it stands; a real study
has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.protocol.attack import CONTROL_KINDS
from closedloop.artifacts.study import StudyPaths
from closedloop.report import tables as report_tables
from closedloop.report.numbers import day_rows, median_r, summary_rows
from closedloop.report.reading import SensitivityRow, StudyRecord
from closedloop.report.tables import Table
from closedloop.report.wording import count, number, percent
from closedloop.service.over_days.numbers import DayNumbers, StudyNumbers, read_numbers
from closedloop.service.panels.charts import Chart, ChartLevel, ChartLine, Dash, Look, Mark, known, side_by_side

NAME = "days"
TITLE = "Day by day"

HIDDEN_TRUTH = "the simulation's hidden truth"

_SPREAD = 0.4  # days, from the first to the last of what is drawn side by side
_OVER_DAYS: dict[str, tuple[str, Look, Mark, Dash]] = {  # estimate: name beside the line, colour, mark, dashes
    "paper": ("sites", "site", "circle", "solid"),
    "cross_fitted": ("cross-fitted", "second", "diamond", "dotted"),
    "gaussian": ("noise", "gaussian", "square", "none"),
    "linear": ("interpolation", "linear", "triangle", "none"),
    "true": ("hidden truth", "truth", "open", "dashed"),
    "white_box": ("hidden bound", "bound", "down", "dotted"),
}


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
    """Return what the days have measured so far."""
    numbers = read_numbers(paths)
    days = [day for day in numbers.days if day.quality or day.sites or day.fit or day.evaluation]
    parts = (_sites(numbers, days), _model(numbers, days), _sensitivity(paths, numbers, days))
    there = [part for part in parts if part is not None]
    return DaysPanel(
        simulated=numbers.simulated,
        days=tuple(day.day for day in days),
        sections=tuple(section for section, _ in there),
        charts=tuple(chart for _, charts in there for chart in charts),
        damaged=numbers.faults,
    )


_Part = tuple[DaysSection, tuple[Chart, ...]]


def _part(
    anchor: str,
    heading: str,
    intro: str,
    *,
    charts: tuple[Chart, ...],
    tables: tuple[Table, ...] = (),
    folded: tuple[NamedTable, ...] = (),
) -> _Part:
    return DaysSection(anchor, heading, intro, tuple(chart.name for chart in charts), tables, folded), charts


def _sites(numbers: StudyNumbers, days: Sequence[DayNumbers]) -> _Part | None:
    recorded = [day for day in days if day.sites is not None]
    if not recorded:
        return None
    least = numbers.protocol.sites.min_reliability if numbers.protocol else None
    return _part(
        "sites",
        "Sites and recording",
        "The sites of the model, chosen on day 0, as each day recorded them.",
        charts=(
            _by_site(
                recorded,
                lambda site: site.reliability,
                name="reliability",
                title="Reliability",
                y_label="split-half reliability",
                least=least,
            ),
            _by_site(recorded, lambda site: site.mean_rate_hz, name="rates", title="Rates", y_label="mean rate (Hz)"),
            _yield(recorded, least),
        ),
        tables=(_sites_table(recorded, least),),
    )


def _chosen(day: DayNumbers) -> tuple[Site, ...]:
    return day.sites.chosen() if day.sites else ()


def _by_site(
    days: Sequence[DayNumbers],
    value: Callable[[Site], float | None],
    *,
    name: str,
    title: str,
    y_label: str,
    least: float | None = None,
) -> Chart:
    """Return a chart of what each site had on each day, with the median over sites.

    Parameters
    ----------
    days
        Ascending.
    value
        What is drawn of a site.
    name, title, y_label
        Of the chart.
    least
        What a site had to reach on day 0, where there is such a bound.
    """
    by_day = [{site.neuroid_id: value(site) for site in _chosen(day)} for day in days]
    names = list(dict.fromkeys(name for sites in by_day for name in sites))
    medians = [_median(sites.values()) for sites in by_day]
    levels = [ChartLevel(f"median of day {days[0].day}", medians[0])] if medians[0] is not None else []
    levels += [ChartLevel("least of a site on day 0", least)] if least is not None else []
    return Chart(
        name,
        title,
        "day",
        y_label,
        x=tuple(float(day.day) for day in days),
        lines=(
            ChartLine("median over sites", known(medians), short="median", look="site", mark="circle", dash="solid"),
            *_faint(by_day),
        ),
        levels=tuple(levels),
        lowest=0.0 if all(one is None or one >= 0 for sites in by_day for one in sites.values()) else None,
        faint_label=f"single sites (n = {len(names)})",
    )


def _faint(by_day: Sequence[Mapping[str, float | None]]) -> tuple[ChartLine, ...]:
    """Return a line a site, side by side behind the median, in the order of the model's outputs."""
    names = list(dict.fromkeys(name for sites in by_day for name in sites))
    lines = [
        ChartLine(name, known(sites.get(name) for sites in by_day), look="faint", mark="dot", dash="none")
        for name in names
    ]
    return side_by_side(lines, spread=_SPREAD)


def _yield(days: Sequence[DayNumbers], least: float | None) -> Chart:
    recorded = [sum(_is_recorded(site) for site in _chosen(day)) for day in days]
    reliable = [_n_reliable(_chosen(day), least) for day in days]
    lines = [
        ChartLine("recorded", tuple(recorded), short="recorded", look="site", mark="circle", dash="solid"),
        ChartLine("reliable enough", tuple(reliable), short="reliable", look="second", mark="diamond", dash="dashed"),
    ]
    return Chart(
        "yield",
        "Yield",
        "day",
        "sites",
        x=tuple(float(day.day) for day in days),
        lines=side_by_side(lines, spread=0.2),
        levels=(ChartLevel("sites of the model", float(max(len(_chosen(day)) for day in days))),),
        lowest=0.0,
    )


def _is_recorded(site: Site) -> bool:
    return site.mean_rate_hz is not None


def _n_reliable(sites: Sequence[Site], least: float | None) -> int:
    bound = 0.0 if least is None else least
    return sum(site.reliability is not None and site.reliability >= bound for site in sites)


def _sites_table(days: Sequence[DayNumbers], least: float | None) -> Table:
    first = {site.neuroid_id: site for site in _chosen(days[0])}
    return Table(
        columns=(
            "",
            "recorded",
            "reliable",
            "reliability",
            f"against day {days[0].day}",
            "rate",
            f"of day {days[0].day}",
            "used / presented",
        ),
        rows=tuple(_sites_line(day, first, least) for day in days),
        caption="Of the sites of the model. Recorded: with a response; reliable: at least "
        + (f"{least:g}, what a site had to reach on day 0" if least is not None else "0")
        + ". Reliability and rate: medians over sites; against day "
        f"{days[0].day}: medians over sites of each site's difference, and of its ratio.",
    )


def _sites_line(day: DayNumbers, first: dict[str, Site], least: float | None) -> tuple[str, ...]:
    sites = _chosen(day)
    both = [(site, first[site.neuroid_id]) for site in sites if site.neuroid_id in first]
    differences = [
        now.reliability - then.reliability
        for now, then in both
        if now.reliability is not None and then.reliability is not None
    ]
    ratios = [now.mean_rate_hz / then.mean_rate_hz for now, then in both if now.mean_rate_hz and then.mean_rate_hz]
    quality = day.quality
    return (
        f"day {day.day}",
        f"{sum(_is_recorded(site) for site in sites)} of {len(sites)}",
        f"{_n_reliable(sites, least)} of {len(sites)}",
        number(_median(site.reliability for site in sites)),
        number(_median(differences)),
        number(_median(site.mean_rate_hz for site in sites), unit="Hz"),
        percent(_median(ratios)),
        f"{count(quality.n_used if quality else None)} / {count(quality.n_presented if quality else None)}",
    )


def _model(numbers: StudyNumbers, days: Sequence[DayNumbers]) -> _Part | None:
    told = [day for day in days if day.evaluation or day.fit]
    if not told:
        return None
    last = next((day.evaluation for day in reversed(told) if day.evaluation), None)
    return _part(
        "model",
        "The model against the spikes",
        "What the model said before the recording, against what was recorded.",
        charts=(_predictions(told), *_signs(told, simulated=numbers.simulated)),
        folded=(NamedTable(f"The sites on day {last.day}", report_tables.sites(last)),) if last else (),
    )


def _predictions(days: Sequence[DayNumbers]) -> Chart:
    by_day = [day.evaluation.r_predicted if day.evaluation else {} for day in days]
    names = list(dict.fromkeys(name for sites in by_day for name in sites))
    sealed = [median_r(day.evaluation) if day.evaluation else None for day in days]
    refitted = [_median(day.fit.r_heldout) if day.fit else None for day in days]
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
        lines=(*main, *_faint(by_day)),
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
            lines=side_by_side(lines, spread=_SPREAD / 2),
            levels=(ChartLevel("chance", 0.5),),
            highest=1.0,
            caption="Part of the attacks whose change has the sealed sign. As measured, noise pulls it towards chance."
            + (f" Dashed: by {HIDDEN_TRUTH}, which no real study has." if simulated else ""),
        ),
    )


def _marks(n: int) -> tuple[Mark, ...]:
    marks: tuple[Mark, ...] = ("circle", "square", "triangle", "diamond", "down")
    return tuple(marks[place % len(marks)] for place in range(n))


def _sensitivity(paths: StudyPaths, numbers: StudyNumbers, days: Sequence[DayNumbers]) -> _Part | None:
    rows = summary_rows([row for day in days for row in day.sensitivity])
    if not rows or numbers.study is None or numbers.protocol is None:
        return None
    record = StudyRecord(paths, numbers.study, numbers.protocol, tuple(day.record() for day in days))
    last = max(row.day for row in rows)
    every = _named(report_tables.every_number([row for day in days if day.day == last for row in day.sensitivity]))
    simulated = numbers.simulated
    return _part(
        "sensitivity",
        "How far the sites move",
        "Change of a site's response in units of its SD over clean images (σ), by day and size of the perturbation, "
        "beside the controls that no model made. Bars: 95 % intervals."
        + (f" Dashed and dotted open marks: {HIDDEN_TRUTH}, which no real study has." if simulated else ""),
        charts=tuple(_at_epsilon(rows, epsilon) for epsilon in sorted({row.epsilon for row in rows})),
        tables=(_told(report_tables.day_by_day(day_rows(record))),),
        folded=(NamedTable(f"Every number of day {last}", every),),
    )


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
        lines=side_by_side(lines, spread=_SPREAD),
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


def _median(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return median(found) if found else None
