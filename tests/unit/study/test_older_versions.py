"""The loop in a study of a version whose stages declared fewer sections of the protocol than they read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts.study import STAGES
from closedloop.study.loop import Outcome
from closedloop.study.table import STAGE_TABLE, StageTable
from tests.unit.study.labs import Lab, bring_recording, half_done, lab
from tests.unit.study.sessions import bring


def older_version(table: StageTable) -> StageTable:
    """The table of a version that did not know which sections some of its stages read."""
    day = tuple(
        replace(stage, sections=tuple(name for name in stage.sections if name not in stage.undeclared), undeclared=())
        for stage in table.day
    )
    return replace(table, day=day)


def test_a_study_of_a_version_that_declared_fewer_sections_stands_as_it_is(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.table = older_version(STAGE_TABLE)
    made.run()
    made.table = STAGE_TABLE
    assert made.run() == Outcome(None, 1)
    assert (made.ran, made.listener.said) == ([], [])


def test_and_is_stale_where_it_may_have_read_what_changed(tmp_path: Path) -> None:
    """`fit.ridge` decides refit alone; of an older schedule nobody knows what it read, so that it runs again."""
    made = lab(tmp_path)
    made.table = older_version(STAGE_TABLE)
    made.run(days=1)
    made.table = STAGE_TABLE
    made.edit_protocol("ridge: 0.1 ", "ridge: 0.2 ")
    made.run(days=1)
    assert made.ran == ["0 schedule", *(f"0 {name}" for name in STAGES[3:8])]


def test_a_study_of_this_version_is_not_stale_by_the_same_change(tmp_path: Path) -> None:
    made = lab(tmp_path)
    made.run(days=1)
    made.edit_protocol("ridge: 0.1 ", "ridge: 0.2 ")
    made.run(days=1)
    assert made.ran == ["0 refit"]


def half_done_by_an_older_version(made: Lab, stage: str) -> list[bool]:
    """Kill a stage in the version that declared fewer sections; return whether this one finds its work again."""
    made.table = older_version(STAGE_TABLE)
    made.at[f"0 {stage}"] = half_done
    with pytest.raises(KeyboardInterrupt):
        made.run()
    found: list[bool] = []
    made.at[f"0 {stage}"] = lambda context: found.append(context.scratch.exists())
    made.table = STAGE_TABLE
    made.run()
    return found


@pytest.mark.parametrize("stage", ["refit", "evaluate"])
def test_half_done_work_of_an_older_version_is_kept_in_a_real_study(tmp_path: Path, stage: str) -> None:
    made = lab(tmp_path, days=1, simulated=False)
    made.run()
    bring(made.paths, 0)
    bring_recording(made.paths, 0)
    assert half_done_by_an_older_version(made, stage) == [True]


@pytest.mark.parametrize("stage", ["refit", "evaluate"])
def test_in_a_simulated_study_it_begins_again_since_the_protocol_may_have_changed(tmp_path: Path, stage: str) -> None:
    assert half_done_by_an_older_version(lab(tmp_path, days=1), stage) == [False]
