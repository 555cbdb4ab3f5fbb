"""A training as a process: killed, asked twice, ended from another terminal."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import TrialEnded
from rig.stop import StopRequest
from rig.training.folder import read_days
from rig.training.train import TrainingRun, train
from tests.equipment.processes import Child
from tests.unit.rig.training.taught import asked, climbed

pytestmark = pytest.mark.usefixtures("own_runtime")


COMMAND = [sys.executable, "-m", "rig", "train"]
OPTIONS = ["--simulated", "--display", "headless", "--subject", "Nelson", "--panel", "none"]


def begin(folder: Path, environment: dict[str, str], *options: str) -> Child[str]:
    return Child(
        [*COMMAND, str(folder), *OPTIONS, *options],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def await_trials(folder: Path, n: int) -> None:
    """Wait until so many trials of the newest day have ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        journals = sorted(folder.glob("train-*/journal.jsonl"))
        if journals and journals[-1].read_bytes().count(b'"trial_ended"') >= n:
            return
        time.sleep(0.02)
    pytest.fail("no trial ended")


@pytest.mark.slow
def test_a_kill_loses_and_doubles_no_trial_and_the_next_run_goes_on(tmp_path, process_environment):
    folder = tmp_path / "training"
    for n in (40, 90):
        with begin(folder, process_environment, "--minutes", "600") as killed:
            await_trials(folder, n)
            killed.send_signal(signal.SIGKILL)
    ended = subprocess.run(
        [*COMMAND, str(folder), *OPTIONS, "--minutes", "3"],
        env=process_environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "the last run ended without a word; the day goes on after its last trial" in ended.stderr
    assert ended.stderr.rstrip().endswith("--minutes 3 --simulated --panel none"), ended.stderr
    [day] = read_days(folder)
    assert len(day.journal.launches) == 3
    check_journal(day.journal, day.path)
    trials = [row.trial for row in day.journal.rows if isinstance(row, TrialEnded)]
    assert trials == list(range(len(trials)))
    assert len(trials) > 90
    assert [(one.hold_ms, one.fixation_window_deg) for one in asked(day.journal)] == climbed(day)[0]
    undisturbed = tmp_path / "undisturbed"
    run = TrainingRun(
        folder=undisturbed, subject="Nelson", display="headless", simulated=True, minutes=30, today=day.day.date
    )
    train(run, stop=StopRequest(), on_trial=lambda _course: None, on_findings=lambda _findings: None)
    [other] = read_days(undisturbed)
    outcomes = [[row.outcome for row in one.journal.rows if isinstance(row, TrialEnded)] for one in (day, other)]
    assert outcomes[0] == outcomes[1][: len(trials)]
    assert (folder / "progress.html").read_text().count('data-what="run"') == 1


@pytest.mark.slow
def test_two_at_once_are_refused_and_quit_ends_the_one(tmp_path, process_environment):
    folder = tmp_path / "training"
    with begin(folder, process_environment) as first:
        await_trials(folder, 3)
        with begin(folder, process_environment) as second:
            said = second.communicate(timeout=60)[1]
        assert second.returncode == 1
        assert "training Nelson" in said
        assert "expected no other rig at work on it, found process" in said
        assert read_journal(folder / next(folder.glob("train-*")).name / "journal.jsonl").ended is None
        tell = [sys.executable, "-m", "rig", "tell", str(folder)]
        status = subprocess.run([*tell, "status"], env=process_environment, text=True, capture_output=True, check=False)
        assert "TRAINING: never data" in status.stdout, status.stderr
        told = subprocess.run([*tell, "quit"], env=process_environment, text=True, capture_output=True, check=False)
        assert told.stdout == "quit: stops\n", told.stderr
        first.communicate(timeout=60)
        assert first.returncode == 0
    [day] = read_days(folder)
    assert day.journal.ended.outcome == "stopped"
    late = subprocess.run([*tell, "quit"], env=process_environment, text=True, capture_output=True, check=False)
    assert "it was a training, and has ended. Go on with `rig train`." in late.stderr
