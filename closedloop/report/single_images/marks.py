"""Which slopes over epsilon are sure: before their number is corrected for, after it, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np

from closedloop.artifacts.tables import Columns

Mark: TypeAlias = Literal["corrected", "single", "no", "untested"]
"""Significantly above zero after the correction; by itself alone; not; without an error to test against."""

LEVEL = 0.05
LINES: Mapping[Mark, str] = {"corrected": "-", "single": "--", "no": ":", "untested": ":"}
"""How a curve with such a slope is drawn."""


def mark_of(slope: float, p: float, p_corrected: float) -> Mark:
    """Return how sure it is that a slope is above zero.

    Parameters
    ----------
    slope
        Per unit of epsilon.
    p, p_corrected
        Two-sided, of no slope, before and after the correction; NaN without an error.

    Examples
    --------
    >>> mark_of(0.1, 0.001, 0.02), mark_of(0.1, 0.01, 0.2), mark_of(-0.1, 0.001, 0.02), mark_of(0.1, float("nan"), 1)
    ('corrected', 'single', 'no', 'untested')
    """
    if not np.isfinite(p):
        return "untested"
    if slope <= 0 or p >= LEVEL:
        return "no"
    return "corrected" if p_corrected < LEVEL else "single"


def marks_of_sites(slopes: Columns | None) -> dict[str, Mark]:
    """Return the marks of a day's sites by neuroid_id; empty of a day without tests.

    Parameters
    ----------
    slopes
        Columns of `day.evaluation.SLOPES`.
    """
    if slopes is None:
        return {}
    rows = np.flatnonzero(slopes["of"] == "site").tolist()
    numbers = ("slope", "p", "p_corrected")
    return {str(slopes["name"][row]): mark_of(*(float(slopes[name][row]) for name in numbers)) for row in rows}


def said_of_marks(marks: Mapping[str, Mark], *, of: str) -> str:
    """Return in a sentence how many slopes are sure; nothing where none was tested.

    Parameters
    ----------
    marks
        By name.
    of
        What has the slopes: sites, or images.

    Examples
    --------
    >>> said_of_marks({"a": "corrected", "b": "single", "c": "no"}, of="sites").split(",")[0]
    'Of 3 sites 2 have a significantly positive slope (p < .05)'
    """
    tested = [mark for mark in marks.values() if mark != "untested"]
    if not tested:
        return ""
    n_sure = sum(mark != "no" for mark in tested)
    return (
        f"Of {len(tested)} {of} {n_sure} have a significantly positive slope (p < .05), {tested.count('corrected')} "
        "after correction for their number (Holm): solid; before it alone: dashed; neither: dotted."
    )
