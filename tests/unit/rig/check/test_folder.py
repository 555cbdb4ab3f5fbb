"""Each fault of a session's folder is found before the session, with its fix, and the findings are read in a table."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.errors import SessionError
from rig.check.findings import Finding, failure
from rig.check.folder import least_duration_s
from rig.check.printed import closing_line, table_lines
from rig.check.table import CHECKS
from rig.session.folder import open_session
from tests.unit.rig.check.asked import PLAUSIBLE, findings, present
from tests.unit.rig.conftest import seal


def test_a_good_folder_passes_everything(make_session, tmp_path):
    found = findings(make_session(screen=PLAUSIBLE), tmp_path)
    assert {one.status for one in found.values()} == {"PASS"}
    assert list(found) == [
        *("seal", "session", "images", "rig", "timing", "layout", "duration", "distance", "photodiode", "out"),
        *("journal", "other-rigs", "disk"),
        *("codes", "display", "gaze"),
    ]


def test_every_finding_but_a_pass_says_what_to_do(make_session, tmp_path):
    found = findings(make_session(screen={"refresh_hz": 85.0, "image_scale": 20}), tmp_path)
    assert {name: one.status for name, one in found.items() if one.fix} == {"timing": "WARN", "layout": "FAIL"}


def test_no_two_checks_have_a_name_and_each_says_what_it_asks():
    assert len({one.name for one in CHECKS}) == len(CHECKS)
    assert all(one.asks and one.name == one.name.lower() for one in CHECKS)


def test_six_frames_are_whole_milliseconds_at_60_hz_and_not_at_85(make_session, tmp_path):
    assert "100.00 and 100.00 ms at 60 Hz" in findings(make_session(), tmp_path)["timing"].found
    slow = findings(make_session("b", screen={"refresh_hz": 85.0}), tmp_path)
    assert "70.59 and 70.59 ms at 85 Hz" in slow["timing"].found


IMPOSSIBLE = {
    "an image larger than the screen": ({"screen": {"image_scale": 900}}, "layout"),
    "a patch larger than the screen": ({"screen": {"photodiode_px": 30_000}}, "layout"),
    "a screen before the eye": ({"screen": {"cm_per_px": 0.0006}}, "layout"),
    "a point larger than the screen": ({"trial": {"fixation_dot_px": 20_000}}, "layout"),
    "a session of days": (
        {"trial": {"intertrial_ms": 600_000.0, "presentations_per_trial": 1}, "n_presentations": 150},
        "duration",
    ),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_what_a_check_refuses_is_not_presented_and_leaves_nothing(make_session, tmp_path, what):
    settings, name = IMPOSSIBLE[what]
    folder, out = make_session(**settings), tmp_path / "present"
    failed = [one for one in findings(folder, tmp_path).values() if one.status == "FAIL"]
    assert [one.name for one in failed] == [name]
    assert not failed[0].can_be_overridden
    with pytest.raises(SessionError) as caught:
        present(folder, out)
    assert str(caught.value) == f"{failed[0].found}. {failed[0].fix}"
    assert not out.exists()


@pytest.fixture
def changed_image(make_session):
    """Return a session folder of which one value of one pixel is another than planned."""
    folder = make_session()
    images = np.load(folder / "images.npy")
    images[4, 3, 2, 1] ^= 1
    np.save(folder / "images.npy", images)
    return folder


def test_other_images_than_the_plans_are_not_presented(changed_image, tmp_path):
    seal(changed_image)
    with pytest.raises(SessionError, match=r"1 of 6 images are not those of their stimulus_id \(first: image 4\)"):
        present(changed_image, tmp_path / "present")
    assert not (tmp_path / "present").exists()


def test_an_image_that_is_not_its_stimulus_id_fails(changed_image, tmp_path):
    found = findings(changed_image, tmp_path)
    assert (found["seal"].status, found["images"].status) == ("FAIL", "FAIL")
    assert "1 of 6 images are not those of their stimulus_id (first: image 4)" in found["images"].found


def test_a_folder_that_is_none_fails_without_raising(tmp_path):
    found = findings(tmp_path / "nowhere", tmp_path)
    assert {name: one.status for name, one in found.items()} == {"seal": "FAIL", "session": "FAIL"}
    assert all(one.fix for one in found.values())


def test_a_finding_does_not_name_its_place_twice():
    found = failure("display", SessionError("display: expected a screen, found none. Log in at the rig's screen."))
    assert (found.found, found.fix) == ("expected a screen, found none", "Log in at the rig's screen.")


def test_the_least_duration_counts_hold_images_and_intervals(make_session):
    session = open_session(make_session(n_presentations=12))
    # 4 trials of 10 frames hold and 30 frames interval, 12 presentations of 12 frames, at 60 Hz
    assert least_duration_s(session) == pytest.approx((4 * 40 + 144) / 60)


def test_the_table_has_the_worst_last_and_one_closing_line():
    found = [
        Finding("gamma", "FAIL", "expected the identity, found another", "Reset it."),
        Finding("seal", "PASS", "unchanged"),
        Finding("clock", "WARN", "not set", "Set it."),
    ]
    assert [line for _, line in table_lines(found)] == [
        "PASS  seal   unchanged",
        "WARN  clock  not set",
        "             fix: Set it.",
        "FAIL  gamma  expected the identity, found another",
        "             fix: Reset it.",
    ]
    assert closing_line(found) == "Not to be shown: 1 FAIL (gamma), 1 WARN (clock) for you to judge, 1 PASS."
    assert closing_line(found[1:2]) == "Can be shown: no FAIL, no WARN, 1 PASS."


def test_a_narrow_terminal_breaks_lines_within_their_column():
    found = [Finding("gamma", "FAIL", "expected " + "word " * 20, "Reset it.")]
    lines = [line for _, line in table_lines(found, width=60)]
    assert all(len(line) <= 60 for line in lines)
    assert all(line.startswith(" " * 13) for line in lines[1:])
