"""A simulated subject whose sites change on day 3: the benchmark in short, by the functions that ingest calls."""

from __future__ import annotations

import pytest

from benchmarks.site_identity import PROTOCOLS, Judged, judge_subject

DRY_RUN = next(shown for shown in PROTOCOLS if shown.name == "dry_run")
SEED = 4


@pytest.fixture(scope="module")
def judged() -> tuple[Judged, ...]:
    return tuple(judge_subject(SEED, DRY_RUN, days=range(2, 4)))


def test_an_exchange_a_dead_site_and_a_retuned_one_are_all_found(judged: tuple[Judged, ...]) -> None:
    changed = judged[-1]
    assert changed.exchange_is_found
    assert changed.found[changed.changes.dead].state == "dead"
    assert changed.found[changed.changes.retuned].state == "retuned"


def test_no_site_is_called_changed_that_drifts_as_the_cortex_does(judged: tuple[Judged, ...]) -> None:
    assert [len(day.steady) for day in judged] == [21, 17]
    assert {one.state for day in judged for one in day.steady} == {"same"}
