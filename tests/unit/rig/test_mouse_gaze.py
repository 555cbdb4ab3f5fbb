"""The mouse in the place of an eye, moved by the X server's own means over the screen in front of the animal."""

from __future__ import annotations

import subprocess
import sys

import pytest
from Xlib import X
from Xlib.ext import xtest

from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.artifacts.day.journal_rows import TrialEnded
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
    with subprocess.Popen(command, env=two_heads.environment, stderr=subprocess.PIPE, text=True) as process:
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
