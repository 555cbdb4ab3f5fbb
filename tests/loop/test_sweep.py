"""Whole studies around several simulated subjects: judged by what their evaluations wrote, and resumed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import closedloop as library
from closedloop.commands.sweep.run import run_sweep
from closedloop.commands.sweep.subject import SweepPiece, leave_subject
from closedloop.errors import OptionError
from closedloop.studies.sweep.documents import SweptSubject
from closedloop.studies.sweep.judging import judge_study
from closedloop.terminal.store_option import with_store
from tests.loop.brought import one_day
from tests.loop.studies import closedloop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_study_is_judged_by_the_truth_of_its_own_pairs(undisturbed: Path) -> None:
    estimates, tests = judge_study(undisturbed)
    study = library.open_study(undisturbed)
    with (undisturbed / "report" / "intervals.csv").open() as file:
        published = [row for row in csv.DictReader(file) if row["unit"] == "sigma" and row["truth"] == "False"]
    assert len(estimates) == len(published)
    for one in estimates:
        pairs = study.pairs(one.day, truth=True)
        kind = "attacked" if one.estimate in ("paper", "cross_fitted") else one.estimate
        own = pairs[(pairs["kind"] == kind) & (pairs["epsilon"] == one.epsilon) & (pairs["role"] == "anchor")]
        own = own[own["neuroid_id"] == one.site] if one.site else own
        truth = {
            "paper": (np.sign(own["predicted_sign"]) * own["true_change"])[own["change"].notna()].mean(),
            "cross_fitted": own["true_change"].abs()[own["cross_fitted"].notna()].mean(),
        }.get(one.estimate, np.sqrt((own["true_change"] ** 2)[own["square"].notna()].mean()))
        assert one.truth == pytest.approx(truth)
    row = next(row for row in published if (row["day"], row["estimate"], row["over"]) == ("1", "paper", "images"))
    one = next(one for one in estimates if (one.day, one.estimate, one.over) == (1, "paper", "images"))
    assert (one.mean, one.interval_low, one.interval_high) == pytest.approx(
        tuple(float(row[name]) for name in ("mean", "interval_low", "interval_high")), abs=1e-6
    )
    assert {test.day for test in tests} == {0, 1}


def test_subjects_are_swept_through_a_store_and_a_second_time_remembered(tmp_path: Path) -> None:
    (store := tmp_path / "store").mkdir()
    protocol, out = one_day(tmp_path), tmp_path / "out"
    through = with_store("dask:2", store.as_uri())
    with pytest.raises(OptionError, match="expected workers that see"):
        run_sweep([str(protocol)], out, n_subjects=2, keep=True, workers=through)
    said = run_sweep([str(protocol)], out, n_subjects=2, keep=False, workers=through)
    assert "Published 95 % intervals that hold the truth" in "\n".join(said)
    assert not [path for path in store.rglob("*") if path.is_file()]  # nothing stays there
    made = {path: path.stat().st_mtime_ns for path in (out / "shards").iterdir()}
    asked = ("sweep", protocol, "--subjects", "3", "--out", out, "--workers", "2")  # one more, on this machine
    more = closedloop(*asked)
    assert more.returncode == 0, more.stderr
    assert not list((out / "studies").iterdir())  # the studies are gone
    shards = sorted((out / "shards").iterdir())
    assert [json.loads(path.read_text())["kind"] for path in shards] == ["swept_subject"] * 3
    assert {path: path.stat().st_mtime_ns for path in made} == made
    written = {path: path.read_bytes() for path in out.glob("*.*")}
    rows = json.loads(closedloop(*asked, "--json").stdout)
    assert {row["n_subjects"] for row in rows["estimates"]} == {3}
    assert {path: path.read_bytes() for path in out.glob("*.*")} == written


def test_a_subject_without_reliable_electrodes_is_noted_and_stops_nobody(tmp_path: Path) -> None:
    content = one_day(tmp_path, **{"min_reliability: 0.0": "min_reliability: 1.0"}).read_bytes()
    piece = SweepPiece("one_day", "f" * 64, content, "sweep-000", tmp_path / "shards", tmp_path / "studies", keep=False)
    leave_subject(piece)
    left = SweptSubject.read(piece.path)
    assert left.ended_by.startswith(
        "day-00/recording: expected electrodes with a reliability of at least 1, found none"
    )
    assert (left.estimates, left.tests) == ((), ())
    assert not piece.study.exists()
