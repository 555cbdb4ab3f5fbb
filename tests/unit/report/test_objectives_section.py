"""The section on objectives names the levels that no image reaches."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedloop.report.objectives.section import objectives_of_day
from closedloop.report.reading import DayRecord

EMPTY: dict[str, Any] = dict.fromkeys(("plan", "images", "audit", "summary", "quality", "fit", "evaluation", "pairs"))


def day_record(*, is_reached: bool) -> DayRecord:
    """Return a day on which one site was brought to two levels on three images, and another image was maximised."""
    targets = np.array([1.0, 4.0] * 3 + [np.nan])
    kind = np.array(["level"] * 6 + ["maximise"], dtype=object)
    objectives = {
        "objective": np.array(["ladder"] * 6 + ["most"], dtype=object),
        "objective_kind": kind,
        "image_id": np.array([*"aabbccd"], dtype=object),
        "site_index": np.zeros(7, dtype=int),
        "neuroid_id": np.full(7, "array1-004", dtype=object),
        "target": targets,
        "target_sd": targets,
        "made": np.arange(7.0),
        "is_reached": np.array([True, is_reached] * 3 + [False]),
    }
    estimates = {
        "objective": np.array(["ladder"], dtype=object),
        "objective_kind": np.array(["level"], dtype=object),
        "measure": np.array(["slope"], dtype=object),
        **{name: np.array([0.5]) for name in ("value", "low", "high", "predicted", "true")},
        **{name: np.array([3]) for name in ("n", "n_images", "n_reached")},
    }
    return DayRecord(day=2, sensitivity=(), manifests={}, objectives=objectives, objective_estimates=estimates, **EMPTY)


def test_levels_that_no_image_reaches_are_named_by_site_and_level() -> None:
    section = objectives_of_day(day_record(is_reached=False))
    assert section is not None
    [(title, table)] = section.folded
    assert title == "Levels that were not reached"
    assert table.rows == (("ladder", "array1-004", "4.000 SD", "4.000", "3", "3"),)


def test_where_all_levels_are_reached_nothing_is_folded() -> None:
    section = objectives_of_day(day_record(is_reached=True))
    assert section is not None
    assert section.folded == ()
