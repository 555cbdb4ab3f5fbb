"""`rig rehearse` as an operator runs it: a session with an animal, the real display, and nobody in front of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from closedloop.artifacts.day.journal import accepted, read_journal

pytestmark = [pytest.mark.slow, pytest.mark.display]


def test_a_session_with_an_animal_is_rehearsed_on_the_display_without_a_rig_s_description(
    make_session, tmp_path, x_display
):
    trial = {"presentations_per_trial": 3, "intertrial_ms": 200.0, "acquire_timeout_ms": 700.0}
    session = make_session(n_presentations=12, simulated=False, monkey=None, subject="Nelson", trial=trial)
    command = [sys.executable, "-m", "rig", "rehearse", str(session), "--minutes", "20"]
    done = subprocess.run(command, env=x_display, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert "REHEARSAL of study/day-00: complete: 12 accepted" in done.stderr
    journal = read_journal(tmp_path / "rehearsal" / "journal.jsonl")
    assert journal.launches[0].is_rehearsal
    assert {(row.on_frames, row.planned_on_frames) for row in accepted(journal.rows)} == {(6, 6)}
    page = (tmp_path / "rehearsal" / "rehearsal.html").read_text()
    assert "A timer paced the flips, not a screen" in page
    assert page.count("<rect") > 20
