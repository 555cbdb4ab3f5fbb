"""The mouse in the place of an eye, moved by the X server's own means over the screen in front of the animal."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from Xlib import X
from Xlib.ext import xtest

from closedloop.artifacts.day.gaze.of_session import launch_times
from closedloop.artifacts.day.gaze.records import read_gaze
from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.journal_rows import TrialEnded
from tests.equipment.processes import Child
from tests.equipment.two_heads import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.display]

N_PRESENTATIONS = 36
MIDDLE, CORNER = (1200, 300), (1560, 560)  # of the second screen of two, each 800 x 600


def look_at(desktop, place):
    xtest.fake_input(desktop.connection, X.MotionNotify, x=place[0], y=place[1])
    desktop.connection.sync()


def test_who_looks_by_mouse_is_accepted_in_the_middle_and_not_in_a_corner(two_heads, make_session, tmp_path):
    screen = {"width_px": 800, "height_px": 600, "screen": 1, "full_screen": True}
    folder, out = make_session(n_images=4, n_presentations=N_PRESENTATIONS, screen=screen), tmp_path / "present"
    journal = out / "journal.jsonl"

    def rows():
        return read_journal(journal).rows if journal.exists() else ()

    def outcomes():
        return [row.outcome for row in rows() if isinstance(row, TrialEnded)]

    look_at(two_heads, MIDDLE)
    command = [sys.executable, "-m", "rig", "present", str(folder), "--out", str(out), "--gaze", "mouse"]
    with Child(command, env=two_heads.environment, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: len(accepted(rows())) >= 2 or process.poll() is not None, "images that were looked at")
        look_at(two_heads, CORNER)
        wait_until(lambda: outcomes()[-2:] == ["ignored"] * 2 or process.poll() is not None, "trials that were not")
        n_before = len(accepted(rows()))
        look_at(two_heads, MIDDLE)
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert 2 <= n_before < N_PRESENTATIONS
    assert sorted(row.presentation_index for row in accepted(rows())) == list(range(N_PRESENTATIONS))
    assert {row.gaze for row in read_journal(journal).launches} == {"mouse"}
    _assert_gaze_was_kept(out)


def _assert_gaze_was_kept(out):
    kept, [times] = read_gaze(out / "gaze.bin"), launch_times(read_journal(out / "journal.jsonl"))
    [launch] = kept.launches
    assert kept.header.simulated
    assert launch.is_whole
    assert times.begin_s <= launch.time_s[0] <= launch.time_s[-1] <= times.end_s
    for trial_s in times.trial_s:  # one a frame: of each trial there are some
        assert np.abs(launch.time_s - trial_s).min() < 0.5
    in_middle = np.hypot(launch.x_deg, launch.y_deg) < 1.5  # pixels of this small image are half a degree
    # The window is so small that its distance is 3.4 cm: 360 pixels right of the middle are 72 degrees, 260 down 66.
    in_corner = np.isclose(launch.x_deg, 72, atol=2) & np.isclose(launch.y_deg, -66, atol=2)
    assert in_middle.sum() > N_PRESENTATIONS
    assert in_corner.sum() > N_PRESENTATIONS
