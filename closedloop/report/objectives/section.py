"""The section of pages on objectives other than an attack: what was asked, and how far the sites followed."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report.layout import PageSection, plate
from closedloop.report.objectives.figures import MARKED, followed_levels
from closedloop.report.objectives.missed import missed_levels
from closedloop.report.reading import DayRecord
from closedloop.report.tables import Table
from closedloop.report.wording import count, number, span

_SAID = {
    "slope": "slope on the target",
    "distance": "distance from the target (SD)",
    "change": "change of what it is made for (SD)",
    "others": "change of the other sites (SD)",
    "pattern": "correlation with the foretold pattern",
}


def objectives_of_day(day: DayRecord) -> PageSection | None:
    """Show what a day's objectives attained; None of a day that has none.

    Parameters
    ----------
    day
        The day.
    """
    if day.objectives is None or day.objective_estimates is None:
        return None
    is_level = day.objectives["objective_kind"] == "level"
    missed = missed_levels({name: np.asarray(values)[is_level] for name, values in day.objectives.items()})
    levels = (
        plate(
            followed_levels(day.objectives),
            "Levels",
            caption="Measured responses to images that were to bring a site to a level, mean over sites and clean "
            f"images with the 95 % interval over clean images. {MARKED}",
        ),
    )
    return PageSection(
        f"objectives-{day.day}",
        f"Other objectives: day {day.day}",
        "Images that were to attain something else than an attack, shown blind among the others; what the model says "
        "of each was sealed before. Responses are in SD over the day's fresh clean images, the noise's part taken out; "
        "levels in SD of the model's own. These images are in no estimate of sensitivity and in no fit.",
        plates=levels if is_level.any() else (),
        tables=(_table(day.objective_estimates),),
        folded=(("Levels that were not reached", missed),) if missed is not None else (),
    )


def _table(estimates: Columns) -> Table:
    has_truth = bool(np.isfinite(estimates["true"]).any())
    rows = [
        (
            f"{own['objective']}: {_SAID[str(own['measure'])]}",
            number(float(own["value"])),
            span((float(own["low"]), float(own["high"]))),
            number(float(own["predicted"])),
            *((number(float(own["true"])),) if has_truth else ()),
            count(int(own["n"])),
            count(int(own["n_images"])),
            count(int(own["n_reached"])) if own["objective_kind"] == "level" else "",
        )
        for own in ({name: values[row] for name, values in estimates.items()} for row in range(len(estimates["n"])))
    ]
    return Table(
        columns=(
            "",
            "measured",
            "95 %",
            "foretold",
            *(("hidden truth",) if has_truth else ()),
            "images made",
            "clean images",
            "reached by the model",
        ),
        rows=tuple(rows),
        caption="Means over clean images, with intervals over them. A slope of 1 follows the target wholly, 0 not at "
        "all; it is taken within pairs of image and site.",
    )
