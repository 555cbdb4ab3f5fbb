"""Each fault is found before the session, with its fix."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.errors import SessionError
from rig.apparatus import Launch
from rig.check import failure, judge_display, least_duration_s, run_checks
from rig.display.display import DisplayFacts
from rig.display.fitness import refuse_unfit
from rig.launch import run_launch
from rig.session.folder import open_session
from rig.stop import StopRequest
from tests.unit.rig.conftest import seal


def findings(folder, tmp_path, **options):
    return {c.name: c for c in run_checks(folder, display="headless", out=tmp_path / "present", **options)}


def test_a_good_folder_passes_everything(make_session, tmp_path):
    found = findings(make_session(), tmp_path)
    assert {c.status for c in found.values()} == {"PASS"}
    assert list(found) == ["seal", "session", "images", "timing", "layout", "codes", "disk", "display", "duration"]


def test_every_finding_but_a_pass_says_what_to_do(make_session, tmp_path):
    folder = make_session(screen={"refresh_hz": 85.0, "image_scale": 20}, codes={"transport": "serial"})
    found = findings(folder, tmp_path)
    assert {name: c.status for name, c in found.items() if c.fix} == {
        "timing": "WARN",
        "layout": "FAIL",
        "codes": "FAIL",
    }


def test_six_frames_are_whole_milliseconds_at_60_hz_and_not_at_85(make_session, tmp_path):
    assert "100.00 and 100.00 ms at 60 Hz" in findings(make_session(), tmp_path)["timing"].found
    assert (
        "70.59 and 70.59 ms at 85 Hz"
        in findings(make_session("b", screen={"refresh_hz": 85.0}), tmp_path)["timing"].found
    )


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
    failed = [c for c in run_checks(folder, display="headless", out=out) if c.status == "FAIL"]
    assert [c.name for c in failed] == [name]
    launch = Launch(session=folder, out=out, display="headless")
    with pytest.raises(SessionError) as caught:
        run_launch(launch, stop=StopRequest(), on_trial=lambda _state, _time_s: None)
    assert str(caught.value) == f"{failed[0].found}. {failed[0].fix}"
    assert not out.exists()


def test_other_images_than_the_plans_are_not_presented(make_session, tmp_path):
    folder = make_session()
    images = np.load(folder / "images.npy")
    images[4, 3, 2, 1] ^= 1
    np.save(folder / "images.npy", images)
    seal(folder)
    launch = Launch(session=folder, out=tmp_path / "present", display="headless")
    with pytest.raises(SessionError, match=r"1 of 6 images are not those of their stimulus_id \(first: image 4\)"):
        run_launch(launch, stop=StopRequest(), on_trial=lambda _state, _time_s: None)
    assert not launch.out.exists()


def test_an_image_that_is_not_its_stimulus_id_fails(make_session, tmp_path):
    folder = make_session()
    images = np.load(folder / "images.npy")
    images[4, 3, 2, 1] ^= 1
    np.save(folder / "images.npy", images)
    found = findings(folder, tmp_path)
    assert (found["seal"].status, found["images"].status) == ("FAIL", "FAIL")
    assert "1 of 6 images are not those of their stimulus_id (first: image 4)" in found["images"].found


def test_a_folder_that_is_none_fails_without_raising(tmp_path):
    found = findings(tmp_path / "nowhere", tmp_path)
    assert {name: c.status for name, c in found.items()} == {"seal": "FAIL", "session": "FAIL"}
    assert all(c.fix for c in found.values())


def test_a_finding_does_not_name_its_place_twice():
    found = failure("display", SessionError("display: expected a screen, found none. Log in at the rig's screen."))
    assert (found.found, found.fix) == ("expected a screen, found none", "Log in at the rig's screen.")


def test_the_least_duration_counts_hold_images_and_intervals(make_session):
    session = open_session(make_session(n_presentations=12))
    # 4 trials of 10 frames hold and 30 frames interval, 12 presentations of 12 frames, at 60 Hz
    assert least_duration_s(session) == pytest.approx((4 * 40 + 144) / 60)


def facts(**changes):
    fields = {
        "renderer": "card",
        "width_px": 320,
        "height_px": 240,
        "measured_hz": 60.0,
        "pacing": "vblank",
        "gamma": "identity",
        "grey_level": 127,
        "priority": True,
    }
    return DisplayFacts(**fields | changes)


def test_a_fit_display_passes():
    assert {c.status for c in judge_display(facts(), refresh_hz=60.0)} == {"PASS"}


@pytest.mark.parametrize(
    ("change", "name"),
    [({"pacing": "timer"}, "refresh"), ({"gamma": "not readable"}, "gamma"), ({"priority": False}, "priority")],
)
def test_what_is_doubtful_about_a_display_is_a_warning_with_a_fix(change, name):
    warned = [c for c in judge_display(facts(**change), refresh_hz=60.0) if c.status == "WARN"]
    assert [c.name for c in warned] == [name]
    assert warned[0].fix


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width_px": 1920}, "expected 320 x 240 pixels, found 1920 x 240"),
        ({"grey_level": 128}, "expected a background of 127, found 128"),
        ({"grey_level": None}, "found several levels"),
        ({"gamma": "not identity"}, "expected the identity as gamma ramp"),
    ],
)
def test_a_silent_substitution_of_the_display_is_an_error(make_session, change, message):
    screen = open_session(make_session()).document.screen
    refuse_unfit(facts(), screen)
    with pytest.raises(SessionError, match=message):
        refuse_unfit(facts(**change), screen)
