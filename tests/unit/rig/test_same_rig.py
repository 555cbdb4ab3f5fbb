"""A session goes on where it was begun: another rig, a changed one or none is told of before anything is shown."""

from __future__ import annotations

import pytest

from closedloop.artifacts.day.journal import read_journal
from closedloop.errors import SessionError
from rig.apparatus import Launch
from rig.check.findings import refuse_failures
from rig.check.inspection import Inspection
from rig.check.run import run_checks
from rig.check.table import CHECKS, check_before, look
from rig.launch import run_launch
from rig.stop import StopRequest

PLAUSIBLE = {"cm_per_px": 0.5}  # 16 pixels are 8 degrees from 57.2 cm
RIG = """
name: {name}
subject_screen: {{screen: 0, width_px: 320, height_px: 240, refresh_hz: 60, width_cm: 160, distance_cm: {distance_cm}}}
photodiode: {{corner: upper_right, side_px: 20}}
codes: {{transport: none}}
gaze: {{source: {gaze}}}
reward: {{device: none}}
recorder: {{kind: none}}
"""


@pytest.fixture
def write_rig(tmp_path):
    """Write a rig's description."""

    def write(file, *, name="rig A", distance_cm=57.2, gaze="scripted"):
        path = tmp_path / file
        path.write_text(RIG.format(name=name, distance_cm=distance_cm, gaze=gaze))
        return path

    return write


@pytest.fixture
def go_on(make_session, tmp_path):
    """Begin a session with one choice, then go on with another; return what the checks said before that."""
    folder, out = make_session(screen=PLAUSIBLE), tmp_path / "present"

    def present(stop_after=None, **options):
        stop, said = StopRequest(), {}

        def on_trial(state, _now_s):
            if stop_after is not None and state.next_trial >= stop_after:
                stop.ask()

        run_launch(
            Launch(session=folder, out=out, display="headless", **options),
            stop=stop,
            on_trial=on_trial,
            on_findings=lambda findings: said.update({one.name: one for one in findings}),
        )
        return said

    def go_on(first, then):
        assert "same-rig" not in present(stop_after=1, **first)
        checks = run_checks(Launch(session=folder, out=out, display="headless", **then))
        said = present(resume=True, **then)
        asked = {one.name: one for one in checks}
        assert asked.get("same-rig") == said.get("same-rig")
        return said.get("same-rig")

    return go_on


def test_the_rig_that_it_was_begun_on_passes(go_on, write_rig):
    rig = write_rig("rig.yaml")
    found = go_on({"rig": rig}, {"rig": rig})
    assert (found.status, found.found) == ("PASS", "rig A, described as at the session's last launch")


def test_a_description_that_was_changed_since_is_told_of(go_on, write_rig):
    rig = write_rig("rig.yaml")
    found = go_on({"rig": rig}, {"rig": write_rig("changed.yaml", distance_cm=57.3)})
    assert (found.status, "was changed since the session's last launch" in found.found) == ("WARN", True)


def test_another_rig_is_told_of(go_on, write_rig):
    found = go_on({"rig": write_rig("rig.yaml")}, {"rig": write_rig("other.yaml", name="rig B")})
    assert found.status == "WARN"
    assert found.found.startswith("expected rig A, as at the session's last launch, found rig B in ")


def test_a_rig_left_out_is_told_of(go_on, write_rig):
    found = go_on({"rig": write_rig("rig.yaml")}, {})
    assert (found.status, "found no rig (--rig)" in found.found) == ("WARN", True)


def test_a_session_that_was_begun_without_a_rig_may_go_on_without_one(go_on):
    assert go_on({}, {}) is None


def test_nothing_to_go_on_with_is_said_for_the_journal_may_be_elsewhere(make_session, tmp_path):
    said = []
    launch = Launch(session=make_session(screen=PLAUSIBLE), out=tmp_path / "other", display="headless", resume=True)
    run_launch(launch, stop=StopRequest(), on_trial=lambda _state, _now_s: None, on_findings=said.extend)
    [found] = [one for one in said if one.name == "journal"]
    assert (found.status, "begins at its first presentation" in found.found) == ("WARN", True)


def test_a_rig_for_a_session_that_was_begun_without_one_is_told_of(go_on, write_rig):
    found = go_on({}, {"rig": write_rig("rig.yaml")})
    assert (found.status, "had no rig, this one has rig A" in found.found) == ("WARN", True)


def test_a_session_with_an_animal_is_refused_on_another_rig_unless_somebody_says_so(
    make_session, go_on, write_rig, tmp_path
):
    go_on({"rig": write_rig("rig.yaml")}, {"rig": write_rig("rig.yaml")})
    real = make_session("real", screen=PLAUSIBLE, simulated=False)
    launch = Launch(session=real, out=tmp_path / "b", display="psychopy", rig=write_rig("other.yaml", name="rig B"))
    at = Inspection(launch, list_screens=tuple)
    check_before(at)
    at.launches = read_journal(tmp_path / "present" / "journal.jsonl").launches
    found = look(next(one for one in CHECKS if one.name == "same-rig"), at)
    assert (found.status, found.can_be_overridden) == ("FAIL", True)
    with pytest.raises(SessionError, match="--despite same-rig"):
        refuse_failures([found], ())
    refuse_failures([found], ("same-rig",))
