"""What people left out counts in no gate, neither in what is expected nor in what is found, and the gate says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import PARTS, Exclusion, LeftOutOf, noted
from closedloop.artifacts.day.responses import RESPONSES
from closedloop.artifacts.gates.report import Checkpoint, GateReport, gate_report_path
from closedloop.artifacts.gates.sources import LEFT_OUT, follows_from_files
from closedloop.artifacts.records.amendments import Amendment, append_amendment, read_amendments
from closedloop.gates.context import GateContext
from closedloop.gates.evaluate import evaluate_checkpoint, is_current
from closedloop.gates.intake.clock import recording_aligned
from closedloop.gates.intake.missing import missing_presentations
from closedloop.gates.intake.rates import normalizer_drift, rate_drift
from closedloop.gates.intake.recording import recording_whole
from closedloop.gates.intake.sites import site_reliability, site_yield
from closedloop.gates.intake.twins import twins_shown
from closedloop.gates.review.changes import read_changes
from closedloop.gates.review.refit import refit_better
from closedloop.gates.review.sensitivity import estimators_agree, sensitivity_controls
from closedloop.study.gates.checkpoints import GateKeeper
from tests.unit.days import stimulus, write_stimuli
from tests.unit.gates.recorded_days import N_SITES, STUDY, Recorded, clock, quality, tuning, write_counts
from tests.unit.gates.test_intake_identity import found_of, name
from tests.unit.gates.test_intake_sites import ASKED, N_ELECTRODES, drifting
from tests.unit.gates.test_review import N_ANCHORS, answers, attacked, fitted, site_table
from tests.unit.stages.small_models import N_SITES as N_MODEL_SITES
from tests.unit.stages.small_models import small_model

LOST = range(5, N_SITES)  # three of eight sites, on the second of two processors


def leave_out(study: Recorded, thing: str, *, kind: str = "exclude", who: str = "Ada", **values: Any) -> None:
    """Leave something out from day 1 on, of both parts unless said."""
    parts: tuple[LeftOutOf, ...] = values.pop("parts", PARTS)
    made = [Exclusion.model_validate({"thing": thing, "from_day": 1, "part": part, **values}) for part in parts]
    said = {"kind": kind, "simulated": True, "day": None, "utc": "2026-11-29T07:00:00+00:00", "who": who, "why": "x"}
    line = Amendment.model_validate({**said, "after" if kind == "exclude" else "before": noted(made)})
    append_amendment(study.paths.amendments, line)


def an_array_lost(tmp_path: Path) -> Recorded:
    """Return a study whose sites of the array `left` were not recorded on day 1."""
    study = Recorded(tmp_path, ASKED)
    names = [f"{'left' if electrode in LOST else 'right'}-{electrode:03d}" for electrode in range(N_ELECTRODES)]
    processors = [2 if electrode in LOST else 1 for electrode in range(N_ELECTRODES)]
    rates_hz = drifting(1)
    rates_hz[:, LOST] = np.nan
    reliability = [None if electrode in LOST else 0.8 for electrode in range(N_ELECTRODES)]
    study.responses(0, drifting(0), names=names, processors=processors)
    study.responses(1, rates_hz, names=names, processors=processors, reliability=reliability)
    return study


def test_a_lost_array_holds_until_it_is_left_out_and_then_the_others_count(tmp_path: Path) -> None:
    study = an_array_lost(tmp_path)
    before = {gate: study.ask(gate, 1) for gate in (site_yield, site_reliability)}
    assert [one.level for one in before.values()] == ["HOLD", "HOLD"]
    leave_out(study, "array", name="left")
    found = study.ask(site_yield, 1)
    assert (found.level, found.values) == ("PASS", {"part": 1.0, "n_sites": 5.0})
    assert found.found == "5 of 5 (100 %); 3 left out by Ada"
    assert "day 0's 5 sites" in found.expected
    reliability = study.ask(site_reliability, 1)
    assert (reliability.level, reliability.found) == ("PASS", "0.8 (100 %) on all sites; 3 left out by Ada")
    assert all(study.ask(gate, 1).found.endswith("3 left out by Ada") for gate in (rate_drift, normalizer_drift))
    leave_out(study, "array", name="left", kind="include")
    assert {gate: study.ask(gate, 1) for gate in before} == before


@pytest.mark.parametrize("part", PARTS)
def test_what_is_left_out_of_one_part_alone_still_has_to_answer(tmp_path: Path, part: LeftOutOf) -> None:
    study = an_array_lost(tmp_path)
    leave_out(study, "array", name="left", parts=(part,))
    assert [study.ask(gate, 1).level for gate in (site_yield, site_reliability)] == ["HOLD", "HOLD"]


def test_a_fault_of_a_site_that_counts_still_holds(tmp_path: Path) -> None:
    study = Recorded(tmp_path, ASKED)
    study.responses(0, drifting(0))
    study.responses(1, drifting(1), reliability=[0.1 if site < 5 else 0.8 for site in range(N_ELECTRODES)])
    for site in (5, 6):
        leave_out(study, "site", name=f"array1-{site + 1:03d}", who="Eve" if site == 5 else "Ada")
    found = study.ask(site_yield, 1)
    assert (found.level, found.values["n_sites"]) == ("HOLD", 1.0)
    assert found.found.startswith("1 of 6 (16.7 %); not array1-001")
    assert found.found.endswith("; 2 left out by Ada and Eve")


def test_all_sites_left_out_hold_nothing(tmp_path: Path) -> None:
    study = an_array_lost(tmp_path)
    for name_of in ("left", "right"):
        leave_out(study, "array", name=name_of)
    for gate in (site_yield, site_reliability, rate_drift, normalizer_drift):
        found = study.ask(gate, 1)
        assert (found.level, found.remedy) == ("PASS", "")
        assert found.found.endswith("8 left out by Ada")


def test_a_changed_site_that_is_left_out_is_no_fault_of_identity_and_one_beside_it_is(tmp_path: Path) -> None:
    changed: dict[int, dict[str, Any]] = {
        3: {"state": "moved", "partner": name(9), "correlation": 0.1},
        9: {"state": "moved", "partner": name(3), "correlation": 0.1},
    }
    study = Recorded(tmp_path)
    study.responses(1, tuning(24))
    assert found_of(tmp_path, changed).level == "HOLD"
    leave_out(study, "site", name=name(3))
    one = found_of(tmp_path, changed)
    assert (one.level, one.values["n_moved"], one.values["n_told"]) == ("HOLD", 1.0, 19.0)
    assert "array1-010 answers as array1-004 did; 1 left out by Ada" in one.found
    leave_out(study, "site", name=name(9))
    both = found_of(tmp_path, changed)
    assert (both.level, both.values["n_told"]) == ("PASS", 18.0)
    assert "exclude" not in both.remedy


def test_presentations_left_out_take_their_noise_with_them(tmp_path: Path) -> None:
    study = Recorded(tmp_path, ASKED)
    study.responses(0, drifting(0))
    study.responses(1, drifting(1))
    file = catalog.COUNTS.published(study.paths, 1)
    arrays = catalog.COUNTS.read(file)
    arrays["counts"][:40] = 30.0  # a chewing animal
    catalog.COUNTS.write(file, arrays, simulated=True)
    assert study.ask(normalizer_drift, 1).level == "HOLD"
    leave_out(study, "presentations", to_day=1, first=0, last=39)
    assert study.ask(normalizer_drift, 1).level == "PASS"
    described = study.ask(site_reliability, 1)
    assert described.values["median"] == pytest.approx(0.98, abs=0.02)  # not the .8 of ingest: variance 15² over 3²
    assert described.values["median_day_0"] == 0.8


def test_a_day_left_out_holds_nothing_and_is_no_day_to_compare_with(tmp_path: Path) -> None:
    study = Recorded(tmp_path, ASKED)
    for day, factor in enumerate((1.0, 4.0, 1.0)):
        study.responses(day, drifting(0) * factor)
    assert [study.ask(normalizer_drift, day).level for day in (1, 2)] == ["HOLD", "HOLD"]
    leave_out(study, "day", to_day=1)
    assert study.ask(normalizer_drift, 1).level == "HOLD"  # as it was recorded; the report says that it does not count
    found = study.ask(normalizer_drift, 2)
    assert found.level == "PASS"
    assert "compared with day 0" in found.found


def device_short(study: Recorded, *, n_lost: int, name_of: str) -> None:
    """Write the quality of a day of which one processor lacks presentations, and has another clock."""
    lost = {
        "name": name_of,
        "set_aside": {"not recorded": n_lost},
        "n_used": 1000 - n_lost,
        "clocks": (clock(residual_iqr_ms=9.0),),
    }
    found = quality(1, {"name": "right"}, {"processor": 2, **lost}, n_used=1000)  # on either
    catalog.QUALITY.write(catalog.QUALITY.published(study.paths, 1), found, simulated=True)


def test_a_processor_all_of_whose_sites_are_left_out_may_lack_what_it_lacks(tmp_path: Path) -> None:
    study = an_array_lost(tmp_path)
    study.quality(0, {"name": "right"}, {"name": "left"})
    device_short(study, n_lost=600, name_of="left")
    gates = (recording_whole, missing_presentations, recording_aligned)
    assert [study.ask(gate, 1).level for gate in gates] == ["HOLD"] * 3
    leave_out(study, "array", name="left")
    assert [study.ask(gate, 1).level for gate in gates] == ["PASS"] * 3


def test_presentations_left_out_are_neither_accepted_nor_missing(tmp_path: Path) -> None:
    study = Recorded(tmp_path)
    n, reason = 1000, "not recorded"
    columns = {column: np.zeros(n) for column in RESPONSES.columns}
    columns |= {"ordinal": np.arange(n), "image_index": np.zeros(n, dtype=int), "stimulus_id": np.array(["x"] * n)}
    columns |= {"onset_source": np.array(["none"] * n), "used": np.arange(n) >= 100}
    columns["reason"] = np.where(columns["used"], "", reason)
    columns["reason"][990:] = "rejected by the rig: left"
    catalog.RESPONSES.write(catalog.RESPONSES.published(study.paths, 1), columns, simulated=True)
    lacking: dict[str, Any] = {"set_aside": {reason: 100}, "n_used": 890}
    found = quality(1, {"name": "array1", **lacking}, n_presented=990, **lacking)
    catalog.QUALITY.write(catalog.QUALITY.published(study.paths, 1), found, simulated=True)
    assert [study.ask(gate, 1).level for gate in (recording_whole, missing_presentations)] == ["HOLD", "HOLD"]
    catalog.SITES.write(catalog.SITES.published(study.paths, 1), site_table(2), simulated=True)
    leave_out(study, "presentations", to_day=1, first=0, last=98)
    missing = study.ask(missing_presentations, 1)
    assert missing.level == "PASS"
    assert missing.found == "1 of 891 (0.112 %) on array1: 1 not recorded"
    leave_out(study, "presentations", to_day=1, first=99, last=999)
    assert study.ask(missing_presentations, 1).values["n_missing"] == 0


def test_twins_that_are_left_out_are_not_near(tmp_path: Path) -> None:
    study = Recorded(tmp_path, {"presentation": {"twin_separation_min": 1.0}})
    clean = [stimulus("clean", "anchor", i) for i in range(4)]
    write_stimuli(study.paths, 1, [*clean, *(stimulus("attacked", "anchor", i, site_index=0) for i in range(4))])
    onset_s = np.array([0.0, 100.0, 200.0, 300.0, 5.0, 500.0, 600.0, 700.0])
    order = np.argsort(onset_s, kind="stable")
    write_counts(study.paths, 1, order, np.ones((8, 1)), onset_s=onset_s[order])
    assert study.ask(twins_shown, 1).level == "HOLD"
    leave_out(study, "presentations", to_day=1, first=1, last=1)
    assert study.ask(twins_shown, 1).level == "PASS"


def asked(study: Recorded, day: int, checkpoint: Checkpoint = "intake") -> tuple[GateReport, bytes]:
    report = GateKeeper().ask(study.paths, STUDY, study.protocol, day=day, checkpoint=checkpoint)
    return report, gate_report_path(study.paths, day, checkpoint).read_bytes()


@pytest.fixture
def reported(tmp_path: Path) -> Recorded:
    """A study of three days whose gates can be asked."""
    study = Recorded(tmp_path, ASKED)
    for day in range(3):
        study.responses(day, drifting(day))
        study.quality(day)
    return study


def test_a_report_made_before_an_exclusion_is_made_again_and_one_not_concerned_keeps_its_bytes(
    reported: Recorded,
) -> None:
    before = [asked(reported, day) for day in range(3)]
    assert not any(LEFT_OUT in report.made_from for report, _ in before)
    leave_out(reported, "site", name="array1-002", from_day=2)
    protocol = reported.protocol
    assert [is_current(report, reported.paths, protocol) for report, _ in before] == [True, True, False]
    lines = read_amendments(reported.paths.amendments)
    assert [follows_from_files(one, reported.paths, protocol, lines) for one, _ in before] == [True, True, False]
    after = [asked(reported, day) for day in range(3)]
    assert [one == other for (_, one), (_, other) in zip(before, after, strict=True)] == [True, True, False]
    report, _ = after[2]
    assert is_current(report, reported.paths, protocol)
    assert report.made_from.keys() - before[2][0].made_from.keys() == {LEFT_OUT}
    leave_out(reported, "site", name="array1-002", from_day=2, kind="include")
    assert not is_current(report, reported.paths, protocol)
    assert [asked(reported, day) for day in range(3)] == before


def test_a_part_alone_makes_no_report_of_an_intake_again(reported: Recorded) -> None:
    before = asked(reported, 2)
    leave_out(reported, "site", name="array1-002", parts=("fit",))
    assert is_current(before[0], reported.paths, reported.protocol)
    assert asked(reported, 2) == before


def test_what_holds_of_a_day_that_does_not_count_warns_and_says_who_left_it_out(reported: Recorded) -> None:
    reported.responses(2, drifting(2) * 4)
    before, _ = asked(reported, 2)
    assert {"rate_drift", "normalizer_drift"} <= {one.gate for one in before.holding}
    leave_out(reported, "day", from_day=2, to_day=2)
    report = evaluate_checkpoint(reported.paths, STUDY, reported.protocol, 2, "intake")
    assert report.holding == ()
    (drift,) = (one for one in report.findings if one.gate == "rate_drift")
    assert drift.level == "WARN"
    assert drift.found.endswith("; nothing of day 2 counts: left out by Ada")
    assert drift.remedy


def test_what_is_left_out_of_the_evaluation_is_no_attack_and_no_control(tmp_path: Path) -> None:
    study = attacked(tmp_path, size=0.0)
    assert study.ask(sensitivity_controls, 1).level == "HOLD"
    leave_out(study, "day", to_day=1, parts=("fit",))
    assert study.ask(sensitivity_controls, 1).level == "HOLD"
    leave_out(study, "site", name="array1-001", parts=("evaluation",))
    assert study.ask(sensitivity_controls, 1).found.endswith("; 1 left out by Ada")
    n_pairs = np.isfinite(read_changes(at(study), kind="attacked", epsilon=10.0).changed).any(axis=1).sum()
    assert n_pairs == N_ANCHORS * (N_MODEL_SITES - 1)
    leave_out(study, "day", to_day=1, parts=("evaluation",))
    for gate in (sensitivity_controls, estimators_agree):
        found = study.ask(gate, 1)
        assert (found.level, found.values) == ("PASS", {})
        assert found.found.endswith("not known; left out by Ada")


def test_presentations_left_out_of_the_evaluation_are_no_repetition(tmp_path: Path) -> None:
    study = attacked(tmp_path, size=0.8)
    shown = len(catalog.RESPONSES.read(catalog.RESPONSES.published(study.paths, 1))["ordinal"])
    leave_out(study, "presentations", to_day=1, first=shown // 2, last=shown - 1, parts=("evaluation",))
    changed = read_changes(at(study), kind="attacked", epsilon=10.0).changed
    assert np.isfinite(changed).sum(axis=1).tolist() == [1] * len(changed)


def test_a_refit_is_judged_by_what_counts_in_the_fit(tmp_path: Path) -> None:
    model = small_model()
    truth = answers(model)
    study = fitted(tmp_path, day=1, before=truth, after=model, measured=-truth)
    assert study.ask(refit_better, 1).level == "HOLD"
    leave_out(study, "site", name="array1-001", parts=("fit",))
    found = study.ask(refit_better, 1)
    assert found.level == "HOLD"
    assert f"{N_ANCHORS} images and {N_MODEL_SITES - 1} sites; 1 left out by Ada" in found.found
    leave_out(study, "day", to_day=1, parts=("fit",))
    found = study.ask(refit_better, 1)
    assert (found.level, found.found) == ("PASS", "0 held-out images (under 8): not known; left out by Ada")


def at(study: Recorded) -> GateContext:
    return GateContext(study.paths, STUDY, study.protocol, 1)
