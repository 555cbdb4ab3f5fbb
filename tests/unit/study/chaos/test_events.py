from __future__ import annotations

import pytest

from closedloop.artifacts.records.chaos import CHAOS_KINDS
from closedloop.errors import OptionError
from closedloop.study.chaos.comparing import TOUCHED
from closedloop.study.chaos.events import draw_events
from closedloop.study.table import STAGE_TABLE

N_DAYS = 6


def test_a_seed_draws_the_same_events_and_another_seed_others() -> None:
    drawn = [draw_events(seed, n_days=N_DAYS) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_is_planted_and_the_first_two_days_meet_nothing_that_changes_data(seed: int) -> None:
    events = draw_events(seed, n_days=N_DAYS)
    assert {one.kind for one in events} == set(CHAOS_KINDS)
    assert [one.day for one in events] == sorted(one.day for one in events)
    assert all(0 <= one.day < N_DAYS and 0 <= one.amount <= 1 and not one.happened for one in events)
    assert not [one for one in events if one.day < 2 and TOUCHED[one.kind]]
    (dead,) = (one.day for one in events if one.kind == "dead_electrode")
    (short,) = (one.day for one in events if one.kind == "early_end")
    assert (dead, short) == (2, 3)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_else_happens_on_a_day_that_is_skipped_and_a_day_follows_it(seed: int) -> None:
    events = draw_events(seed, n_days=N_DAYS)
    (skipped,) = (one.day for one in events if one.kind == "skipped_day")
    assert skipped < N_DAYS - 1
    assert [one.kind for one in events if one.day == skipped] == ["skipped_day"]


def test_events_are_of_stages_that_there_are() -> None:
    stages = {stage.name for stage in STAGE_TABLE.day} | {""}
    for seed in range(10):
        assert {one.stage for one in draw_events(seed, n_days=N_DAYS)} <= stages
    assert {stage for touched in TOUCHED.values() for stage in touched} <= stages


def test_a_study_of_few_days_is_refused() -> None:
    with pytest.raises(OptionError, match="at least 6 days, found 5"):
        draw_events(1, n_days=5)
