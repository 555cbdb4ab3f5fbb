"""A day's numbers, of the published study or of one that was made again with other settings, to stand side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from closedloop.artifacts import catalog
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.records.replay import WhatIfCell
from closedloop.artifacts.study import StudyPaths
from closedloop.report.numbers import median_r, summary_rows
from closedloop.report.reading import PublishedDay

_COMPARED = ("paper", "cross_fitted")
_NAMES = {"paper": "sensitivity", "cross_fitted": "sensitivity, cross-fitted sign"}


@dataclass(frozen=True)
class Measure:
    """What a number is of."""

    name: str
    unit: str


def measures_of(
    paths: StudyPaths, day: int, *, sites: frozenset[str], refitted: bool = True
) -> dict[Measure, WhatIfCell]:
    """Return the numbers of a day that a table of settings compares.

    Parameters
    ----------
    paths
        The study, or a folder that is laid out as one.
    day
        Whose.
    sites
        Identities of the published sites.
    refitted
        Whether numbers of the model that the day was refitted to count.

    Raises
    ------
    DocumentError
        A file cannot be read.
    """
    read = reader_of(paths)
    table, quality, evaluation = (
        read(catalog.SITES, day=day),
        read(catalog.QUALITY, day=day),
        read(catalog.EVALUATION, day=day),
    )
    chosen = table.chosen()
    found = {
        Measure("presentations used", ""): _cell(quality.n_used),
        Measure("sites", ""): _cell(len(chosen)),
        Measure("sites that are published ones", ""): _cell(len({one.neuroid_id for one in chosen} & sites)),
        Measure("reliability, median over sites", ""): _median(one.reliability for one in chosen),
        Measure("mean rate, median over sites", "Hz"): _median(one.mean_rate_hz for one in chosen),
        Measure("SD over clean images, median over sites", "Hz"): _median(one.sigma_hz for one in chosen),
        Measure("r of the sealed model, median over sites", ""): _cell(median_r(evaluation)),
    }
    for one in evaluation.epsilons:
        found[Measure(f"signs right, epsilon {one.epsilon:g}", "")] = _cell(one.sign_agreement_measured)
    rows = summary_rows(PublishedDay(paths, day, simulated=evaluation.simulated).sensitivity())
    for estimate in _COMPARED:
        for row in rows:
            if row.estimate == estimate:
                found[Measure(f"{_NAMES[estimate]}, epsilon {row.epsilon:g}", "sigma")] = WhatIfCell(
                    value=_finite(row.mean), standard_error=_finite(row.standard_error)
                )
    if refitted and (paths.folder("refit", day) / MANIFEST_NAME).is_file():
        fit = read(catalog.FIT, day=day)
        found[Measure("r of the refitted model on images never fitted, median", "")] = _median(fit.r_heldout)
    return found


def published_sites(paths: StudyPaths, day: int) -> frozenset[str]:
    """Return the identities of a day's sites."""
    return frozenset(one.neuroid_id for one in reader_of(paths)(catalog.SITES, day=day).chosen())


def _median(values: Iterable[float | None]) -> WhatIfCell:
    known = [value for value in values if value is not None]
    return _cell(median(known) if known else None)


def _cell(value: float | None) -> WhatIfCell:
    return WhatIfCell(value=value)


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
