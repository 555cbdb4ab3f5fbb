"""How long an animal waits between rounds: each stage by what its work grows with."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.records.sequence import Block
from closedloop.study.foresight.waits import (
    MeasuredWork,
    SessionWork,
    measured_work,
    say_wait,
    timed_waits,
    wait_s,
    work_of_session,
)
from closedloop.study.loop import read_identity
from tests.unit.study.labs import lab

CUT = read_protocol(shipped_protocols()["dry_run"]).model_copy(update={"rounds": 2})
NOTHING = dict.fromkeys(("ingest", "refit", "evaluate", "plan", "synthesize", "schedule"), 0.0)
BEFORE = SessionWork(n_presentations=1000, n_attacks=400, n_fitted=600)


@pytest.mark.parametrize(
    ("stage", "seconds"),
    [("ingest", 200.0), ("evaluate", 200.0), ("refit", 300.0), ("synthesize", 25.0), ("plan", 50.0), ("queue", 100.0)],
)
def test_each_stage_takes_longer_with_the_work_it_has(stage: str, seconds: float) -> None:
    measured = MeasuredWork(Block(1), BEFORE, NOTHING | {stage: 100.0})
    shown = SessionWork(n_presentations=2000, n_attacks=9999, n_fitted=1800)
    following = SessionWork(n_presentations=500, n_attacks=100, n_fitted=9999)
    assert wait_s(measured, shown, following) == seconds


def test_where_the_model_waits_for_the_last_round_the_animal_waits_for_no_refit() -> None:
    measured = MeasuredWork(Block(1), BEFORE, NOTHING | {"refit": 100.0, "ingest": 10.0})
    later = CUT.model_copy(update={"fit": CUT.fit.model_copy(update={"in_rounds": "last"})})
    works = [work_of_session(later, Block(1, number), n_sites=20, n_fitted_before=600) for number in (1, 2)]
    assert [one.is_refitted for one in works] == [False, True]
    shown = SessionWork(n_presentations=1000, n_attacks=0, n_fitted=600, is_refitted=False)
    assert wait_s(measured, shown, BEFORE) == 10.0


def test_the_work_of_a_round_is_counted_from_the_protocol() -> None:
    first = work_of_session(CUT, Block(1), n_sites=20, n_fitted_before=552)
    probes = CUT.probes.n_made // 2
    taught = CUT.probes.singles // 2 + probes
    assert first == SessionWork(50 * 2 + 25 * 4 + 20 * 3 * 2 + taught, 20 * 3 + probes, 552 + 50 + 20 * 3 + taught)
    last = work_of_session(CUT, Block(1, 2), n_sites=20, n_fitted_before=first.n_fitted)
    assert last.n_attacks == CUT.attack.anchors_per_site * 20 * 3 + probes
    assert last.n_fitted == first.n_fitted + 50 + taught


def test_a_study_without_rounds_says_nothing_and_reads_nothing(tmp_path: Path) -> None:
    made = lab(tmp_path)
    assert say_wait(made.paths, *read_identity(made.paths), day=1) == ""


def test_before_a_session_is_evaluated_none_tells(tmp_path: Path) -> None:
    made = lab(tmp_path, simulated=False, rounds=2)
    made.run()
    assert measured_work(made.paths, until=Block(1, 2)) is None
    assert say_wait(made.paths, *read_identity(made.paths), day=1) == ""


def test_without_a_recording_gradients_and_steps_are_timed() -> None:
    waits, by = timed_waits(CUT, "small_resnet_robust", place=Path("protocol.yaml"), day=2)
    assert list(waits) == [1]
    assert waits[1] > 0
    assert "without ingest" in by
    assert timed_waits(CUT, "small_resnet_robust", place=Path("protocol.yaml"), day=0) == ({}, "")
