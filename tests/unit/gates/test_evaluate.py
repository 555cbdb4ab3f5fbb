"""A report follows from files alone, and says whether it still does."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.gates.report import GateReport, gate_report_path
from closedloop.artifacts.protocol.gates import AtLeast, AtMost, Gates
from closedloop.gates.evaluate import is_current
from closedloop.gates.levels import level_of, worst
from closedloop.gates.table import GATES
from closedloop.study.gates.checkpoints import GateKeeper
from tests.unit.gates.sessions_to_ask import Ready, ready


@pytest.fixture
def study(tmp_path: Path) -> Ready:
    made = ready(tmp_path)
    made.day(0)
    return made


def asked(study: Ready) -> GateReport:
    return GateKeeper().ask(study.paths, study.study, study.protocol, day=0, checkpoint="preflight")


def edit(study: Ready, **gates: object) -> None:
    text = study.paths.protocol.read_text()
    lines = "".join(f"  {name}: {value}\n" for name, value in gates.items())
    study.paths.protocol.write_text(f"{text}gates:\n{lines}")


def test_the_same_files_give_the_same_bytes(study: Ready) -> None:
    asked(study)
    place = gate_report_path(study.paths, 0, "preflight")
    first = place.read_bytes()
    place.unlink()
    asked(study)
    assert place.read_bytes() == first
    assert [path.name for path in place.parent.iterdir()] == ["preflight.json"]


def test_a_report_that_follows_is_not_written_again(study: Ready) -> None:
    asked(study)
    place = gate_report_path(study.paths, 0, "preflight")
    before = place.stat()
    asked(study)
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_of_another_hash_is_asked_about_again(study: Ready) -> None:
    report = asked(study)
    study.day(0, stimuli={12: {"realised_epsilon": 9.9}})
    assert not is_current(report, study.paths, study.protocol)
    assert [finding.gate for finding in asked(study).holding] == ["attack_budget"]


def test_another_limit_is_asked_about_again(study: Ready) -> None:
    report = asked(study)
    edit(study, hours="{warn: 0.0, hold: 0.0}")
    assert not is_current(report, study.paths, study.protocol)
    assert [finding.gate for finding in asked(study).holding] == ["hours"]


def test_a_report_without_a_gate_that_there_is_now_is_asked_about_again(study: Ready) -> None:
    report = asked(study)
    older = report.model_copy(update={"findings": report.findings[1:]})
    assert not is_current(older, study.paths, study.protocol)


def test_a_damaged_report_is_written_again(study: Ready) -> None:
    report = asked(study)
    gate_report_path(study.paths, 0, "preflight").write_text("{")
    assert asked(study) == report


def test_a_disk_that_was_too_small_is_looked_at_again_until_something_is_shown(study: Ready) -> None:
    edit(study, disk="{warn: 1.0e+6, hold: 1.0e+6}")  # no disk has a million times what a day needs
    report = asked(study)
    assert [finding.gate for finding in report.holding] == ["disk"]
    assert not is_current(report, study.paths, study.protocol)
    assert is_current(report, study.paths, study.protocol, asks_machine=False)


def test_every_gate_has_its_limits_in_the_protocol_and_a_name_of_its_own() -> None:
    names = [gate.name for gate in GATES]
    assert len(set(names)) == len(names)
    assert set(names) <= set(Gates.model_fields) - {"simulated"}


@pytest.mark.parametrize(
    ("limit", "values"),
    [
        (AtMost(warn=1, hold=2), {1.0: "PASS", 1.5: "WARN", 2.0: "WARN", 2.1: "HOLD", float("nan"): "HOLD"}),
        (AtLeast(warn=1, hold=0.5), {1.0: "PASS", 0.9: "WARN", 0.5: "WARN", 0.4: "HOLD", float("nan"): "HOLD"}),
        (AtMost(warn=1, hold=None), {2.0: "WARN", float("inf"): "WARN", 0.0: "PASS"}),
        (AtLeast(warn=None, hold=0), {-1.0: "HOLD", 0.0: "PASS"}),
        (AtMost(warn=None, hold=None), {float("nan"): "PASS", 1e9: "PASS"}),
    ],
)
def test_a_number_on_its_limit_passes_and_one_that_is_none_does_not(limit: AtMost | AtLeast, values) -> None:
    assert {value: level_of(value, limit) for value in values} == values


def test_the_worst_of_several_levels() -> None:
    assert (worst(), worst("PASS", "WARN"), worst("HOLD", "PASS", "WARN")) == ("PASS", "WARN", "HOLD")
