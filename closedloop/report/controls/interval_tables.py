"""Sensitivity in all units with both intervals, and how it grows with epsilon: tables of a day, and a file of all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from closedloop.artifacts.catalog import INTERVALS, INTERVALS_CSV
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import Columns
from closedloop.report.reading import DayRecord
from closedloop.report.tables import NAMES, Table
from closedloop.report.wording import count, number, span
from closedloop.storage import write_bytes

_SURE = 0.05  # a corrected p below it


def intervals_table(intervals: Columns) -> Table:
    """Return each mean over sites of a day in sigma, in sigma without noise and in Hz, with its intervals.

    Parameters
    ----------
    intervals
        Columns of `day.evaluation.INTERVALS`.
    """
    rows = _by_name(intervals)
    means = [key for key in rows if key[3:] == ("", "sigma", "images_and_sites")]
    return Table(
        columns=(
            "",
            "from",
            "ε",
            "σ",
            "over images and sites",
            "over images",
            "σ without noise",
            "Hz",
            "over both (Hz)",
        ),
        rows=tuple(
            (
                NAMES[estimate],
                "truth" if truth else "recording",
                f"{epsilon:g}",
                number(rows[key]["mean"]),
                _span(rows[key]),
                _span(rows[(*key[:5], "images")]),
                number(rows[(*key[:4], "sigma_corrected", key[5])]["mean"]),
                number(rows[(*key[:4], "hz", key[5])]["mean"]),
                _span(rows[(*key[:4], "hz", key[5])]),
            )
            for key in means
            for estimate, truth, epsilon in (key[:3],)
        ),
        caption="95 % intervals. Over images: what these sites would do on other images. Over images and sites: what "
        "sites like these would do. σ without noise: the site's SD over clean images with the variance of the counts' "
        "noise taken out, over the sites that have one; Hz: absolute sensitivity. Each site's own rows stand in "
        f"report/{INTERVALS_CSV.name}.",
    )


def slopes_tables(slopes: Columns) -> tuple[Table, ...]:
    """Return how steeply sensitivity grows with epsilon, by site; and how many images say so.

    Parameters
    ----------
    slopes
        Columns of `day.evaluation.SLOPES`.
    """
    sites, images = (_rows(slopes, slopes["of"] == of) for of in ("site", "image"))
    if not sites:
        return ()
    sure = {
        name: sum(row["p_corrected"] < _SURE for row in rows) for name, rows in (("site", sites), ("image", images))
    }
    return (
        Table(
            columns=("site", "slope (σ for ε + 1)", "SE", "p", "p, Holm"),
            rows=tuple(
                (
                    str(row["name"]),
                    f"{row['slope']:.4f}",
                    f"{row['standard_error']:.4f}",
                    _p(row["p"]),
                    _p(row["p_corrected"]),
                )
                for row in sites
            ),
            caption="Least squares through the signed changes of each image over ε, the mean over a site's images. "
            f"Corrected by Holm for the number of sites, {sure['site']} of {len(sites)} are below .05; of the images, "
            f"by the noise of their repetitions, {sure['image']} of {len(images)}.",
        ),
    )


def write_intervals_csv(paths: StudyPaths, days: Iterable[DayRecord]) -> None:
    """Write report/intervals.csv, all rows of all days; nothing where no day has any.

    Parameters
    ----------
    paths
        Of the study.
    days
        Those that were evaluated.
    """
    tables = [day.intervals for day in days if day.intervals is not None]
    if not tables:
        return
    text, names = io.StringIO(), list(INTERVALS.layout.columns)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for table in tables:
        columns = [[_plain(value) for value in table[name].tolist()] for name in names]
        writer.writerows(zip(*columns, strict=True))
    write_bytes(paths.report / INTERVALS_CSV.name, text.getvalue().encode())


def _plain(value: Any) -> Any:
    """Return a number with six decimals, and no minus before a zero; anything else as it is."""
    return "0.000000" if isinstance(value, float) and f"{value:.6f}" == "-0.000000" else _fixed(value)


def _fixed(value: Any) -> Any:
    return f"{value:.6f}" if isinstance(value, float) else value


def _by_name(intervals: Columns) -> dict[tuple[Any, ...], dict[str, Any]]:
    named = ("estimate", "truth", "epsilon", "site", "unit", "over")
    rows = _rows(intervals, np.ones(len(intervals["day"]), dtype=bool))
    return {tuple(row[name] for name in named): row for row in rows}


def _rows(columns: Columns, keep: Any) -> list[dict[str, Any]]:
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*(columns[n][keep].tolist() for n in names), strict=True)]


def _span(row: dict[str, Any]) -> str:
    return span((row["interval_low"], row["interval_high"]))


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}" if np.isfinite(value) else number(None)


def sections_of_intervals(day: DayRecord) -> Sequence[tuple[str, Table]]:
    """Return what a day's page folds away: the intervals, and the slopes.

    Parameters
    ----------
    day
        Of an older version it has neither.
    """
    found = [("Intervals over images and sites, in σ and Hz", intervals_table(day.intervals))] if day.intervals else []
    of_slopes = slopes_tables(day.slopes) if day.slopes is not None else ()
    return [*found, *((f"Growth with ε, {count(len(table.rows))} sites", table) for table in of_slopes)]
