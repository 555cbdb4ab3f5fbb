"""Gates of a small simulated study, run by its command: it holds, is refused by the rig, approved, and goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.artifacts.gates.report import CHECKPOINTS, GateReport
from closedloop.gates.table import GATES, PREFLIGHT
from tests.loop.studies import (
    ENVIRONMENT,
    HELD,
    PROTOCOL,
    closedloop,
    dry_run,
    gate_reports,
    one_line_error,
    sensitivity,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SHORT = "gates: {simulated: hold, hours: {warn: 0, hold: 0}}\n"  # no session lasts no time


def rig(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `rig` to its end."""
    command = [sys.executable, "-m", "rig", *map(str, words)]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=ENVIRONMENT, timeout=120)


def test_a_clean_simulated_study_passes_every_gate_before_its_sessions(undisturbed: Path) -> None:
    for day in (0, 1):
        report = GateReport.read(undisturbed / f"day-{day:02d}" / "gates" / "preflight.json")
        assert {finding.gate: finding.level for finding in report.findings} == {gate.name: "PASS" for gate in PREFLIGHT}
    assert len(gate_reports(undisturbed)) == 2 * len(CHECKPOINTS)


def test_a_study_holds_by_a_gate_until_it_is_approved_and_ends_with_the_same_bytes(
    undisturbed: Path, tmp_path: Path
) -> None:
    study, protocol = tmp_path / "a study", tmp_path / "held.yaml"
    protocol.write_text(PROTOCOL.read_text() + SHORT)
    session = study / "day-00" / "schedule"
    held = closedloop("dry-run", study, "--protocol", protocol)
    assert held.returncode == HELD, held.stderr
    approve = f"closedloop approve '{study}' hours --day 0 --by NAME --reason TEXT"
    assert "Held: day 0 preflight, hours: expected a session of at most " in held.stdout
    assert f"Or approve it: `{approve}`" in held.stdout
    assert (session / "manifest.json").is_file()
    assert not (study / "day-00" / "present").exists()

    status = json.loads(closedloop("status", study, "--json").stdout)
    assert (status["state"], status["next"]) == ("held", {"day": 0, "stage": "present"})
    assert [one["approve"] for one in status["held_by"]] == [approve]
    assert closedloop("run", study).returncode == HELD

    refused = rig("present", session, "--display", "headless", "--out", tmp_path / "out")
    assert "held: expected a session that nothing holds in its study" in one_line_error(refused)
    checked = rig("check", session)
    assert checked.returncode == 1
    assert f"`{approve}`" in checked.stdout

    assert closedloop("approve", study, "hours", "--by", "ada", "--reason", "short enough").returncode == 0
    assert f"nothing holds it in {study}" in rig("check", session).stdout
    again = closedloop("run", study)
    assert again.returncode == HELD
    assert "Held: day 1 preflight, hours" in again.stdout
    assert (study / "day-00" / "evaluate" / "manifest.json").is_file()

    mine = study / "protocol.yaml"
    mine.write_text(mine.read_text().replace("simulated: hold", "simulated: go_on"))
    finished = closedloop("run", study)
    assert finished.returncode == 0, finished.stderr
    by_itself = [line for line in finished.stdout.splitlines() if "A simulated study goes on by itself." in line]
    assert [line.split(":")[0] for line in by_itself] == ["day 1 preflight, hours"]
    assert sensitivity(study) == sensitivity(undisturbed)
    assert closedloop("verify", study).returncode == 0


def test_reports_that_were_lost_are_written_again_with_the_same_bytes(study_copy: Callable[[], Path]) -> None:
    study = study_copy()
    before = gate_reports(study)
    for folder in study.glob("day-*/gates"):
        shutil.rmtree(folder)
    assert dry_run(study).returncode == 0
    assert gate_reports(study) == before


def test_a_report_that_was_edited_is_found_by_verify_and_written_again(study_copy: Callable[[], Path]) -> None:
    study = study_copy()
    before = gate_reports(study)
    place = study / "day-01" / "gates" / "preflight.json"
    place.write_text(place.read_text().replace("each once", "each twice"))
    assert f"{place}: expected what the gates find in the published files, found another image_reuse." in (
        closedloop("verify", study).stdout
    )
    place.unlink()
    assert dry_run(study).returncode == 0
    assert gate_reports(study) == before


def test_every_gate_of_the_table_is_in_a_report(undisturbed: Path) -> None:
    reports = [GateReport.model_validate_json(content) for content in gate_reports(undisturbed).values()]
    assert {finding.gate for report in reports for finding in report.findings} == {gate.name for gate in GATES}
