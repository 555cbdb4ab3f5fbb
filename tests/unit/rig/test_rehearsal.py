"""A rehearsal: what it measures is what happened, its report needs nothing else, and it is never data."""

from __future__ import annotations

import re
from array import array
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from closedloop.artifacts.day.doubts import refuse_rehearsal, unvouched
from closedloop.artifacts.day.journal import read_journal
from closedloop.errors import SessionError
from rig.apparatus import Launch
from rig.display.headless import HeadlessDisplay
from rig.launch import run_launch
from rig.pages.figures import counted, histogram, over_time
from rig.ports.clock import VirtualClock
from rig.rehearsal.rehearse import as_rehearsed, free_folder, rehearse, result_lines
from rig.rehearsal.report import Rehearsed, closing_line, judge, timing_report
from rig.rehearsal.timing import TimingRecord
from rig.session.folder import open_session
from rig.stop import StopRequest
from tests.unit.rig.ports import Wire


def run(session, out, *, minutes=10.0):
    launch = Launch(session=session, out=out, display="headless")
    nothing = {"on_trial": lambda *_: None, "on_findings": lambda _findings: None}
    return rehearse(launch, minutes=minutes, stop=StopRequest(), **nothing)


def present(session, out, *, resume=False):
    launch = Launch(session=session, out=out, display="headless", resume=resume)
    return run_launch(launch, stop=StopRequest(), on_trial=lambda *_: None)


class Page(HTMLParser):
    """What a page consists of, and what it would fetch."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.fetched, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.fetched += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "rect", "path", "line", "circle", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag


def test_a_session_with_an_animal_is_rehearsed_by_a_script_and_marked_everywhere(make_session, tmp_path):
    session = make_session(simulated=False, monkey=None, subject="Nelson")
    done = run(session, tmp_path / "rehearsal")
    assert (done.summary.outcome, done.summary.n_accepted, done.summary.simulated) == ("complete", 12, True)
    journal = read_journal(tmp_path / "rehearsal" / "journal.jsonl")
    assert [(launch.is_rehearsal, launch.gaze) for launch in journal.launches] == [(True, "scripted")]
    page = done.report.read_text()
    assert "REHEARSAL" in page
    assert "Nelson" in page


def test_the_report_needs_nothing_but_itself(make_session, tmp_path):
    page = Page(run(make_session(subject="<script>alert(1)</script>"), tmp_path / "rehearsal").report.read_text())
    assert page.fetched == []
    assert page.open == []
    assert "script" not in page.tags
    assert page.tags.count("svg") == 7


def test_it_ends_after_its_minutes(make_session, tmp_path):
    done = run(make_session(n_presentations=600), tmp_path / "rehearsal", minutes=0.5)
    assert done.is_cut
    assert done.summary.outcome == "stopped"
    journal = read_journal(tmp_path / "rehearsal" / "journal.jsonl")
    said = list(result_lines(done, "study/day-00: stopped: 60 accepted"))
    assert said[0] == "REHEARSAL of study/day-00: its time is over: 60 accepted"
    assert said[-2:] == [closing_line(done.verdicts), f"Timing report: {done.report}"]
    assert 30.0 <= journal.ended.time_s - journal.launches[0].time_s < 32.0


def test_a_rehearsal_goes_on_with_no_session_and_a_session_with_no_rehearsal(make_session, tmp_path):
    session = make_session(n_presentations=600)
    run(session, tmp_path / "rehearsal", minutes=0.1)
    with pytest.raises(SessionError, match="expected the journal of a session, found that of a rehearsal"):
        present(session, tmp_path / "rehearsal", resume=True)
    present(session, tmp_path / "present")
    with pytest.raises(SessionError, match="expected a new folder for a rehearsal"):
        run(session, tmp_path / "present")


def test_a_rehearsal_is_refused_by_name_and_noted(make_session, tmp_path):
    run(make_session(), tmp_path / "rehearsal")
    journal = read_journal(tmp_path / "rehearsal" / "journal.jsonl")
    with pytest.raises(SessionError, match=r"found that of a rehearsal \(rehearsal\), which is never data"):
        refuse_rehearsal(journal, tmp_path / "journal.jsonl")
    assert any("rehearsal" in note for note in unvouched(journal))
    present(tmp_path / "schedule", tmp_path / "present")
    refuse_rehearsal(read_journal(tmp_path / "present" / "journal.jsonl"), tmp_path)


def test_no_rehearsal_is_written_into_another(make_session, tmp_path):
    session = make_session()
    run(session, tmp_path / "rehearsal")
    with pytest.raises(SessionError, match=r"expected a new folder for a rehearsal.*Choose another --out"):
        run(session, tmp_path / "rehearsal")


def test_each_rehearsal_has_a_folder_of_its_own(make_session, tmp_path):
    session = make_session()
    assert free_folder(session) == tmp_path / "rehearsal"
    (tmp_path / "rehearsal").mkdir()
    (tmp_path / "rehearsal-2").mkdir()
    assert free_folder(session) == tmp_path / "rehearsal-3"


def test_the_monkey_of_a_simulated_session_is_kept(make_session):
    document = open_session(make_session()).document
    assert as_rehearsed(document) == document


def headless(dropped=()):
    clock = VirtualClock(60.0)
    return HeadlessDisplay(clock, refresh_hz=60.0, width_px=320, height_px=240, dropped_frames=dropped)


def test_flips_codes_and_uploads_are_measured_as_they_are():
    record, ends = TimingRecord(), []
    inner = headless(dropped=[3])
    display = record.watch_display(inner, end=ends.append)
    codes = record.watch_codes(Wire(), lambda: inner.now_s() + 0.002)  # a port that takes two milliseconds
    display.prepare([0, 1])
    from rig.display.display import BLANK

    for number in range(6):
        display.flip(BLANK, at_flip=(lambda: codes.send(7)) if number == 2 else None)
    assert list(record.flip_frames) == [1, 1, 1, 2, 1, 1]
    assert list(record.flip_s) == pytest.approx([1 / 60, 2 / 60, 3 / 60, 5 / 60, 6 / 60, 7 / 60])
    assert list(record.code_s) == pytest.approx([0.002])
    assert (list(record.n_uploaded), list(record.upload_s)) == ([2], [0.0])
    assert ends[-1] == pytest.approx(6 / 60)


@pytest.fixture
def rehearsed(make_session, tmp_path):
    session = make_session(n_presentations=60)
    run(session, tmp_path / "rehearsal")
    journal = read_journal(tmp_path / "rehearsal" / "journal.jsonl")
    record = TimingRecord(
        flip_s=array("d", np.arange(10_001) / 60), flip_frames=array("l", [1] * 10_001), code_s=array("d", [2e-4])
    )
    facts = replace(headless().facts, pacing="vblank", measured_hz=60.0)
    return Rehearsed(open_session(session).document, journal, record, facts)


def verdicts(rehearsed):
    return [(verdict.status, verdict.words) for verdict in judge(rehearsed)]


@pytest.mark.parametrize(("n_missed", "status"), [(0, "PASS"), (1, "WARN"), (2, "FAIL"), (500, "FAIL")])
def test_one_missed_frame_in_ten_thousand_is_a_warning_and_more_are_a_failure(rehearsed, n_missed, status):
    for place in range(n_missed):
        rehearsed.record.flip_frames[place + 1] = 2
    found, words = verdicts(rehearsed)[0]
    assert found == status
    assert words.startswith(f"{n_missed:,} frames were missed in 10,000 flips")


def test_images_with_wrong_frames_are_counted_by_their_kind(rehearsed):
    rows = list(rehearsed.journal.rows)
    places = [place for place, row in enumerate(rows) if row.event == "presentation"]
    for place, reason in zip(places, ("frames_dropped", "grey_frames_wrong"), strict=False):
        rows[place] = rows[place].model_copy(update={"outcome": "rejected", "reason": reason})
    found = verdicts(replace(rehearsed, journal=replace(rehearsed.journal, rows=tuple(rows))))[1]
    assert found[0] == "FAIL"  # 2 of 60 or so
    assert found[1].startswith(f"2 of {len(places)} images")
    assert "1 frames dropped, 1 grey frames wrong" in found[1]


def test_images_that_a_broken_fixation_cut_short_are_none_that_kept_their_frames(rehearsed):
    rows = rehearsed.journal.presentations
    n_cut = sum(row.reason == "fixation_broken" for row in rows)
    assert n_cut > 0
    status, words = verdicts(rehearsed)[1]
    assert status == "PASS"
    assert words.startswith(f"{len(rows) - n_cut} images were up for their planned frames. {n_cut} more were cut short")


def test_what_is_not_good_says_what_to_do_and_the_worst_is_what_it_comes_to(rehearsed):
    rehearsed.record.flip_frames[1:30] = array("l", [2] * 29)
    found = list(judge(replace(rehearsed, facts=replace(rehearsed.facts, pacing="timer"))))
    assert all(bool(verdict.remedy) == (verdict.status != "PASS") for verdict in found)
    assert [verdict.words for verdict in found if "code" in verdict.words] == ["No code left the rig."]
    assert closing_line(found) == "Did not keep time: 1 FAIL, 2 WARN, 1 PASS."
    assert closing_line(found) in timing_report(replace(rehearsed, facts=replace(rehearsed.facts, pacing="timer")))


def test_a_timer_in_the_place_of_a_screen_is_said_first(rehearsed):
    timed = replace(rehearsed, facts=replace(rehearsed.facts, pacing="timer"))
    assert verdicts(timed)[0] == (
        "WARN",
        "A timer paced the flips, not a screen: nothing here holds for the screen of a rig.",
    )


def test_a_session_that_ended_before_its_first_flip_has_a_report_too(rehearsed):
    empty = replace(
        rehearsed, record=TimingRecord(), journal=replace(rehearsed.journal, rows=rehearsed.journal.rows[:1])
    )
    assert ("FAIL", "No flip was measured.") in verdicts(empty)
    assert timing_report(empty).count("none were measured") == 7


def bars(figure):
    return [
        (float(x), float(y), float(width), float(height), colour)
        for x, y, width, height, colour in re.findall(
            r'<rect x="([\d.]+)" y="([\d.-]+)" width="([\d.]+)" height="([\d.]+)" fill="(#\w+)"', figure
        )
    ]


def test_a_histogram_has_a_bar_for_the_rare_ones_too():
    found = bars(histogram(np.array([16.7] * 9999 + [50.0]), x="ms", marked=16.67))
    assert len(found) == 2
    assert found[1][3] > 8  # one among ten thousand is seen
    assert found[0][3] > 4 * found[1][3]


def test_frames_other_than_planned_have_a_colour_of_their_own():
    found = bars(counted(np.array([6] * 50 + [7] * 3), x="frames", planned=6))
    assert len({colour for *_, colour in found}) == 2
    assert found[0][3] / found[1][3] == pytest.approx(50 / 3, rel=0.05)


def test_missed_frames_are_drawn_where_they_were():
    times = np.arange(3601) / 60.0
    missed = np.zeros(3601)
    missed[1800] = 5
    ((x, _, width, _, _),) = bars(over_time(times, missed, y="missed frames"))
    assert x - 1 <= 62 + (400 - 62 - 10) * 0.5 <= x + width + 1


def test_every_figure_stays_on_its_card():
    for figure in (
        histogram(np.array([1e-9, 5e3]), x="ms"),
        histogram(np.array([0.0, 0.0]), x="ms"),
        counted(np.array([0, 40]), x="frames", planned=6),
        over_time(np.array([0.0]), np.array([0.0]), y="ms", worst=True),
        over_time(np.array([0.0, 1e5]), np.array([1.0, 1e-6]), y="ms", worst=True),
    ):
        for x, y, width, height, _ in bars(figure):
            assert x >= 0
            assert y >= 0
            assert x + width <= 400
            assert y + height <= 220
        assert "nan" not in figure
