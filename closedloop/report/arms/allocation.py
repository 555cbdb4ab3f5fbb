"""How much each arm attacked where earlier days decided it, with the numbers that did; and what that asks of means."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from closedloop.report.reading import DayRecord
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent

CORRECTED = (
    "On some days earlier ones decided how many pairs an arm attacked. So means and differences are taken session by "
    "session, and a session weighs by how many attacks of all arms were measured, whoever made them; pooled, an arm "
    "that won would have more of the late days, on which attacks are stronger. Correlations are of all its attacks."
)
"""What a page says of the estimates where arms had no fixed shares."""


def allocation_tables(days: Sequence[DayRecord]) -> Iterator[Table]:
    """Yield the table of what each arm attacked and why; none where all shares were fixed.

    Parameters
    ----------
    days
        Sessions, in order.
    """
    rows = [row for day in days if day.arm_allocation is not None for row in _rows(day)]
    if rows:
        yield Table(
            columns=(
                "",
                "arm",
                "pairs (n)",
                "of all",
                "kept (n)",
                "measured before (σ)",
                "from the mean (σ)",
                "chance to be best",
                "shared pairs before (n)",
            ),
            rows=tuple(rows),
            caption="What each arm attacked, and what decided it: measured on the days before, on the pairs that all "
            "arms had attacked, in the sealed direction; ± one standard error by image. What an arm does not "
            "keep is dealt out by the root of its chance to be the best one.",
        )


def _rows(day: DayRecord) -> Iterator[tuple[str, ...]]:
    table = day.arm_allocation or {}
    for place, arm in enumerate(table["arm"].tolist()):
        is_known = math.isfinite(table["best"][place])
        difference = f"{number(table['difference'][place])} ± {number(table['standard_error'][place])}"
        yield (
            f"day {day.day}" if not place else "",
            str(arm),
            count(int(table["n_pairs"][place])),
            percent(float(table["share"][place])),
            count(int(table["kept"][place])),
            number(float(table["mean"][place])) if is_known else DASH,
            difference if is_known else DASH,
            percent(float(table["best"][place])) if is_known else DASH,
            count(int(table["n_shared"][place])),
        )
