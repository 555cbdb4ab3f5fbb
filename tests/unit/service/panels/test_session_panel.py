"""The session as the page shows it, from journals of the real rig and from rows that it could write."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.artifacts.day.journal import journal_bytes, read_journal
from closedloop.artifacts.day.journal_rows import (
    Continued,
    JournalRow,
    LaunchOpened,
    Paused,
    RecordingNoted,
    RewardNoted,
    TrialEnded,
)
from closedloop.artifacts.rig.calibrations import Calibrations, ValveVolume
from closedloop.artifacts.rig.description import read_rig
from closedloop.artifacts.rig.template import EXAMPLE, rig_yaml
from closedloop.artifacts.study import StudyPaths
from closedloop.service.panels import session
from closedloop.service.web.render import StudyName, render_fragment, render_json
from tests.unit.rig.conftest import build_session
from tests.unit.service.reading.session.journals import counted_by_replay, show
from tests.unit.service.reading.session.test_journal import image

N = 24
TRIAL = {"presentations_per_trial": 3, "misses_before_time_out": 2, "hold_ms": 50.0}


@pytest.fixture
def paths(tmp_path: Path) -> StudyPaths:
    """A study whose day 0 has a session that was not shown."""
    found = StudyPaths(tmp_path / "study")
    build_session(found.folder("schedule", 0), n_presentations=N, trial=TRIAL, ignore=0.3, leave=0.5)
    return found


def fragment(paths: StudyPaths) -> str:
    """Return what the page shows, and check that its numbers are JSON."""
    panel = session.read(paths)
    json.loads(render_json(panel))
    return render_fragment(session, panel, StudyName("study"))


def put(paths: StudyPaths, content: bytes, *, folder: str = "present") -> Path:
    journal = paths.day(0).root / folder / "journal.jsonl"
    journal.parent.mkdir(exist_ok=True)
    journal.write_bytes(content)
    return journal


def launched(**changes: object) -> LaunchOpened:
    fields = {
        **{"segment": 0, "session_id": "study/day-00", "simulated": True, "display": "psychopy", "clock": "real"},
        **{"refresh_hz": 60.0, "first_ordinal": 0, "first_trial": 0, "time_s": 100.0, "utc": "2026-05-06T09:00:00Z"},
    }
    return LaunchOpened.model_validate(fields | changes)


def test_a_study_without_a_session_and_one_that_waits_for_it(tmp_path: Path, paths: StudyPaths) -> None:
    assert session.read(StudyPaths(tmp_path / "nothing")).day is None
    assert "No session is ready yet" in fragment(StudyPaths(tmp_path / "nothing"))
    found = session.read(paths)
    assert (found.day, found.doing, found.n_planned, found.n_left) == (0, "nothing", N, N)
    assert "nothing of it was shown yet (24 presentations)" in fragment(paths)


def test_a_day_that_is_ready_tells_of_the_session_before(paths: StudyPaths) -> None:
    build_session(paths.folder("schedule", 1), day=1, session_id="study/day-01")
    rows = [launched(), image(0, 0, 0, 101.0, None), image(1, 0, 1, 102.0, "fixation_broken")]
    put(paths, journal_bytes(rows))
    found = session.read(paths)
    assert (found.day, found.doing) == (1, "nothing")
    assert found.before == session.EarlierSession(day=0, doing="showing", n_accepted=1, n_rejected=1)
    assert "of day 0, is showing: 1 presentations count, 1 do not" in fragment(paths)


def test_a_rig_of_a_dry_run_is_followed_to_its_end_and_through_its_publication(paths: StudyPaths) -> None:
    working = paths.working("present", 0)
    show(paths.folder("schedule", 0), working)
    content = (working / "journal.jsonl").read_bytes()
    for line in range(1, content.count(b"\n") + 1, 7):
        part = b"".join(content.splitlines(keepends=True)[:line])
        put(paths, part, folder=working.name)
        found = session.read(paths)
        expected = counted_by_replay(read_journal(working / "journal.jsonl"))
        assert found.counts.n_accepted == expected["n_accepted"]
        assert found.n_left == N - expected["n_accepted"]
        assert found.counts.rejected == expected["rejected"]
    put(paths, content, folder=working.name)
    working.rename(paths.folder("present", 0))
    found = session.read(paths)
    assert (found.doing, found.n_left, found.left_s) == ("complete", 0, None)
    assert found.place == "day-00/present/journal.jsonl"
    assert sum(one.accepted for one in found.counts.minutes) == N
    assert found.trials_held == pytest.approx(found.counts.n_completed / found.counts.n_trials)
    assert f"<strong>{N}</strong>" in fragment(paths)


def test_a_rig_s_out_folder_beside_the_day_s_is_followed(paths: StudyPaths) -> None:
    put(paths, journal_bytes([launched()]), folder="from-the-rig")
    assert session.read(paths).place == "day-00/from-the-rig/journal.jsonl"


def test_last_images_are_the_session_s_bytes_pixel_for_pixel(paths: StudyPaths) -> None:
    rows: list[JournalRow] = [launched()]
    rows += [image(n, 0, n, 100.0 + n, "frames_dropped" if n == 4 else None) for n in range(6)]
    put(paths, journal_bytes(rows))
    pictures = session.read(paths).pictures
    assert [one.image for one in pictures] == [5, 4, 3, 2, 1, 0]
    assert [one.reason for one in pictures] == ["", "frames late or lost", "", "", "", ""]
    images = np.load(paths.folder("schedule", 0) / "images.npy")
    for one in pictures:
        png = session.picture(paths, one.key)
        assert png is not None
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), images[one.image])


@pytest.mark.parametrize(
    "key", ["", "0", "0-6", "0-", "-1-0", "../0-0", "0-0.png", "00000-0", "7-0", "0-99999999", "٣-0"]
)
def test_what_is_no_image_of_a_session_has_no_picture(paths: StudyPaths, key: str) -> None:
    assert session.picture(paths, key) is None


def test_a_pause_says_who_and_why_and_how_long(paths: StudyPaths) -> None:
    rows: list[JournalRow] = [
        launched(overrides=["frame_rate"], gaze="eyelink", rig="rig <2>"),
        RecordingNoted(state="started", file="d0", launch=0, part=1, seen_by="nobody", time_s=101.0),
        Paused(by="gaze", why="gaze: no eye for 3 s", time_s=160.0),
        Continued(time_s=190.0),
        Paused(by="operator", why="asked for by the operator", time_s=220.0),
    ]
    put(paths, journal_bytes(rows))
    found = session.read(paths)
    assert found.doing == "paused"
    assert [(one.what, one.minute, one.is_good) for one in found.events] == [
        ("pause", 2.0, True),
        ("pause", 1.0, False),
        ("recorder", pytest.approx(1 / 60), False),
        ("launch 0", 0.0, False),
    ]
    assert [one.words for one in found.events[:3]] == [
        "by the operator: asked for by the operator; it lasts",
        "by the gaze: no eye for 3 s; 30 s",
        "started: d0 (nobody saw it)",
    ]
    assert "rig &lt;2&gt;" in fragment(paths)


def shown_at_pace(*, n: int, per_trial_s: float) -> list[JournalRow]:
    rows: list[JournalRow] = [launched()]
    for trial in range(n):
        at = 100.0 + trial * per_trial_s
        rows.append(image(trial, trial, 0, at, None))
        rows.append(TrialEnded(trial=trial, outcome="completed", reward_ms=0.0, time_s=at + per_trial_s))
    return rows


def test_the_time_left_is_that_of_the_last_minutes(paths: StudyPaths) -> None:
    rows = shown_at_pace(n=16, per_trial_s=30.0)
    put(paths, journal_bytes(rows))
    found = session.read(paths)
    assert found.pace_per_min == pytest.approx(2.0)
    assert found.left_s == pytest.approx((N - 16) * 30.0)


def test_a_pause_is_no_time_of_the_pace(paths: StudyPaths) -> None:
    rows = shown_at_pace(n=4, per_trial_s=30.0)
    rows += [Paused(by="operator", why="w", time_s=220.0), Continued(time_s=3820.0)]
    rows += [image(4, 4, 0, 3830.0, None), TrialEnded(trial=4, outcome="completed", reward_ms=0, time_s=3850.0)]
    put(paths, journal_bytes(rows))
    found = session.read(paths)
    assert found.pace_per_min == pytest.approx(2.0)
    assert found.counts.working_s == 3750.0
    assert found.counts.running_s == 150.0


def test_minutes_go_on_by_the_wall_clock_where_the_computer_was_started_anew(paths: StudyPaths) -> None:
    rows: list[JournalRow] = [launched(boot_id="a"), image(0, 0, 0, 130.0, None)]
    rows += [
        launched(segment=1, first_ordinal=1, first_trial=1, time_s=7.0, utc="2026-05-06T09:10:00Z", boot_id="b"),
        image(1, 1, 0, 30.0, None),
        image(2, 1, 1, 80.0, "fixation_broken"),
    ]
    put(paths, journal_bytes(rows))
    minutes = session.read(paths).counts.minutes
    (chart,) = session.read(paths).charts
    assert (len(chart.x), chart.lines[0].y[10]) == (11, 1)
    assert chart.caption == "Minute 11 is drawn when it is over."
    assert {one.minute: (one.accepted, one.rejected) for one in minutes if one.accepted or one.rejected} == {
        0: (1, 0),
        10: (1, 0),
        11: (0, 1),
    }


def test_millilitres_are_told_with_the_very_rig_file_of_the_session(paths: StudyPaths) -> None:
    valve = ValveVolume(
        **{"ml_per_ms": 0.004, "ml_at_zero": -0.02, "ml_per_ms_error": 0, "ml_at_zero_error": 0},
        **{"shortest_ms": 25, "longest_ms": 200},
    )
    place = paths.root / "rig.yaml"
    place.write_text(rig_yaml(EXAMPLE.model_copy(update={"calibrations": Calibrations(valve=valve)})))
    _, sha256 = read_rig(place)
    rewards: list[JournalRow] = [
        RewardNoted(state="acknowledged", trial=n, duration_ms=100.0, time_s=101.0 + n) for n in range(3)
    ]
    put(paths, journal_bytes([launched(rig_sha256=sha256, reward="valve"), *rewards]))
    found = session.read(paths)
    assert (found.counts.n_rewards, found.counts.reward_ms) == (3, 300.0)
    assert found.reward_ml == pytest.approx(3 * 0.38)
    put(paths, journal_bytes([launched(rig_sha256="0" * 64, reward="valve"), *rewards]))
    assert session.read(paths).reward_ml is None


def test_a_journal_of_another_session_and_of_a_rehearsal_are_said(paths: StudyPaths) -> None:
    put(paths, journal_bytes([launched(session_id="<script>")]))
    assert "found one of <script>" in session.read(paths).damaged[0]
    assert "<script>" not in fragment(paths)
    put(paths, journal_bytes([launched(is_rehearsal=True)]))
    assert "found a rehearsal" in session.read(paths).damaged[0]


def test_more_than_was_planned_is_of_another_session(paths: StudyPaths) -> None:
    put(paths, journal_bytes([launched(), *(image(n, n, 0, 101.0 + n, None) for n in range(N + 1))]))
    found = session.read(paths)
    assert found.n_left == 0
    assert "expected at most the 24 presentations that were planned, found 25 accepted" in found.damaged[0]


def test_a_copy_under_way_and_half_a_line_are_said(paths: StudyPaths) -> None:
    content = journal_bytes([launched(), image(0, 0, 0, 101.0, None)])
    journal = put(paths, content[:-10])
    journal.with_name(".journal.jsonl.Ab12Cd").write_bytes(content)
    found = session.read(paths)
    assert found.counts.n_presentations == 0
    assert [note.partition(" ")[0] for note in found.notes] == ["The", "A"]


@pytest.mark.parametrize("name", ["session.json", "images.npy"])
def test_a_damaged_plan_leaves_the_counts(paths: StudyPaths, name: str) -> None:
    (paths.folder("schedule", 0) / name).write_bytes(b"\x00{")
    put(paths, journal_bytes([launched(), image(0, 0, 0, 101.0, None)]))
    found = session.read(paths)
    assert found.counts.n_accepted == 1
    assert (found.n_left is None) == (name == "session.json")
    assert session.picture(paths, "0-0") is None or name == "session.json"
    assert fragment(paths)
