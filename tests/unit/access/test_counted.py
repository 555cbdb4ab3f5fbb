"""What people left out of the evaluation has no response in what studies count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import closedloop
from closedloop.access.counted import counted_responses
from closedloop.artifacts.amended.exclusions import Exclusion, LeftOutOf, Thing, noted
from closedloop.artifacts.records.amendments import Amendment, append_amendment, utc_now
from closedloop.artifacts.study import StudyPaths
from tests.unit.access.studies import REJECTED, SITES, make_study

PRESENTATIONS = 4


def decide(root: Path, *things: Exclusion) -> None:
    line = Amendment(
        kind="exclude", simulated=True, day=0, utc=utc_now(), who="Ada", why="as a test", after=noted(things)
    )
    append_amendment(StudyPaths(root).amendments, line)


def left_out(thing: Thing, *, part: LeftOutOf = "evaluation", **more: object) -> Exclusion:
    return Exclusion.model_validate({"part": part, "thing": thing, "from_day": 0, "to_day": 0, **more})


@pytest.mark.parametrize(
    ("thing", "gone"),
    [
        (left_out("site", name=SITES[1]), {(row, 1) for row in range(PRESENTATIONS)}),
        (left_out("array", name="array1"), {(row, site) for row in range(PRESENTATIONS) for site in (0, 2)}),
        (left_out("presentations", first=1, last=2), {(row, site) for row in (1, 2) for site in range(3)}),
        (left_out("day"), {(row, site) for row in range(PRESENTATIONS) for site in range(3)}),
        (left_out("day", part="fit"), set()),
        (left_out("presentations", first=0, last=3, block=2), set()),
    ],
    ids=["a site", "an array", "presentations", "a day", "of the fit alone", "of another session"],
)
def test_what_is_left_out_is_nan_and_everything_else_as_it_was(
    tmp_path: Path, thing: Exclusion, gone: set[tuple[int, int]]
) -> None:
    root = make_study(tmp_path / "study")
    study = closedloop.open_study(root)
    whole, whole_used = study.responses(0).to_numpy(), study.presentations(0)["used"].to_numpy()
    decide(root, thing)
    expected = whole.copy()
    for row, site in gone:
        expected[row, site] = np.nan
    shown, responses = counted_responses(study, 0)
    np.testing.assert_array_equal(responses.to_numpy(), expected)
    np.testing.assert_array_equal(shown["used"], whole_used & np.isfinite(expected).any(axis=1))
    np.testing.assert_array_equal(study.responses(0).to_numpy(), whole)
    np.testing.assert_array_equal(study.responses(1).to_numpy(), study.responses(1, evaluated=True).to_numpy())
    assert not shown["used"].iloc[REJECTED]
