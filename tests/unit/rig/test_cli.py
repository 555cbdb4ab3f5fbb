"""The command line: answers at once, one line an error, exit codes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from closedloop.artifacts.day.journal import SessionSummary
from rig.apparatus import Launch
from rig.launch import resume_command


@pytest.fixture
def rig(process_environment):
    """Run the command as a process."""

    def run(*arguments, environment=process_environment):
        command = [sys.executable, "-m", "rig", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    return run


def test_help_imports_nothing_heavy(rig):
    code = "import sys, rig.cli; print(sorted({'numpy', 'pydantic', 'pyarrow', 'psychopy', 'rich'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    assert "present" in rig("--help").stdout


def test_the_rig_imports_without_torch_neo_and_matplotlib():
    code = (
        "import sys, rig.launch, rig.check; print(sorted({'torch', 'neo', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_session_is_presented_and_summarised(rig, make_session, tmp_path):
    done = rig("present", make_session(n_presentations=12), "--display", "headless")
    assert done.returncode == 0, done.stderr
    assert "study/day-00: complete: 12 accepted" in done.stderr
    assert SessionSummary.read(tmp_path / "present" / "summary.json").n_accepted == 12
    again = rig("present", tmp_path / "schedule", "--display", "headless")
    assert (again.returncode, "already complete" in again.stderr) == (0, True)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--display", "headless", "--audit-pixels", "3"], "expected a display with pixels, found headless"),
        (["--display", "headless", "--gaze", "mouse"], "expected a source of gaze"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(rig, make_session, options, line):
    done = rig("present", make_session(n_presentations=3), *options)
    assert done.returncode == 1
    assert line in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_session_is_one_line(rig, tmp_path):
    done = rig("present", tmp_path / "nowhere", "--display", "headless")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_command_to_resume_has_the_operators_choices_and_survives_a_space():
    plain = Launch(session=Path("day one/schedule"), out=Path("out"), display="headless")
    assert resume_command(plain) == "rig present 'day one/schedule' --display headless --out out --resume"
    chosen = replace(plain, audit_pixels=20, gaze="mouse", code_device="/dev/parport0")
    options = shlex.split(resume_command(chosen))[shlex.split(resume_command(plain)).index("--resume") + 1 :]
    assert options == ["--audit-pixels", "20", "--gaze", "mouse", "--code-device", "/dev/parport0"]


@pytest.mark.slow
def test_without_a_screen_psychopy_is_one_line(rig, make_session, process_environment):
    if find_spec("psychopy") is None:
        pytest.skip("no PsychoPy")
    blind = {name: value for name, value in process_environment.items() if name not in {"DISPLAY", "HOME"}}
    done = rig("present", make_session(n_presentations=3), "--display", "psychopy", environment=blind)
    assert done.returncode == 1
    assert "display: expected a screen, found none" in done.stderr
    assert "KeyError" not in done.stderr  # it was the screen, not the home
    assert "Traceback" not in done.stderr


def test_check_prints_findings_for_machines_and_exits_1_on_a_failure(rig, make_session):
    good = rig("check", make_session(), "--display", "headless", "--json")
    assert good.returncode == 0
    assert {finding["status"] for finding in json.loads(good.stdout)} == {"PASS"}
    bad = rig("check", make_session("bad", screen={"image_scale": 20}), "--display", "headless")
    assert bad.returncode == 1
    assert "FAIL  layout" in bad.stdout
    assert "fix: Lower image_scale" in bad.stdout
