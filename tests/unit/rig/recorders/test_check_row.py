"""What `rig check` says of a recorder, and how `rig present` begins with it."""

from __future__ import annotations

import pytest

from rig.apparatus import Launch
from rig.check.inspection import Inspection
from rig.check.ports.recorder import begin_recording
from rig.check.table import CHECKS, check_before, look
from rig.operator.opening import PanelChoice
from rig.ports.recorders.by_hand import HandRecorder
from rig.ports.recorders.port import NoRecorder

PLAUSIBLE = {"cm_per_px": 0.5}  # 16 pixels are 8 degrees from 57.2 cm
RIG = """\
format_version: 1
kind: rig
name: "rig 1"
subject_screen: {{screen: 0, width_px: 320, height_px: 240, refresh_hz: 60, width_cm: 160, distance_cm: 57.2}}
photodiode: {{corner: lower_left, side_px: 24}}
codes: {{transport: {codes}}}
gaze: {{source: none}}
reward: {{device: none}}
recorder: {recorder}
"""
ROWS = {one.name: one for one in CHECKS}


@pytest.fixture
def inspect(make_session, tmp_path):
    """Return a function that gives an inspection of a session with an animal on a screen; what it opens is closed."""
    opened = []

    def inspected(recorder, *, codes="none", only_checks=False, **launch):
        (tmp_path / "rig.yaml").write_text(RIG.format(recorder=recorder, codes=codes))
        session = tmp_path / "schedule"
        if not session.exists():
            make_session(simulated=False, screen=PLAUSIBLE, session_id="apples-day-03")
        choice = Launch(session, tmp_path / "out", "psychopy", rig=tmp_path / "rig.yaml", **launch)
        at = Inspection(choice, list_screens=tuple, only_checks=only_checks)
        check_before(at)
        opened.append(at.stack)
        return at

    yield inspected
    for stack in opened:
        stack.close()


def blackrock(central, *, folder=True):
    return f"{{kind: blackrock, device: NSP, folder: {central.folder if folder else 'null'}}}"


def checked(at, name="recorder"):
    return look(ROWS[name], at)


class TestBlackrock:
    @pytest.mark.slow  # a second and a half until a file is known to have ended
    def test_passes_a_check_by_packets_and_a_file_that_grew_and_ended(self, inspect, central):
        with central.alive():
            found = checked(inspect(blackrock(central), only_checks=True))
        (file,) = central.folder.iterdir()
        assert file.name.startswith("rig-check_launch-1_part-1_")  # nobody takes it for the session's
        assert found.status == "PASS"
        assert f"packets come from NSP, and {file.name} grows" in found.found
        assert found.found.endswith("has ended")
        assert (central.comments, central.recording) == (["rig-check", "rig-check"], "")

    def test_is_a_doubt_where_its_folder_is_not_seen(self, inspect, central):
        with central.alive():
            found = checked(inspect(blackrock(central, folder=False), only_checks=True))
        assert found.status == "WARN"
        assert "packets come from NSP; whether a file grows cannot be seen from this computer" in found.found
        assert "or set recorder.folder in rig.yaml" in found.fix

    @pytest.mark.parametrize("only_checks", [True, False])
    def test_that_is_not_there_fails_its_own_check_alone(self, only_checks, inspect, central):
        central.is_plugged = False
        at = inspect(blackrock(central), only_checks=only_checks)
        codes = checked(at, "codes")
        assert "expected digital codes to reach the recorder, found none" in codes.found
        found = checked(at)
        assert (found.status, found.can_be_overridden) == ("FAIL", True)
        assert found.found.startswith("expected NSP to answer, found: Failed to create session")
        assert "Look at its power, its cable and Central" in found.fix
        assert isinstance(at.recorder, NoRecorder)
        assert begin_recording(at) == (None, ())  # --despite recorder: nobody is told

    def test_without_its_library_fails_with_what_to_do(self, inspect, central):
        central.has_library = False
        found = checked(inspect(blackrock(central)))
        assert (found.status, "glibc 2.39" in found.fix) == ("FAIL", True)

    def test_begins_with_the_session_under_its_name(self, inspect, central):
        at = inspect(blackrock(central))
        assert checked(at) is None  # what a check would record is recorded at once, and looked at
        with central.alive():
            plan, (found,) = begin_recording(at)
            assert (found.name, found.status) == ("recorder", "PASS")
            assert central.recording.startswith("apples-day-03_launch-1_part-1_")
            assert (plan.begun.by, at.recorder.take.session_id) == ("packets_and_file", "apples-day-03")
            at.stack.close()
        assert (central.recording, central.open_sessions) == ("", 0)

    @pytest.mark.slow  # two seconds without a packet
    def test_that_falls_silent_refuses_the_session_unless_overridden(self, inspect, central):
        at = inspect(blackrock(central))
        assert checked(at) is None
        central.is_plugged = False
        plan, (found,) = begin_recording(at)
        assert (plan, found.status, found.can_be_overridden) == (None, "FAIL", True)
        assert "expected packets from NSP, found none in 2 s" in found.found
        # Overridden, the session is shown without a recorder that would pause it at its first flip.
        assert (at.recorder.name, central.open_sessions) == ("none", 0)

    def test_hears_codes_as_comments(self, inspect, central):
        at = inspect(blackrock(central), codes="comment")
        assert checked(at, "codes").status == "PASS"
        at.codes.send(200)
        assert central.comments == ["code 200"]

    def test_is_let_alone_by_a_rehearsal(self, inspect, central):
        at = inspect(blackrock(central), is_rehearsal=True)
        assert (checked(at).status, begin_recording(at), central.open_sessions) == ("WARN", (None, ()), 0)

    def test_a_session_whose_name_is_longer_than_a_comment_is_refused(self, inspect, central, make_session):
        make_session(simulated=False, screen=PLAUSIBLE, session_id="a" * 121 + "-day-03")
        assert "Shorten the session's name" in checked(inspect(blackrock(central), only_checks=True)).fix
        at = inspect(blackrock(central))
        _, (found,) = begin_recording(at)
        assert (found.status, "expected at most 127 bytes, found 128" in found.found) == ("FAIL", True)
        assert "start" not in {words[0] for words in central.orders}


class TestByHand:
    def test_is_asked_for_where_somebody_watches(self, inspect, central):
        at = inspect(f"{{kind: by_hand, folder: {central.folder}}}", panel=PanelChoice("terminal"))
        assert checked(at) is None
        plan, found = begin_recording(at)
        assert (type(at.recorder), plan.begun, found) == (HandRecorder, None, ())

    @pytest.mark.parametrize("only_checks", [True, False])
    def test_is_not_waited_for_where_nobody_does(self, only_checks, inspect):
        at = inspect("{kind: by_hand}", only_checks=only_checks)
        assert checked(at).status == "WARN"
        assert begin_recording(at) == (None, ())

    def test_is_not_asked_for_by_a_check(self, inspect):
        at = inspect("{kind: by_hand}", only_checks=True, panel=PanelChoice("terminal"))
        assert "cannot be seen from here" in checked(at).found
