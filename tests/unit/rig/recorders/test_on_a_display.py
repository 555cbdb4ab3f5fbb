"""`rig check`, `present` and `tell` as an operator runs them, on a real display, beside a stand-in for the recorder."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import ClockCompared, Paused, RecordingNoted

pytestmark = [pytest.mark.slow, pytest.mark.display]

ROOT = Path(__file__).parents[4]
RIG = """\
format_version: 1
kind: rig
name: "rig 1"
subject_screen: {{screen: 0, width_px: 800, height_px: 600, refresh_hz: {refresh_hz}, width_cm: 40, distance_cm: 80.1}}
photodiode: {{corner: lower_left, side_px: 24}}
codes: {{transport: comment}}
gaze: {{source: scripted}}
reward: {{device: none}}
recorder: {recorder}
"""
LIBRARY = """\
from pathlib import Path
from tests.equipment.fake_pycbsdk import Central, living_module
globals().update(vars(living_module(Central(Path({folder!r})))))
"""
DESPITE = [word for name in ("refresh", "codes", "gaze") for word in ("--despite", name)]


@pytest.fixture
def recorded(make_session, tmp_path, two_heads):
    """Return a function that runs `rig` beside a recorder; its description is of this desktop's second screen."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "pycbsdk.py").write_text(LIBRARY.format(folder=str(folder)))
    environment = two_heads.environment | {"PYTHONPATH": f"{tmp_path / 'library'}{os.pathsep}{ROOT}"}
    screen = {"width_px": 800, "height_px": 600, "full_screen": True, "cm_per_px": 0.05, "image_scale": 2}
    session = make_session(n_presentations=12, side_px=112, screen=screen, ignore=0.0, leave=0.0)

    def command(word, recorder, *options):
        rig = tmp_path / "rig.yaml"
        text = RIG.format(recorder=recorder, refresh_hz=60).replace("screen: 0", "screen: 1")
        rig.write_text(text)
        return [sys.executable, "-m", "rig", word, str(session), "--rig", str(rig), *map(str, options)]

    return command, environment, folder


def journal_of(out):
    journal = read_journal(out / "journal.jsonl")
    check_journal(journal, out / "journal.jsonl")
    return journal


def test_blackrocks_recorder_is_checked_and_records_a_session_whose_codes_are_its_comments(recorded, tmp_path):
    command, environment, folder = recorded
    recorder, out = f"{{kind: blackrock, device: NSP, folder: {folder}, split_presentations: 6}}", tmp_path / "out"
    checked = subprocess.run(command("check", recorder), env=environment, capture_output=True, text=True, check=False)
    (row,) = [line for line in checked.stdout.splitlines() if " recorder " in f" {line} "]
    assert row.startswith("PASS"), checked.stdout
    assert [path.name.partition("_")[0] for path in folder.iterdir()] == ["rig-check"]
    done = subprocess.run(
        command("present", recorder, "--out", out, *DESPITE),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    journal = journal_of(out)
    assert (journal.launches[0].recorder, journal.launches[0].codes) == ("blackrock", "comment")
    assert len(accepted(journal.rows)) == 12
    noted = [row for row in journal.rows if isinstance(row, RecordingNoted)]
    assert [(row.state, row.part, row.seen_by) for row in noted][:3] == [
        ("started", 1, "packets_and_file"),
        ("stopped", 1, "file"),
        ("started", 2, "packets_and_file"),
    ]
    assert noted[-1].state == "stopped"
    assert {row.file for row in noted} == {
        path.name.removesuffix("001.nev") for path in folder.iterdir() if not path.name.startswith("rig-check")
    }
    clocks = [row for row in journal.rows if isinstance(row, ClockCompared)]
    assert len(clocks) == 2  # at the launch and at the end
    assert all(abs(row.rig_s - row.time_s) < 1.0 for row in clocks)


def test_a_recorder_by_hand_is_waited_for_until_enter_is_pressed(recorded, tmp_path):
    command, environment, _ = recorded
    out = tmp_path / "out"
    ours, theirs = pty.openpty()
    words = command("present", "{kind: by_hand}", "--out", out, "--panel", "none", *DESPITE)
    opened = subprocess.Popen(
        # Its own session, whose terminal is this one: as where somebody types the command.
        ["setsid", "--ctty", "--wait", *words],
        env=environment,
        stdin=theirs,
        stderr=subprocess.PIPE,
        text=True,
    )
    with opened as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if "press Enter, or `rig tell SESSION continue`" in line:
                os.write(ours, b"\n")
        assert process.wait() == 0, "".join(said)
    os.close(ours)
    os.close(theirs)
    journal = journal_of(out)
    (paused,) = [row for row in journal.rows if isinstance(row, Paused)]
    assert paused.why.startswith("recorder: start the recorder with the file name study_day-00_launch-1_part-1_")
    assert [row.seen_by for row in journal.rows if isinstance(row, RecordingNoted)] == ["operator", "nobody"]
    assert "recorder: stop the recorder now" in "".join(said)


def test_a_recorder_by_hand_is_not_waited_for_where_nobody_can_answer(recorded, tmp_path):
    command, environment, _ = recorded
    done = subprocess.run(
        command("present", "{kind: by_hand}", "--out", tmp_path / "out", "--panel", "none", *DESPITE),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    assert not [row for row in journal_of(tmp_path / "out").rows if isinstance(row, Paused | RecordingNoted)]
