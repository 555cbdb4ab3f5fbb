"""The page of a coverage study: what covers, what is biased, what rings, and on which experiments."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, plate, render
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent
from closedloop.studies.coverage.documents import CoverageSettings
from closedloop.studies.coverage.figures import ASKED, at, coverage_figure

_ASKED_OF = (  # the first that a test's name holds
    ("control: inside two standard errors", "at least 90 %"),
    ("control: truth", "95 %"),
    ("attack: sites with", "power"),
    ("attack: images with", "power"),
    ("sham", "at most 5 %"),
    ("right map: map", "at most 2 %"),
    ("right map", "at most 2 %"),
    ("permuted map: map", "at least 95 %"),
    ("dealt anew", "at least 95 %"),
)

_SENTENCES = (
    (
        "truth",
        "what the estimator claims to estimate, known exactly: the mean over all images that a subject's anchors are "
        "drawn from; of an interval over images and sites also over all subjects' sites",
    ),
    (
        "paper's",
        "section 3.1, last equation: its expectation is the mean change in the direction of the sealed sign, which is "
        "below the mean size where signs are wrong (the row “against the mean size”)",
    ),
    ("cross-fitted", "its expectation is the size times the chance that half of the repetitions has the right sign"),
    (
        "attained",
        "true change in the direction of the sealed sign over that along the cortex's own gradient, without noise, on "
        "the same pairs: what a simulated day reports",
    ),
    ("growth", "late minus early day on the same anchors, in pairs"),
    ("control", "root mean square without noise; the truth is that of all images that controls are drawn from"),
    ("slope", "least-squares line over epsilon through a pair's signed changes, for a unit of epsilon"),
    (
        "clustered by image",
        "the interval of the day's table: Student's t, sites held fixed",
    ),
    (
        "images; images and sites",
        "shape from 2,000 resamples, width from the cluster-robust standard error: analysis/bootstrap.py",
    ),
    (
        "sham",
        "the clean image once more in place of the changed one; a slope of any site or image is counted after Holm's "
        "correction, at 5 % for all of them together",
    ),
    (
        "alarm: map",
        "sealed predictions of fresh clean images fit their own sites no better than in a random order of the sites: "
        "not among the best 1 % of orders",
    ),
    (
        "alarm: signs",
        "changes, weighed by what was predicted of them and pooled over epsilons, do not follow the signs at 1 %",
    ),
    ("alarm: estimators part", "what the gate estimators_agree asks today, at the largest epsilon, warning at .75"),
)


def coverage_page(settings: CoverageSettings, intervals: Columns, alarms: Columns, *, command: str) -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    settings
        What was asked.
    intervals, alarms
        Tables ``COVERAGE_INTERVALS`` and ``COVERAGE_ALARMS``.
    command
        The command line that the page shows.
    """
    with drawing.style():
        caption = (
            "Part of the 95 % intervals that hold the truth, with its own 95 % interval (by subject). Grey: 93 to 97 %."
        )
        figure = plate(coverage_figure(intervals), "Coverage", caption=caption, least_width_px=640)
    sections = (
        PageSection("headline", "In short", cards=tuple(_cards(intervals, alarms))),
        PageSection(
            "coverage", "What covers", wide=(figure,), folded=(("Every interval", _interval_table(intervals)),)
        ),
        PageSection("bias", "What is biased", tables=(_bias_table(intervals),)),
        PageSection("alarms", "What rings", tables=(_alarm_table(alarms),)),
        PageSection("definitions", "What each number is", tables=(_definitions(),)),
    )
    return render(
        Page(
            title="Coverage of intervals, bias of estimators, alarms",
            subtitle="Simulated experiments whose truth is known, through the code that evaluates a day.",
            facts=_facts(settings),
            command=command,
            simulated=True,
            notices=(),
            links=(),
            sections=sections,
        )
    )


def _cards(intervals: Columns, alarms: Columns) -> list[Card]:
    claimed = np.isfinite(intervals["covered"])
    covered = intervals["covered"][claimed]
    inside = (covered >= ASKED[0]) & (covered <= ASKED[1])
    cards = [
        Card(
            "Intervals that cover 93 to 97 %",
            f"{int(inside.sum())} of {len(inside)}",
            f"from {percent(float(covered.min()))} to {percent(float(covered.max()))}",
        )
    ]
    for name, test in (("A permuted map rings", "permuted map: map"), ("The right one", "right map: map")):
        own = [place for place, one in enumerate(alarms["test"].tolist()) if one.endswith(test)]
        if own:
            rates = alarms["rate"][own]
            low, high = percent(float(rates.min())), percent(float(rates.max()))
            cards.append(Card(name, low if low == high else f"{low} to {high}", "over early and late day, repetitions"))
    bias = [
        float(intervals["bias"][place])
        for place, one in enumerate(intervals["quantity"].tolist())
        if one.startswith("explained fraction")
    ]
    if bias:
        worst = max(bias, key=abs)
        cards.append(Card("Explained fraction, bias", number(worst), "r² over the ceiling's, the larger of both"))
    return cards


def _interval_table(intervals: Columns) -> Table:
    rows = []
    for place in np.flatnonzero(np.isfinite(intervals["covered"])).tolist():
        row = {name: column[place] for name, column in intervals.items()}
        rows.append(
            (
                f"{row['quantity']}{at(row['epsilon'])}",
                row["over"],
                str(row["repetitions"]),
                percent(row["covered"]),
                f"{percent(row['covered_low'])} to {percent(row['covered_high'])}",
                percent(row["below"]),
                percent(row["above"]),
                number(row["spread"]),
                number(row["standard_error"]),
            )
        )
    return Table(
        columns=("", "over", "repetitions", "covers", "95 % interval", "below", "above", "real spread", "reported SE"),
        rows=tuple(rows),
        caption="Below, above: intervals that miss the truth on either side. Spread: root mean square of estimate "
        "minus truth; a reported standard error should equal it. Of a root mean square near zero neither is a scale.",
    )


def _bias_table(intervals: Columns) -> Table:
    seen: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for place, quantity in enumerate(intervals["quantity"].tolist()):
        key = (quantity, f"{intervals['epsilon'][place]:g}", str(intervals["repetitions"][place]))
        if key in seen or intervals["over"][place] == "images and sites":
            continue
        bias, error = (float(intervals[name][place]) for name in ("bias", "bias_error"))
        seen[key] = (
            f"{quantity}{at(float(intervals['epsilon'][place]))}",
            key[2],
            number(float(intervals["truth"][place])),
            number(bias),
            number(error),
            number(bias / error) if error > 0 else DASH,
        )
    return Table(
        columns=("", "repetitions", "truth", "bias", "its SE", "bias / SE"),
        rows=tuple(seen.values()),
        caption="Mean over experiments of estimate minus truth; the truth is that of the sites recorded.",
    )


def _alarm_table(alarms: Columns) -> Table:
    rows = tuple(
        (
            test,
            str(alarms["repetitions"][place]),
            percent(float(alarms["rate"][place])),
            f"{percent(float(alarms['rate_low'][place]))} to {percent(float(alarms['rate_high'][place]))}",
            next((asked for part, asked in _ASKED_OF if part in test), DASH),
        )
        for place, test in enumerate(alarms["test"].tolist())
    )
    return Table(
        columns=("", "repetitions", "rings", "95 % interval", "asked"),
        rows=rows,
        caption="Part of the experiments, or of their cells where there are several (epsilons, sites, images).",
    )


def _definitions() -> Table:
    return Table(columns=("", "here"), rows=_SENTENCES, caption="", prose=True)


def _facts(settings: CoverageSettings) -> tuple[tuple[str, str], ...]:
    subjects = -(-settings.n_experiments // settings.experiments_a_subject)
    early, late = settings.cosines
    return (
        ("Experiments", f"{count(settings.n_experiments)} with {count(subjects)} simulated subjects"),
        (
            "Day",
            f"{settings.n_sites} sites, {settings.images_per_site} of {settings.n_anchors} anchors each, "
            f"{settings.n_clean} fresh clean images, {settings.n_controls} images with controls, "
            f"ε {', '.join(f'{epsilon:g}' for epsilon in settings.epsilons)}",
        ),
        (
            "Repetitions",
            f"{' or '.join(map(str, settings.repetitions))}; {settings.anchor_repetitions} of clean anchors",
        ),
        (
            "Attacks",
            f"at a cosine of {early:g} (early) and {late:g} (late) to the cortex's own gradient, mean over pairs",
        ),
        (
            "Predictions",
            f"explain {settings.explained[0]:g} (early) and {settings.explained[1]:g} (late) of clean rates",
        ),
        ("Versions", f"closedloop {settings.code_version}, seed {settings.seed}"),
    )
