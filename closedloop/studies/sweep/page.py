"""The page of a sweep: what covers, what is biased, what is found, what rings though there is nothing."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, Plate, plate, render
from closedloop.report.tables import NAMES, Table
from closedloop.report.wording import count, number, percent
from closedloop.studies.sweep.documents import ALL_DAYS, SweepSettings
from closedloop.studies.sweep.figures import at, coverage_figure, tests_figure
from closedloop.studies.sweep.judging import FALSE_ALARM, POWER

_SENTENCES = (
    (
        "truth",
        "what a study without noise would have published of the very pairs that it showed, by the hidden cortex, as "
        "the study's own evaluation wrote it; of an interval over images and sites the mean of that over all subjects",
    ),
    (
        "over images",
        "such an interval allows for other images than those that were shown. The truth here is of those that were "
        "shown, so that it may hold it more often than 95 times in 100",
    ),
    (
        "cross-fitted",
        "its truth here is the mean size; its expectation is below that where noise turns the sign of half of the "
        "repetitions",
    ),
    ("power", "part of the subjects of which a test says that there is something, where there is"),
    (
        "false alarm",
        "the same where there is nothing: at most 5 % of a test at 5 %, 1 % of the alarms of map and signs",
    ),
    (
        "interval of a part",
        "Wilson's, with as many trials as the spread among subjects leaves: a subject's days and sites share what "
        "happened to it",
    ),
)


def sweep_page(settings: SweepSettings, estimates: Columns, tests: Columns, *, command: str) -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    settings
        What was asked.
    estimates, tests
        Tables ``SWEEP_ESTIMATES`` and ``SWEEP_TESTS``.
    command
        The command line that the page shows.
    """
    sections = [PageSection("headline", "In short", cards=tuple(_cards(settings, estimates)))]
    for number_of, name in enumerate(settings.protocols):
        own, own_tests = (_of_protocol(table, name) for table in (estimates, tests))
        sections.append(
            PageSection(
                f"protocol-{number_of}",
                name,
                wide=_plates(own, own_tests),
                tables=(_test_table(own_tests, POWER), _test_table(own_tests, FALSE_ALARM)),
                folded=(("Every interval, by day", _estimate_table(own)),),
            )
        )
    sections.append(
        PageSection("definitions", "What each number is", tables=(Table(("", "here"), _SENTENCES, "", prose=True),))
    )
    return render(
        Page(
            title="Whole studies around simulated subjects",
            subtitle="How often what a study publishes holds what is true, and how often its tests say so.",
            facts=(
                ("Subjects", f"{count(settings.n_subjects)}: {settings.first_subject} to {settings.last_subject}"),
                ("Protocols", ", ".join(settings.protocols)),
                ("Version", f"closedloop {settings.code_version}"),
            ),
            command=command,
            simulated=True,
            notices=(),
            links=(),
            sections=tuple(sections),
        )
    )


def _of_protocol(table: Columns, name: str) -> Columns:
    own = table["protocol"] == name
    return {column: values[own] for column, values in table.items()}


def _plates(estimates: Columns, tests: Columns) -> tuple[Plate, ...]:
    with drawing.style():
        covered = plate(
            coverage_figure(estimates),
            "Coverage",
            caption="Part of the published 95 % intervals that hold the truth, all days, with its own 95 % interval. "
            "Cross-fitted ones are held against the mean size of the change, below which their expectation lies where "
            "noise turns signs: the shorter the study, the further they miss it.",
            least_width_px=640,
        )
        found = plate(
            tests_figure(tests),
            "Power and false alarms",
            caption="By day, each with its own 95 % interval. Dashed: 5 %.",
            least_width_px=640,
        )
    return covered, found


def _cards(settings: SweepSettings, estimates: Columns) -> list[Card]:
    cards = []
    for name in settings.protocols:
        own = _of_protocol(estimates, name)
        chosen = (own["day"] == ALL_DAYS) & (own["estimate"] == "paper") & (own["over"] == "images")
        for place in np.flatnonzero(chosen).tolist():
            low, high = percent(float(own["covered_low"][place])), percent(float(own["covered_high"][place]))
            cards.append(
                Card(
                    f"{name}: the paper's interval{at(float(own['epsilon'][place]))}",
                    percent(float(own["covered"][place])),
                    f"hold the truth; {low} to {high}",
                )
            )
    return cards


def _estimate_table(estimates: Columns) -> Table:
    rows = []
    for place in range(len(estimates["estimate"])):
        row = {name: column[place] for name, column in estimates.items()}
        rows.append(
            (
                f"{NAMES.get(row['estimate'], row['estimate'])}{at(row['epsilon'])}",
                row["over"],
                "all" if row["day"] == ALL_DAYS else str(int(row["day"])),
                percent(row["covered"]),
                f"{percent(row['covered_low'])} to {percent(row['covered_high'])}",
                number(row["truth"]),
                number(row["bias"]),
                number(row["bias_error"]),
                number(row["spread"]),
                number(row["standard_error"]),
            )
        )
    return Table(
        columns=(
            "",
            "over",
            "day",
            "covers",
            "95 % interval",
            "truth",
            "bias",
            "its SE",
            "real spread",
            "published SE",
        ),
        rows=tuple(rows),
        caption="In sigma. Spread: root mean square of estimate minus truth.",
    )


def _test_table(tests: Columns, asked: str) -> Table:
    rows = []
    for place in np.flatnonzero(tests["asked"] == asked).tolist():
        row = {name: column[place] for name, column in tests.items()}
        rows.append(
            (
                f"{row['test']}{at(row['epsilon'])}",
                str(row["day"]),
                percent(row["rate"]),
                f"{percent(row['rate_low'])} to {percent(row['rate_high'])}",
                count(int(row["n_subjects"])),
            )
        )
    return Table(columns=(asked, "day", "says so", "95 % interval", "subjects"), rows=tuple(rows), caption="")
