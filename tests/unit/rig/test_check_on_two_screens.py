"""`rig devices`, `rig init`, `rig check` and `rig present` as an operator runs them, on a desktop with two screens."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.rig.description import read_rig
from tests.equipment.two_heads import SUBJECT

pytestmark = [pytest.mark.slow, pytest.mark.display]

RULED = ["--screen", "1", "--width-cm", "40", "--distance-cm", "80.09", "--photodiode", "upper_right 24"]
RULED += ["--codes", "none", "--gaze", "none", "--recorder", "none"]
LOOKED_AT = ("screens", "display", "grey", "gamma", "pixels", "window", "screen-saver")


@pytest.fixture
def rig(two_heads):
    """Run the command on the desktop with two screens."""

    def run(*arguments):
        command = [sys.executable, "-W", "ignore", "-m", "rig", *map(str, arguments)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=two_heads.environment,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture
def described(rig, tmp_path):
    """Return a description of this desktop's rig, as `rig init` proposes it."""
    path = tmp_path / "rig.yaml"
    done = rig("init", path, *RULED, "--refresh-hz", "60")
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def session(make_session):
    """Return a session for the second screen: 112 pixels of 2 x .5 mm are 8 degrees from 80.1 cm."""
    screen = {"width_px": 800, "height_px": 600, "full_screen": True, "cm_per_px": 0.05, "image_scale": 2}
    return make_session(n_presentations=6, side_px=112, screen=screen, ignore=0.0, leave=0.0)


def checked(rig, session, described):
    done = rig("check", session, "--rig", described, "--json")
    return done.returncode, {one["name"]: one for one in json.loads(done.stdout)}


def test_the_second_screen_is_found_and_described_as_the_animals(rig, described):
    found = json.loads(rig("devices", "--json").stdout)
    assert [one["number"] for one in found if one["kind"] == "screen"] == ["0", "1"]
    written, _ = read_rig(described)
    assert (written.subject_screen.screen, written.operator_screen.screen) == (1, 0)
    assert (written.subject_screen.width_px, written.subject_screen.height_px) == (800, 600)


def test_everything_about_the_screen_is_looked_at_and_a_session_is_shown_on_it(rig, described, session, tmp_path):
    code, found = checked(rig, session, described)
    assert {name: found[name]["status"] for name in LOOKED_AT} == dict.fromkeys(LOOKED_AT, "PASS")
    assert "read back from the screen" in found["pixels"]["found"]
    assert "(800, 0)" in found["screens"]["found"]
    assert found["refresh"]["status"] != "PASS"  # nothing waits for a vertical blank here
    assert code == (1 if found["refresh"]["status"] == "FAIL" else 0)
    despite = ["--despite", "refresh"]  # a busy machine misses frames
    done = rig("present", session, "--rig", described, "--out", tmp_path / "present", *despite)
    assert done.returncode == 0, done.stderr
    opened = read_journal(tmp_path / "present" / "journal.jsonl").launches[0]
    assert (opened.rig_sha256, opened.gamma) == (read_rig(described)[1], "identity")


def test_a_foreign_gamma_ramp_stops_check_and_session(rig, described, session, tmp_path, two_heads):
    two_heads.set_ramp(SUBJECT, 2.2)
    code, found = checked(rig, session, described)
    assert code == 1
    assert "expected the identity as gamma ramp" in found["display"]["found"]
    done = rig("present", session, "--rig", described, "--out", tmp_path / "present")
    assert done.returncode == 1
    assert "xgamma -gamma 1" in done.stderr
    assert not (tmp_path / "present").exists()
