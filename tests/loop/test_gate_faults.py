"""Each gate after the session holds on a fault made for it on the real files of a study, and passes without one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks.gate_faults import INTAKE_FAULTS, REVIEW_FAULTS, Fault, find
from closedloop.artifacts.gates.report import GateReport, gate_report_path
from closedloop.artifacts.study import StudyPaths
from closedloop.gates.table import INTAKE
from tests.loop.studies import closedloop, run_once

PROTOCOL = Path(__file__).with_name("gated_days.yaml")
OF_A_FIT = tuple(fault for fault in REVIEW_FAULTS if "learning rates" in fault.made)  # others need more images or days
DAY = 1


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> StudyPaths:
    """Two simulated days without a fault, run once, whichever test process asks first."""

    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        return closedloop("dry-run", folder, "--protocol", PROTOCOL)

    return StudyPaths(run_once(tmp_path_factory, "gated", run))


def name_of(fault: Fault) -> str:
    return f"{fault.gate}: {fault.made}"


@pytest.mark.slow
@pytest.mark.parametrize("day", [0, DAY])
def test_days_without_a_fault_pass(gated: StudyPaths, day: int) -> None:
    report = GateReport.read(gate_report_path(gated, day, "intake"))
    assert {found.gate: found.level for found in report.findings} == {gate.name: "PASS" for gate in INTAKE}


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*INTAKE_FAULTS, *OF_A_FIT], ids=name_of)
def test_a_gate_holds_or_warns_on_a_fault_made_for_it(gated: StudyPaths, tmp_path: Path, fault: Fault) -> None:
    report = find(gated, fault, day=DAY, folder=tmp_path / "study")
    (found,) = [finding for finding in report.findings if finding.gate == fault.gate]
    assert found.level == fault.level, found
    assert found.remedy
