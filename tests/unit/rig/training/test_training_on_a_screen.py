"""A training in a window, in real time, with a valve: what is promised of a kill and of Ctrl-C holds there too."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import RewardNoted, TrialBegun, TrialEnded
from closedloop.artifacts.rig.calibrations import Calibrations, ValveVolume
from closedloop.artifacts.rig.description import SubjectScreen
from closedloop.artifacts.rig.ports import CodesPort, GazePort, RecorderPort, RewardPort
from closedloop.artifacts.rig.template import EXAMPLE
from rig.training.folder import read_days
from tests.equipment.fake_microcontroller import faking
from tests.equipment.processes import Child

pytestmark = [pytest.mark.display, pytest.mark.slow, pytest.mark.timeout(240)]

QUICK = "subject: Nelson\nstart_hold_ms: 50\nof_last: 2\ncompleted_for_step_up: 1\nmissed_for_step_down: 2\n"
QUICK += "intertrial_ms: 100\ntime_out_ms: 100\nreward_ms: 30\n"
VALVE = ValveVolume(
    ml_per_ms=0.004, ml_at_zero=-0.02, ml_per_ms_error=0.0, ml_at_zero_error=0.0, shortest_ms=20, longest_ms=300
)


@pytest.fixture
def description(tmp_path):
    screen = SubjectScreen(screen=0, width_px=800, height_px=600, refresh_hz=60, width_cm=30, distance_cm=60)
    changes = {
        "subject_screen": screen,
        "operator_screen": None,
        "photodiode": None,
        "codes": CodesPort(transport="none"),
        "gaze": GazePort(source="scripted"),
        "reward": RewardPort(device="microcontroller", address=str(tmp_path / "ttyACM0")),
        "recorder": RecorderPort(kind="none"),
        "calibrations": Calibrations(valve=VALVE),
    }
    path = tmp_path / "rig.yaml"
    path.write_text(json.dumps(EXAMPLE.model_copy(update=changes).model_dump(mode="json")))  # which is YAML, too
    return path


def await_rewards(folder, n):
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        journals = sorted(folder.glob("train-*/journal.jsonl"))
        if journals and journals[-1].read_bytes().count(b'"state":"acknowledged"') >= n:
            return
        time.sleep(0.02)
    pytest.fail("no reward was confirmed")


def test_the_valve_gives_what_each_trial_says_through_a_kill_and_ctrl_c(tmp_path, description, x_display):
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / "training.yaml").write_text(QUICK)
    # Without a screen to wait for, flips come unevenly: that is what is overridden here.
    command = [sys.executable, "-m", "rig", "train", str(folder), "--simulated", "--rig", str(description)]
    command += ["--despite", "refresh", "--despite", "window", "--panel", "none"]
    with faking(tmp_path / "ttyACM0") as board:
        for n, how in ((3, signal.SIGKILL), (6, signal.SIGINT)):
            with Child(command, env=x_display, text=True, stderr=subprocess.PIPE) as run:
                await_rewards(folder, n)
                run.send_signal(how)
                said = run.communicate(timeout=60)[1]
        assert run.returncode == 130, said
        assert "TRAINING of Nelson" in said
        openings_ms = board.openings_ms()
    [day] = read_days(folder)
    check_journal(day.journal, day.path)
    rows = day.journal.rows
    assert len(day.journal.launches) == 2
    asks = {row.trial: row.asks for row in rows if isinstance(row, TrialBegun)}
    confirmed = [row for row in rows if isinstance(row, RewardNoted) and row.state == "acknowledged"]
    assert len({one.duration_ms for one in confirmed}) > 1  # they grow with the hold
    # Of the last reward before the kill the answer may never have been read.
    assert len(confirmed) <= len(openings_ms) <= len(confirmed) + 1
    for one in confirmed:
        assert one.duration_ms == pytest.approx(asks[one.trial].reward_ms, abs=0.1)
    completed = [row for row in rows if isinstance(row, TrialEnded) and row.outcome == "completed"]
    assert len({row.trial for row in completed}) == len(completed)
    page = (folder / "progress.html").read_text()
    total_ms = sum(one.duration_ms for one in confirmed)
    total_ml = 0.004 * total_ms - 0.02 * len(confirmed)
    assert f'data-what="reward, ms of valve">{total_ms:,.0f} ({total_ml:.1f} ml)<' in page
