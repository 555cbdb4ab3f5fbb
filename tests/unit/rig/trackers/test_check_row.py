"""What `rig check` says of a tracker, and of nobody looking at the eye; and which sources a session can have."""

from __future__ import annotations

import re

import pytest

from closedloop.artifacts.day.doubts import doubts_of
from closedloop.errors import SessionError
from closedloop.plain_text.installing import install_command
from rig.apparatus import Launch, describe_rig
from rig.check.inspection import Inspection
from rig.check.ports.gaze import judge_tracker
from rig.check.run import run_checks
from rig.check.table import CHECKS, look
from rig.ports.trackers.tracker import TrackerStatus
from rig.session.folder import open_session
from tests.unit.rig.check.asked import WIRED
from tests.unit.rig.ports import FaultyDisplay, Screen

PLAUSIBLE = {"cm_per_px": 0.5}


def status(**changed):
    return TrackerStatus(**({"name": "EYELINK CL 4.56", "rate_hz": 1000.0, "age_s": 0.003, "has_eye": True} | changed))


def test_a_tracker_that_tracks_is_said_with_its_name_its_rate_and_its_last_sample():
    assert judge_tracker(status()) == "EYELINK CL 4.56: 1,000 samples/s, the last one 3 ms old, tracks"
    assert judge_tracker(status(keeps="C1.EDF on its disk")).endswith("tracks; C1.EDF on its disk")


def test_no_eye_is_for_the_operator_to_judge():
    found = judge_tracker(status(has_eye=False))
    assert (found.status, "no eye" in found.found, "while no animal is there" in found.fix) == ("WARN", True, True)


@pytest.mark.parametrize(("rate_hz", "is_fast"), [(30.0, False), (119.0, False), (120.0, True)])
def test_a_rate_that_sees_little_between_two_frames_is_a_warning(rate_hz, is_fast):
    assert isinstance(judge_tracker(status(rate_hz=rate_hz)), str) == is_fast


def checked(folder, tmp_path, gaze, **options):
    path = tmp_path / "rig.yaml"
    path.write_text(WIRED.replace("{source: scripted}", gaze))
    launch = Launch(session=folder, out=tmp_path / "present", display="headless", rig=path, **options)
    return {one.name: one for one in run_checks(launch)}["gaze"]


def look_at_animal(folder, tmp_path, source):
    """Do the check of gaze alone, for a session with an animal before a screen."""
    (tmp_path / "rig.yaml").write_text(WIRED.replace("scripted", source))
    launch = Launch(session=folder, out=tmp_path / "present", display="headless", rig=tmp_path / "rig.yaml")
    session = open_session(folder)
    at = Inspection(launch, session=session, display=FaultyDisplay(Screen()))
    at.rig = describe_rig(session, launch.rig)
    return look(next(row for row in CHECKS if row.name == "gaze"), at)


def test_passive_viewing_of_an_animal_is_a_warning_by_its_name(make_session, tmp_path):
    found = look_at_animal(make_session(simulated=False), tmp_path, "none")
    assert found.status == "WARN"
    assert "passive viewing, by gaze.source none in" in found.found


def test_a_script_is_no_gaze_of_an_animal(make_session, tmp_path):
    found = look_at_animal(make_session(simulated=False), tmp_path, "scripted")
    assert (found.status, "a script for a session with an animal" in found.found) == ("FAIL", True)


@pytest.mark.parametrize("source", ["eyelink, address: 100.1.1.1", "lsl, address: a", "mouse"])
def test_a_tracker_is_not_put_on_a_clock_that_only_flips_move(source, make_session, tmp_path):
    found = checked(make_session(screen=PLAUSIBLE), tmp_path, f"{{source: {source}}}")
    assert (found.status, "found " in found.found, "--display psychopy" in found.fix) == ("FAIL", True, True)


def test_a_journal_without_gaze_is_named_so(make_rig):
    from rig.ports.gaze import NoGaze

    rig = make_rig(n_presentations=6)
    rig.gaze = NoGaze()
    assert rig.run() == "complete"
    assert "no-gaze" in doubts_of(rig.journal)
    assert {row.outcome for row in rig.journal.presentations} == {"accepted"}


@pytest.mark.parametrize("library", ["pylink", "pylsl"])
def test_a_missing_library_is_a_line_with_its_extra(library, monkeypatch):
    import sys

    from rig.ports.trackers.lsl_streams import library as load_pylsl
    from rig.ports.trackers.pylink_dial import dial

    monkeypatch.setitem(sys.modules, library, None)  # as if it were not installed
    extra = {"pylink": "eyelink", "pylsl": "lsl"}[library]
    with pytest.raises(SessionError, match=rf"found none. Install it: {re.escape(install_command(extra))}"):
        dial("127.0.0.1") if library == "pylink" else load_pylsl()
