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

from closedloop.artifacts.day.journal import SessionSummary, read_journal
from closedloop.storage import sha256_bytes
from rig.apparatus import Launch, resume_command
from rig.progress_bar import session_progress


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


def test_the_list_of_commands_says_each_in_a_line_of_a_usual_terminal(rig, process_environment):
    found = rig("--help", environment=process_environment | {"COLUMNS": "80"}).stdout
    assert not [line for line in found.partition("Commands:")[2].splitlines() if line.endswith("...")]
    assert "Rehearse a session on the real display, without an animal." in found


def test_a_progress_bar_does_not_begin_before_the_first_trial(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with session_progress(12):
        assert capsys.readouterr().err == ""  # what the checks say is not written behind an empty bar


def test_the_rig_imports_without_torch_neo_and_matplotlib():
    code = (
        "import sys, rig.launch, rig.check.run, rig.setup.questions; "
        "print(sorted({'torch', 'neo', 'matplotlib', 'scipy', 'psychopy'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_session_is_presented_and_summarised(rig, make_session, tmp_path):
    done = rig("present", make_session(n_presentations=12), "--display", "headless")
    assert done.returncode == 0, done.stderr
    assert "study/day-00: complete: 12 accepted" in done.stderr
    assert (
        f"Bring back all files of {tmp_path}/present (journal, summary, gaze), and the recorder's files." in done.stderr
    )
    assert SessionSummary.read(tmp_path / "present" / "summary.json").n_accepted == 12
    again = rig("present", tmp_path / "schedule", "--display", "headless")
    assert (again.returncode, "already complete" in again.stderr) == (0, True)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--display", "headless", "--audit-pixels", "3"], "expected a display with pixels, found headless"),
        (["--display", "headless", "--gaze", "mouse"], "expected a source of gaze"),
        (["--display", "headless", "--rig", "/nowhere/rig.yaml"], "expected a rig's description, found none"),
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
    chosen = replace(plain, audit_pixels=20, gaze="mouse", rig=Path("rig 2.yaml"), despite=("gamma", "codes"))
    options = shlex.split(resume_command(chosen))[shlex.split(resume_command(plain)).index("--resume") + 1 :]
    assert options == [
        *("--audit-pixels", "20", "--gaze", "mouse", "--rig", "rig 2.yaml"),
        *("--despite", "gamma", "--despite", "codes"),
    ]


@pytest.mark.slow
def test_without_a_screen_psychopy_is_one_line(rig, make_session, process_environment):
    if find_spec("psychopy") is None:
        pytest.skip("no PsychoPy")
    blind = {name: value for name, value in process_environment.items() if name not in {"DISPLAY", "HOME"}}
    done = rig("present", make_session(n_presentations=3), "--display", "psychopy", environment=blind)
    assert done.returncode == 1
    assert "display: expected an X server at DISPLAY='', found none. Log in" in done.stderr
    assert "KeyError" not in done.stderr  # it was the screen, not the home
    assert "Traceback" not in done.stderr


def test_check_prints_findings_for_machines_and_exits_1_on_a_failure(rig, make_session):
    good = rig("check", make_session(), "--display", "headless", "--json")
    assert good.returncode == 0
    assert {finding["status"] for finding in json.loads(good.stdout)} == {"PASS", "WARN"}
    bad = rig("check", make_session("bad", screen={"image_scale": 20}), "--display", "headless")
    assert bad.returncode == 1
    assert "FAIL  layout" in bad.stdout
    assert "fix: Lower image_scale" in bad.stdout


@pytest.mark.parametrize(
    ("command", "options", "line"),
    [
        (
            "check",
            ["--code-device", "/dev/parport0"],
            "expected ports in the rig's description, found one on the command",
        ),
        ("present", ["--code-device", "/dev/parport0"], "Set codes.address in rig.yaml"),
        ("present", ["--despite", "refesh"], "Did you mean refresh?"),
        ("present", ["--despite", "seal"], "--despite seal: expected one of"),
        ("present", ["--gaze", "mouse", "--rig", "rig.yaml"], "expected no --gaze beside --rig, found both"),
    ],
)
def test_a_line_that_is_wrong_by_itself_is_one_line_and_exit_code_2(rig, tmp_path, command, options, line):
    done = rig(command, tmp_path / "schedule", "--display", "headless", *options)
    assert done.returncode == 2
    assert line in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


RULED = ["--screen", "0", "--width-px", "320", "--height-px", "240", "--refresh-hz", "60", "--width-cm", "160"]
RULED += ["--distance-cm", "57.2", "--photodiode", "lower_left 24", "--codes", "none", "--recorder", "none"]


def test_a_rig_that_is_described_by_options_shows_a_simulated_session(rig, make_session, tmp_path, process_environment):
    blind = {name: value for name, value in process_environment.items() if name != "DISPLAY"}
    path = tmp_path / "rig 2.yaml"
    done = rig("init", path, *RULED, "--gaze", "scripted", environment=blind)
    assert done.returncode == 0, done.stderr
    assert f"rig check SESSION --rig '{path}'" in done.stderr
    written = path.read_bytes()
    again = rig("init", path, *RULED, environment=blind)
    assert (again.returncode, path.read_bytes()) == (1, written)
    folder = make_session(n_presentations=3, screen={"cm_per_px": 0.5})
    shown = rig("present", folder, "--display", "headless", "--rig", path)
    assert shown.returncode == 0, shown.stderr
    assert "WARN  codes" in shown.stderr  # what is for the operator to judge is said before the session begins
    assert read_journal(tmp_path / "present" / "journal.jsonl").launches[0].rig_sha256 == sha256_bytes(written)


def test_init_says_where_the_recordings_folder_is_not_there(rig, tmp_path, process_environment):
    blind = {name: value for name, value in process_environment.items() if name != "DISPLAY"}
    (tmp_path / "recordings").mkdir()
    for name, is_said in (("recordings", False), ("recodrings", True)):
        path = tmp_path / f"{name}.yaml"
        done = rig("init", path, *RULED, "--gaze", "scripted", "--recorder-folder", tmp_path / name, environment=blind)
        assert (done.returncode, path.exists()) == (0, True), done.stderr
        said = f"{tmp_path / name}: no such folder is seen from this computer now. Mount it, or correct recorder.folder"
        assert (said in done.stderr) == is_said


def test_without_a_screen_init_asks_for_what_it_cannot_find(rig, tmp_path, process_environment):
    blind = {name: value for name, value in process_environment.items() if name != "DISPLAY"}
    done = rig("init", tmp_path / "rig.yaml", "--width-cm", "52", environment=blind)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("--screen, --width-px, --height-px, --refresh-hz, ")
    assert not (tmp_path / "rig.yaml").exists()


def test_devices_are_listed_without_a_screen_too(rig, process_environment):
    blind = {name: value for name, value in process_environment.items() if name != "DISPLAY"}
    done = rig("devices", "--json", environment=blind)
    assert done.returncode == 0, done.stderr
    assert {"kind", "name", "says", "write", "trouble"} <= set(json.loads(done.stdout)[0])
    assert "library   pylsl" in rig("devices", environment=blind).stdout
