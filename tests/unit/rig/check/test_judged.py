"""What is judged from numbers: the display, the clock, a calibration's age, room, files that grow."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import numpy as np
import pytest

from closedloop.errors import SessionError
from rig.apparatus import Launch
from rig.check.inspection import Inspection
from rig.check.machine import judge_calibration, judge_clock, judge_room
from rig.check.screen import judge_refresh
from rig.check.table import check_before, look
from rig.display.display import DisplayFacts, Flip
from rig.display.fitness import refuse_unfit
from rig.ports.recorders.growth import growing, sizes_of
from rig.ports.system_clock import ClockStatus
from rig.session.folder import open_session
from rig.session.hold import hold, new_holder, session_name
from tests.unit.rig.check.asked import PLAUSIBLE, findings, present, row


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
