"""Each fault is found before the session, with its fix; what stands against a session, `rig present` refuses."""

from __future__ import annotations

import datetime
import os
import pty
import tty
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_rows import PresentationBegun, TrialBegun
from closedloop.artifacts.rig.description import read_rig
from closedloop.errors import OptionError, SessionError
from rig.apparatus import Launch
from rig.check.findings import Finding, failure, overrides_of, refuse_failures
from rig.check.folder import least_duration_s
from rig.check.inspection import Inspection
from rig.check.machine import judge_calibration, judge_clock, judge_room
from rig.check.printed import closing_line, table_lines
from rig.check.run import run_checks
from rig.check.screen import judge_refresh
from rig.check.table import CHECKS, check_before, look, overridable
from rig.display.display import DisplayFacts, Flip
from rig.display.fitness import refuse_unfit
from rig.launch import run_launch
from rig.ports.recorders.growth import growing, sizes_of
from rig.ports.system_clock import ClockStatus
from rig.session.folder import open_session
from rig.session.hold import hold, new_holder, session_name
from rig.stop import StopRequest
from tests.unit.rig.conftest import seal

PLAUSIBLE = {"cm_per_px": 0.5}  # 16 pixels are 8 degrees from 57.2 cm
WIRED = """
name: rig 2
subject_screen: {screen: 0, width_px: 320, height_px: 240, refresh_hz: 59.94, width_cm: 160, distance_cm: 57.2}
operator_screen: null
photodiode: {corner: upper_right, side_px: 20}
codes: {transport: none}
gaze: {source: scripted}
reward: {device: none}
recorder: {kind: none}
"""


def findings(folder, tmp_path, **options):
    launch = Launch(session=folder, out=tmp_path / "present", display="headless", **options)
    return {one.name: one for one in run_checks(launch)}


def present(folder, out, **options):
    launch = Launch(session=folder, out=out, display="headless", **options)
    return run_launch(launch, stop=StopRequest(), on_trial=lambda _state, _time_s: None)


def row(name):
    return next(one for one in CHECKS if one.name == name)


@pytest.fixture
def write_rig(tmp_path):
    """Write a rig's description, with changes of its text."""

    def write(*changes):
        text = WIRED
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "rig.yaml"
        path.write_text(text)
        return path

    return write


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


# A session with an animal


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


# Overrides


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


# What is judged from numbers


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


class Fake:
    """A display of which only what it found out is asked."""

    name = "psychopy"

    def __init__(self, wrong=(), **changes):
        self.facts, self.wrong = facts(**changes), wrong

    def health(self):
        return self.wrong


def looked(make_session, tmp_path, row_name, display, **session):
    launch = Launch(session=make_session(**session), out=tmp_path / "present", display="psychopy")
    return look(row(row_name), Inspection(launch, session=open_session(launch.session), display=display))


@pytest.mark.parametrize(
    ("name", "display", "status"),
    [
        ("gamma", Fake(), "PASS"),
        ("gamma", Fake(gamma="not readable"), "WARN"),
        ("gamma", Fake(gamma="not identity"), "FAIL"),
        ("grey", Fake(), "PASS"),
        ("grey", Fake(grey_level=128), "FAIL"),
        ("priority", Fake(), "PASS"),
        ("priority", Fake(priority=False), "WARN"),
    ],
)
def test_a_display_is_judged_by_what_it_found_out(make_session, tmp_path, name, display, status):
    found = looked(make_session, tmp_path, name, display)
    assert (found.status, bool(found.fix)) == (status, status != "PASS")


def flips(frames):
    """Return times of flips that lasted so many frames of a screen of 60 Hz."""
    return (np.concatenate([[0], np.cumsum(frames)]) / 60.0).tolist()


def test_a_screen_that_doubles_one_frame_in_twenty_fails_though_its_median_is_right():
    doubling = judge_refresh(flips(([1] * 19 + [2]) * 30), facts(), wanted_hz=60.0)
    assert doubling.status == "FAIL"
    assert "60.00 Hz over 10.5 s, 30 of 600 intervals longer than a frame" in doubling.found
    assert judge_refresh(flips([1] * 600), facts(), wanted_hz=60.0).status == "PASS"
    single = judge_refresh(flips([1] * 599 + [2]), facts(), wanted_hz=60.0)
    assert (single.status, "1 of 600" in single.found) == ("WARN", True)


def test_a_screen_at_half_its_rate_and_one_that_was_watched_for_a_moment_fail():
    assert judge_refresh(flips([2] * 600), facts(), wanted_hz=60.0).status == "FAIL"
    assert judge_refresh(flips([1] * 120), facts(), wanted_hz=60.0).status == "FAIL"


def test_flips_that_a_timer_paces_are_no_pass():
    found = judge_refresh(flips([1] * 600), facts(pacing="timer"), wanted_hz=60.0)
    assert (found.status, "no vertical blank" in found.found) == ("WARN", True)


class Flipping(Fake):
    """A display whose flips last the given frames, over and over."""

    refresh_hz = 60.0

    def __init__(self, frames):
        super().__init__()
        self.frames, self.n, self.time_s = frames, 0, 0.0

    def flip(self, picture):
        n_frames = self.frames[self.n % len(self.frames)]
        self.n, self.time_s = self.n + 1, self.time_s + n_frames / 60.0
        return Flip(self.time_s, n_frames)


def test_the_display_is_watched_for_ten_seconds_and_a_stop_ends_it(make_session, tmp_path, write_rig):
    launch = Launch(session=make_session(screen=PLAUSIBLE), out=tmp_path, display="psychopy", rig=write_rig())
    at = Inspection(launch, list_screens=tuple)
    check_before(at)
    at.display = Flipping([1])
    assert look(row("refresh"), at).status == "PASS"
    assert at.display.n == 601
    at.display = Flipping([1] * 19 + [2])
    assert (look(row("refresh"), at).status, look(row("refresh"), at).can_be_overridden) == ("FAIL", True)
    at.stop.ask()
    assert look(row("refresh"), at).status == "WARN"


def test_a_window_that_nobody_can_watch_is_no_pass(make_session, tmp_path):
    assert looked(make_session, tmp_path, "window", Fake()).status == "WARN"
    assert looked(make_session, tmp_path, "window", Fake(is_watched=True), name="b").status == "PASS"
    drawn_anew = looked(make_session, tmp_path, "window", Fake(is_watched=True, has_compositor=True), name="e")
    assert (drawn_anew.status, "effects" in drawn_anew.found) == ("WARN", True)
    covered = Fake(("the window is covered by a dialog: close it",), is_watched=True)
    assert looked(make_session, tmp_path, "window", covered, name="c").status == "WARN"
    real = looked(make_session, tmp_path, "window", covered, name="d", simulated=False)
    assert (real.status, real.can_be_overridden, "covered by a dialog" in real.found) == ("FAIL", True, True)


@pytest.mark.parametrize(
    ("when", "status", "said"),
    [
        ("2026-03-02", "PASS", "today"),
        ("2026-03-01", "WARN", "1 day old"),
        ("2026-01-01", "WARN", "60 days old"),
        ("2026-03-03", "FAIL", "expected a date in the past, found 2026-03-03 on 2026-03-02"),
        (None, "WARN", "does not say when"),
    ],
)
def test_a_calibration_has_an_age(when, status, said):
    date = datetime.date.fromisoformat(when) if when else None
    found = judge_calibration(date, datetime.date(2026, 3, 2), most_days=1, key="gaze")
    assert (found if isinstance(found, str) else found.found).find(said) >= 0
    assert ("PASS" if isinstance(found, str) else found.status) == status


def test_a_recording_needs_room_for_its_spikes_and_more_for_raw_voltage():
    """Two hours: 2 GB of spikes, 56 GB of 128 channels at 30 kHz."""
    judged = [judge_room(free_gb, hours=2.0, at=Path("/data")) for free_gb in (1.9, 2.1, 55.0, 57.0)]
    assert ["PASS" if isinstance(one, str) else one.status for one in judged] == ["FAIL", "WARN", "WARN", "PASS"]


def test_a_clock_that_nobody_sets_or_that_was_moved_is_said():
    good = ClockStatus(is_synchronised=True, error_ms=3.0)
    assert isinstance(judge_clock(good, step_ms=0.1, watched_s=11.0), str)
    for doubtful in (
        judge_clock(good, step_ms=500.0, watched_s=11.0),
        judge_clock(ClockStatus(is_synchronised=False, error_ms=16_000.0), step_ms=0.0, watched_s=11.0),
        judge_clock(None, step_ms=0.0, watched_s=11.0),
    ):
        assert doubtful.status == "WARN"


def test_a_recording_is_seen_by_its_files_that_grow(tmp_path):
    old, inside = tmp_path / "old.nev", tmp_path / "today" / "array1.nev"
    inside.parent.mkdir()
    for path in (old, inside):
        path.write_bytes(b"1234")
    before = sizes_of(tmp_path)
    inside.write_bytes(b"12345")
    (tmp_path / "today" / "array1.ns6").write_bytes(b"1")
    assert growing(before, sizes_of(tmp_path)) == [inside, inside.with_suffix(".ns6")]
    assert sizes_of(tmp_path / "nowhere") == {}


def test_a_recording_that_does_not_grow_fails_with_an_animal(make_session, tmp_path, write_rig):
    folder = tmp_path / "recordings"
    folder.mkdir()
    rig = write_rig(("recorder: {kind: none}", f"recorder: {{kind: by_hand, folder: {folder}}}"))
    launch = Launch(session=make_session(simulated=False, screen=PLAUSIBLE), out=tmp_path, display="psychopy", rig=rig)
    at = Inspection(launch, list_screens=tuple)
    check_before(at)
    assert look(row("recorder"), at).status == "WARN"  # it was looked at for a moment alone
    at.began_s -= 10.0
    assert look(row("recorder"), at).status == "FAIL"
    (folder / "a.nev").write_bytes(b"1")
    assert look(row("recorder"), at).found == f"a.nev grows in {folder}"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_fails(make_session, tmp_path):
    (tmp_path / "present").mkdir(mode=0o500)
    found = findings(make_session(screen=PLAUSIBLE), tmp_path)["out"]
    assert (found.status, found.can_be_overridden) == ("FAIL", False)


def test_another_sessions_journal_and_another_rig_at_work_are_found_by_the_check(make_session, tmp_path):
    folder, other = make_session(screen=PLAUSIBLE), make_session("b", session_id="other", screen=PLAUSIBLE)
    assert "none yet" in findings(folder, tmp_path)["journal"].found
    present(other, tmp_path / "present")
    found = findings(folder, tmp_path)["journal"]
    assert (found.status, "found that of other" in found.found) == ("FAIL", True)
    assert "12 of 12 presentations accepted" in findings(other, tmp_path)["journal"].found
    opened = open_session(folder)
    assert findings(folder, tmp_path)["other-rigs"].status == "PASS"
    with hold(session_name(opened, is_real=False), new_holder("study/day-00", tmp_path)):
        found = findings(folder, tmp_path)["other-rigs"]
        opened = findings(folder, tmp_path)["display"]
    assert (found.status, "expected no other rig at work on it, found process" in found.found) == ("FAIL", True)
    assert (opened.status, opened.fix) == ("FAIL", "See other-rigs.")


def test_a_file_in_the_place_of_the_folder_fails_and_trying_leaves_nothing(make_session, tmp_path):
    folder, place = make_session(screen=PLAUSIBLE), tmp_path / "present"
    place.write_text("")
    assert findings(folder, tmp_path)["out"].status == "FAIL"
    place.unlink()
    place.mkdir()
    assert findings(folder, tmp_path)["out"].status == "PASS"
    assert not list(place.iterdir())


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


# How it is read


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
