"""A simulated real study of two arrays that loses one on day 2: its gates hold until the array is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.gates.report import GateReport, gate_report_path
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.study.verification.study import verify_study
from tests.loop.nwb_files import assert_as_published, export, session_of
from tests.loop.real_study import PROTOCOL, RealStudy, make_real_study
from tests.loop.studies import closedloop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

ARRAY = ("--array", "array2", "--from-day", "2", "--from", "both")
OF_SITES = {"site_yield", "site_reliability", "site_identity", "rate_drift", "normalizer_drift"}
REVIEW_WARNS = """
gates:  # of so few images the reviews hold by chance
  refit_better: {warn: -0.01, hold: null}
  sensitivity_controls: {warn: 2.0, hold: null}
  estimators_agree: {warn: 0.75, hold: null}
"""


def decide(study: RealStudy, command: str, *words: str) -> str:
    by = () if command == "accept-recording" else ("--by", "Ada")
    finished = closedloop(command, study.root, *words, "--why", "its connector broke", *by)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def intake_of_day_2(study: RealStudy) -> bytes:
    return gate_report_path(study.paths, 2, "intake").read_bytes()


def test_a_lost_array_holds_the_study_until_it_is_left_out_and_nothing_is_approved(tmp_path: Path) -> None:
    protocol = tmp_path / "two_arrays.yaml"
    text = PROTOCOL.read_text().replace("\ndays: 2", "\ndays: 4").replace("n_sites: 3", "n_sites: 10")
    text = text.replace("min_reliability: 0.0", "min_reliability: 0.1")
    protocol.write_text(text.replace("  n_electrodes: 8\n", "  n_electrodes: 8\n  n_processors: 2\n") + REVIEW_WARNS)
    study = make_real_study(tmp_path / "study", protocol=protocol, arrays=("array1", "array2"))
    for day in (0, 1):
        study.day_of_data(day)
        assert study.run().day == day + 1
    chosen = [site.neuroid_id for site in catalog.SITES.read(catalog.SITES.published(study.paths, 0)).chosen()]
    lost = [name for name in chosen if name.startswith("array2")]
    assert 3 <= len(lost) < len(chosen)

    study.day_of_data(2)
    for file in study.paths.folder("recording", 2).glob("array2*"):
        file.unlink()
    assert "the recording of array2 is not there" in (study.run().waiting_for or "")
    decide(study, "accept-recording", "--day", "2")
    held = study.run()
    assert held.day == 3
    assert {"site_yield", "site_reliability"} <= {one.gate for one in held.held_by} <= OF_SITES
    as_held = intake_of_day_2(study)

    assert "Attacked no longer from day 3 on" in decide(study, "exclude", *ARRAY)
    assert study.run().held_by == ()
    report = GateReport.read(gate_report_path(study.paths, 2, "intake"))
    found = {one.gate: one for one in report.findings}
    assert all(f"; {len(lost)} left out by Ada" in found[gate].found for gate in OF_SITES)
    assert f"day 0's {len(chosen) - len(lost)} sites" in found["site_yield"].expected
    decide(study, "include", *ARRAY)
    assert {one.gate for one in study.run().held_by} == {one.gate for one in held.held_by}
    assert intake_of_day_2(study) == as_held
    decide(study, "exclude", *ARRAY)
    assert study.run().day == 3

    evaluation = catalog.EVALUATION.read(catalog.EVALUATION.published(study.paths, 2))
    assert evaluation.left_out == {"array array2 from day 2 on": 0}  # nothing was recorded of it
    assert {name for name, hz in evaluation.sigma_hz.items() if hz is None} == set(lost)
    items = catalog.PLANNED_ITEMS.read(catalog.PLANNED_ITEMS.published(study.paths, 3))
    attacked = set(items["site_index"][items["kind"] == "attacked"].tolist())
    assert attacked == {place for place, name in enumerate(chosen) if name not in lost}

    study.present(3)
    for file in study.record(3).glob("array2*"):
        file.unlink()
    assert "the recording of array2 is not there" in (study.run().waiting_for or "")
    decide(study, "accept-recording", "--day", "3")
    assert study.run().waiting_for is None
    assert not [one for one in read_amendments(study.paths.amendments) if one.kind == "approve_gate"]
    page = (study.paths.report / "index.html").read_text()
    assert "Left out by decision: array array2 from day 2 on: left out of the fit and the evaluation." in page
    assert f"Days are compared by the paper&#39;s estimate over the {len(chosen) - len(lost)} sites" in page
    assert f"{lost[0]} (not on day 2, 3)" in page
    assert "Not attacked on day 3: array array2 from day 2 on" in page
    pairs = catalog.PAIRS.read(catalog.PAIRS.published(study.paths, 3))
    assert np.isfinite(pairs["change"]).any()
    assert_exported(study, tmp_path / "nwb")
    assert verify_study(study.paths).faults == ()


def assert_exported(study: RealStudy, out: Path) -> None:
    """Days with the array, and without it, are files of NWB."""
    assert "left out by people, and marked: array array2 from day 2 on" in export(study.root, out)
    for day, arrays in enumerate([{"front", "back"}, {"front", "back"}, {"front"}, {"front"}]):
        with session_of(study.root, out, Block(day)) as (file, files):
            assert_as_published(file, files, day)
            assert set(file.electrode_groups) == arrays
