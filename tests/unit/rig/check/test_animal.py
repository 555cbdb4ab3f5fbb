"""What a session with an animal needs, what stands against it, and what an operator may override."""

from __future__ import annotations

import os
import pty
import tty
from pathlib import Path

import pytest

from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_rows import PresentationBegun, TrialBegun
from closedloop.artifacts.rig.description import read_rig
from closedloop.errors import OptionError, SessionError
from rig.apparatus import Launch
from rig.check.findings import Finding, overrides_of, refuse_failures
from rig.check.table import overridable
from rig.launch import run_launch
from rig.stop import StopRequest
from tests.unit.rig.check.asked import PLAUSIBLE, findings, present


def test_a_session_with_an_animal_needs_a_rig_and_a_simulated_one_needs_none(make_session, tmp_path):
    real = make_session(simulated=False, screen=PLAUSIBLE)
    found = findings(real, tmp_path)
    assert (found["rig"].status, found["rig"].can_be_overridden) == ("FAIL", False)
    assert "--rig FILE" in found["rig"].fix
    assert {found[name].status for name in ("codes", "gaze", "reward", "recorder")} == {"WARN"}
    with pytest.raises(SessionError, match="expected a rig's description for a session with an animal, found none"):
        present(real, tmp_path / "present", despite=("codes", "gaze"))
    assert not (tmp_path / "present").exists()
    assert findings(make_session("b"), tmp_path)["rig"].status == "PASS"


def test_codes_that_reach_no_recorder_fail_with_an_animal_alone(make_session, tmp_path, write_rig):
    rig = write_rig()
    real = findings(make_session(simulated=False, screen=PLAUSIBLE), tmp_path, rig=rig)["codes"]
    assert (real.status, real.can_be_overridden) == ("FAIL", True)
    assert "expected digital codes to reach the recorder, found none" in real.found
    assert findings(make_session("b", screen=PLAUSIBLE), tmp_path, rig=rig)["codes"].status == "WARN"
    comments = write_rig(("transport: none", "transport: comment"))
    found = findings(tmp_path / "schedule", tmp_path, rig=comments)["codes"]
    assert (found.status, "comments that no recorder takes" in found.found) == ("FAIL", True)


def test_what_session_json_says_of_codes_does_not_decide(make_session, tmp_path, write_rig):
    folder = make_session(simulated=False, screen=PLAUSIBLE, codes={"transport": "parallel"})
    assert findings(folder, tmp_path, rig=write_rig())["codes"].status == "FAIL"


def test_a_port_that_is_not_there_fails_and_cannot_be_overridden(make_session, tmp_path, write_rig):
    rig = write_rig(("transport: none", "transport: serial, address: /dev/none"))
    found = findings(make_session(screen=PLAUSIBLE), tmp_path, rig=rig)["codes"]
    assert (found.status, found.can_be_overridden) == ("FAIL", False)
    assert "serial port /dev/none: expected to open it" in found.found


def test_no_screen_no_script_and_no_recorder_will_do_for_an_animal(make_session, tmp_path, write_rig):
    found = findings(make_session(simulated=False, screen=PLAUSIBLE), tmp_path, rig=write_rig())
    assert "expected a screen for a session with an animal, found headless" in found["display"].found
    assert (found["recorder"].status, found["recorder"].can_be_overridden) == ("FAIL", True)
    assert found["reward"].status == "WARN"


OTHER_SCREENS = [
    (("width_px: 320", "width_px: 640"), "rig", "expected a screen as the session was planned for, 320 x 240", False),
    (
        ("refresh_hz: 59.94", "refresh_hz: 75"),
        "rig",
        "expected a session for the 75 Hz of rig rig 2, found one for 60 Hz",
        False,
    ),
    (("width_cm: 160", "width_cm: 164"), "pixel-size", "expected pixels of 5.0000 mm, found 5.1250 mm", True),
    (("distance_cm: 57.2", "distance_cm: 58.5"), "distance", "expected the eye 57.2 cm from the screen", True),
]


@pytest.mark.parametrize("other", OTHER_SCREENS)
def test_the_screen_of_the_session_is_compared_with_the_rigs(make_session, tmp_path, write_rig, other):
    folder, (change, name, said, can_be_overridden) = make_session(screen=PLAUSIBLE), other
    same = findings(folder, tmp_path, rig=write_rig())
    assert {same[one].status for one in ("rig", "pixel-size", "distance")} == {"PASS"}
    found = findings(folder, tmp_path, rig=write_rig(change))[name]
    assert (found.status, found.can_be_overridden) == ("FAIL", can_be_overridden)
    assert said in found.found


def test_the_distance_waits_for_the_size_of_a_pixel(make_session, tmp_path, write_rig):
    other = write_rig(("width_cm: 160, distance_cm: 57.2", "width_cm: 200, distance_cm: 57.2"))
    found = findings(make_session(screen=PLAUSIBLE), tmp_path, rig=other)
    assert [found[one].status for one in ("pixel-size", "distance")] == ["FAIL", "FAIL"]
    assert found["distance"].fix == "See to pixel-size first, and check again."


def test_two_percent_are_the_limit_of_the_distance(make_session, tmp_path, write_rig):
    """16 pixels of 5 mm are 8 degrees from 4 cm / tan(4 degrees) = 57.20 cm; 2 % of it are 1.14 cm."""
    folder = make_session(screen=PLAUSIBLE)
    for distance, status in (("58.3", "PASS"), ("58.4", "FAIL"), ("56.1", "PASS"), ("56.0", "FAIL")):
        rig = write_rig(("distance_cm: 57.2", f"distance_cm: {distance}"))
        assert findings(folder, tmp_path, rig=rig)["distance"].status == status, distance


def test_an_eye_almost_on_the_screen_is_said(make_session, tmp_path, write_rig):
    """16 pixels of .3 mm are 8 degrees from 3.4 cm: no monkey sees anything from there."""
    found = findings(make_session(), tmp_path)["distance"]
    assert (found.status, "3.4 cm" in found.found) == ("WARN", True)
    near = write_rig(("width_cm: 160, distance_cm: 57.2", "width_cm: 9.6, distance_cm: 3.43"))
    real = findings(make_session("b", simulated=False), tmp_path, rig=near)["distance"]
    assert (real.status, real.can_be_overridden, "3.4 cm" in real.found) == ("FAIL", True, True)


def test_the_patch_lies_where_the_photodiode_is_glued(make_session, tmp_path, write_rig):
    folder, rig = make_session(screen=PLAUSIBLE), write_rig()
    assert "20 px, upper right" in findings(folder, tmp_path, rig=rig)["photodiode"].found
    none = write_rig(("{corner: upper_right, side_px: 20}", "null"))
    assert findings(folder, tmp_path, rig=none)["photodiode"].status == "WARN"


def test_a_failed_check_that_is_named_is_overridden_and_the_journal_says_which(make_session, tmp_path, write_rig):
    folder, out = make_session(screen=PLAUSIBLE), tmp_path / "present"
    rig = write_rig(("distance_cm: 57.2", "distance_cm: 60"))
    with pytest.raises(SessionError, match="Or pass --despite distance: the journal and every page will say so"):
        present(folder, out, rig=rig)
    assert not out.exists()
    said = []
    launch = Launch(session=folder, out=out, display="headless", rig=rig, despite=("distance", "disk"))
    run_launch(launch, stop=StopRequest(), on_trial=lambda _state, _time_s: None, on_findings=said.extend)
    opened = read_journal(out / "journal.jsonl").launches[0]
    assert opened.overrides == ("distance",)  # disk did not fail: nothing was overridden
    assert {one.name: one.status for one in said}["distance"] == "FAIL"


def test_the_launch_row_says_rig_plan_and_ports(make_session, tmp_path, write_rig):
    folder, out, rig = make_session(screen=PLAUSIBLE), tmp_path / "present", write_rig()
    present(folder, out, rig=rig)
    opened = read_journal(out / "journal.jsonl").launches[0]
    assert (opened.rig, opened.rig_sha256) == ("rig 2", read_rig(rig)[1])
    assert (opened.reward, opened.recorder, opened.codes, opened.gaze) == ("none", "none", "file", "scripted")
    assert (opened.renderer, opened.gamma, opened.frame_counter) == ("none", "none", "virtual")
    assert opened.plan_sha256 == _sha256(folder / "manifest.json")
    assert opened.is_rehearsal is False


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_codes_leave_by_the_port_that_the_rig_names_whatever_session_json_says(make_session, tmp_path, write_rig):
    ours, theirs = pty.openpty()
    tty.setraw(ours)
    rig = write_rig(("transport: none", f"transport: serial, address: {os.ttyname(theirs)}"))
    folder = make_session(n_presentations=3, screen=PLAUSIBLE, codes={"transport": "file"}, ignore=0.0, leave=0.0)
    assert f"by serial port {os.ttyname(theirs)}" in findings(folder, tmp_path, rig=rig)["codes"].found
    present(folder, tmp_path / "present", rig=rig)
    journal = read_journal(tmp_path / "present" / "journal.jsonl")
    assert journal.launches[0].codes == "serial"
    sent = [row.code for row in journal.rows if isinstance(row, TrialBegun | PresentationBegun)]
    assert sent == [200, 1, 2, 3]
    received = os.read(ours, 100)
    os.close(ours)
    os.close(theirs)
    assert list(received) == sent


def test_a_name_that_is_no_check_suggests_one_and_what_cannot_be_overridden_is_none():
    assert overridable(["refresh", "codes", "refresh"]) == ("refresh", "codes")
    with pytest.raises(OptionError, match=r"--despite refesh: expected one of .* Did you mean refresh\?"):
        overridable(["refesh"])
    for name in (
        "seal",
        "session",
        "images",
        "rig",
        "layout",
        "duration",
        "out",
        "screens",
        "display",
        "gamma",
        "pixels",
    ):
        with pytest.raises(OptionError, match=f"--despite {name}: expected one of"):
            overridable([name])


def test_all_that_stands_against_a_session_is_named_in_one_line():
    found = [
        Finding("codes", "FAIL", "expected a wire, found none", "Plug it in.", can_be_overridden=True),
        Finding("clock", "WARN", "late", "Set it."),
        Finding("gaze", "FAIL", "expected a tracker, found none", "Turn it on.", can_be_overridden=True),
        Finding("seal", "FAIL", "/s: expected a seal, found none", "Copy it.", can_be_overridden=False),
    ]
    with pytest.raises(SessionError) as caught:
        refuse_failures(found, ("gaze", "seal"))
    assert str(caught.value) == (
        "codes: expected a wire, found none. Plug it in. Or pass --despite codes: the journal and every page will say "
        "so. 1 more: seal; `rig check` says what to do."
    )
    assert overrides_of(found, ("gaze", "seal", "codes")) == ("codes", "gaze")
    refuse_failures(found[:3], ("gaze", "codes"))
