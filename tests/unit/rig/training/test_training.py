"""A training over days: it grows, it is marked, and it is refused where it would go wrong."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from closedloop.artifacts.day.doubts import refuse_rehearsal, unvouched
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import LaunchOpened, TrialBegun, TrialEnded
from closedloop.artifacts.rig.training import TrainingDay, TrainingSettings, read_training
from closedloop.errors import DocumentError, OptionError, SessionError
from rig.operator.opening import PanelChoice
from rig.ports.gaze import GazePoint, GazeSample
from rig.session.folder import open_session
from rig.training.course import TaughtCourse
from rig.training.folder import read_days, training_yaml
from rig.training.staircase import first_level
from tests.unit.rig.test_rehearsal import Page
from tests.unit.rig.training.taught import FIRST, asked, climbed, teach

pytestmark = pytest.mark.usefixtures("own_runtime")


@pytest.mark.slow
def test_three_days_each_go_on_a_step_before_the_last_and_the_page_has_all_three(tmp_path):
    folder = tmp_path / "training"
    ends = [teach(folder, day=day, minutes=6.0).day.end for day in range(3)]
    days = read_days(folder)
    assert [day.path.name for day in days] == [f"train-2026-11-0{n}" for n in (2, 3, 4)]
    assert ends[0].hold_ms > 100
    assert ends[2].hold_ms > ends[0].hold_ms
    assert ends[2].window_deg < ends[0].window_deg < 5
    for before, after in pairwise(days):
        end = climbed(before)[1]
        assert after.day.start.hold_ms == pytest.approx(end.hold_ms / 1.1, abs=1e-3)
        assert after.day.start.window_deg == pytest.approx(min(end.window_deg / 0.95, 5.0), abs=1e-3)
    for day in days:
        levels = [(one.hold_ms, one.fixation_window_deg) for one in asked(day.journal)]
        assert levels == climbed(day)[0]
        check_journal(day.journal, day.path)
    text = (folder / "progress.html").read_text()
    page = Page(text)
    assert page.fetched == []
    assert page.open == []
    assert text.count('data-what="run"') == 3
    assert text.index("2026-11-04</td>") < text.index("2026-11-02</td>")  # the newest first
    n_completed = sum(isinstance(row, TrialEnded) and row.outcome == "completed" for row in days[1].journal.rows)
    assert f'data-what="completed">{n_completed} (' in text


@pytest.mark.slow
def test_a_trial_asks_for_what_its_row_says(tmp_path):
    teach(tmp_path / "training", minutes=1.0)
    [day] = read_days(tmp_path / "training")
    frame_s = 1 / 60
    begun, acquired_s = {}, {}
    for row in day.journal.rows:
        if isinstance(row, TrialBegun):
            begun[row.trial] = row.asks
        elif row.event == "presentation":
            acquired_s.setdefault(row.trial, row.onset_s)
    started = {row.trial: row.time_s for row in day.journal.rows if row.event == "trial_started"}
    assert len({one.hold_ms for one in begun.values()}) > 1
    # The eye needs .15 s at least to come and 5/60 s to be at rest: from then on it held for as long as was asked.
    for trial, onset_s in acquired_s.items():
        assert onset_s - started[trial] >= 0.15 + 5 / 60 + begun[trial].hold_ms / 1000 - 2 * frame_s


def test_the_journal_is_marked_and_no_study_takes_it(tmp_path):
    teach(tmp_path / "training", minutes=0.2)
    [day] = read_days(tmp_path / "training")
    assert [launch.is_training for launch in day.journal.launches] == [True]
    assert [launch.recorder for launch in day.journal.launches] == ["none"]
    with pytest.raises(SessionError, match=r"found that of a training \(training\), which is never data"):
        refuse_rehearsal(day.journal, day.path / "journal.jsonl")
    assert any("taught to fixate" in note for note in unvouched(day.journal))


def test_older_journals_are_read_and_a_session_s_rows_are_as_they_were():
    old = '{"event":"trial_begun","trial":0,"code":200,"time_s":0.5}'
    row = TrialBegun.model_validate_json(old)
    assert row.asks is None
    assert row.model_dump_json() == old
    opened = LaunchOpened(
        segment=0,
        session_id="study/day-00",
        simulated=True,
        display="headless",
        clock="virtual",
        refresh_hz=60.0,
        first_ordinal=0,
        first_trial=0,
        time_s=0.0,
        utc=None,
    )
    assert "is_training" not in json.loads(opened.model_dump_json())
    assert not LaunchOpened.model_validate_json(opened.model_dump_json()).is_training
    taught = opened.model_copy(update={"is_training": True})
    assert LaunchOpened.model_validate_json(taught.model_dump_json()) == taught


@pytest.mark.slow
def test_a_second_run_of_a_day_has_a_folder_of_its_own_and_begins_where_the_first_ended(tmp_path):
    folder = tmp_path / "training"
    end = teach(folder, minutes=3).day.end
    assert end.hold_ms > 110
    teach(folder, minutes=0.3)
    first, second = read_days(folder)
    assert [first.path.name, second.path.name] == ["train-2026-11-02", "train-2026-11-02-2"]
    assert second.day.start == end


@pytest.mark.slow
def test_pictures_of_a_folder_are_shown_after_the_hold_and_dots_without_one(tmp_path):
    (tmp_path / "pictures").mkdir()
    for number, level in enumerate((10, 200)):
        Image.fromarray(np.full((60, 90, 3), level, np.uint8)).save(tmp_path / "pictures" / f"{number}.png")
    teach(tmp_path / "training", minutes=0.3, shown=str(tmp_path / "pictures"))
    teach(tmp_path / "training", day=1, minutes=0.3, shown="dots")
    pictures, dots = read_days(tmp_path / "training")
    session = open_session(pictures.session)
    assert [int(level) for level in np.unique(session.images)] == [10, 200]
    assert session.document.trial.on_frames == 6
    assert {row.image_index for row in pictures.journal.presentations} == {0, 1}
    assert set(np.unique(open_session(dots.session).images)) == {0, 128, 255}
    assert len(open_session(dots.session).images) == 20


@pytest.mark.parametrize(
    ("chosen", "error", "said"),
    [
        ({"subject": None}, OptionError, "--subject: expected the animal's name"),
        ({"simulated": False}, OptionError, "--rig: expected the rig's description to teach an animal"),
        ({"shown": "/nowhere"}, SessionError, "/nowhere: expected a folder of pictures"),
        ({"display": "psychopy", "panel": PanelChoice("window")}, SessionError, "operator window: expected"),
    ],
)
def test_what_cannot_be_taught_is_refused_and_leaves_nothing(tmp_path, chosen, error, said):
    with pytest.raises(error, match=said):
        teach(tmp_path / "training", **chosen)
    assert not (tmp_path / "training").exists()


def test_a_refused_run_leaves_what_was_there(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SessionError, match="/nowhere: expected a folder of pictures"):
        teach(tmp_path / "empty", shown="/nowhere")
    assert list((tmp_path / "empty").iterdir()) == []
    folder = tmp_path / "training"
    folder.mkdir()
    edited = training_yaml(TrainingSettings(subject="Nelson", reward_ms=90)).encode()
    (folder / "training.yaml").write_bytes(edited)
    with pytest.raises(SessionError, match="/nowhere: expected a folder of pictures"):
        teach(folder, shown="/nowhere")
    assert (folder / "training.yaml").read_bytes() == edited


def test_another_animal_a_simulated_one_and_a_clock_that_is_wrong_are_refused(tmp_path, rig_yaml):
    folder = tmp_path / "training"
    teach(folder, minutes=0.2)
    with pytest.raises(SessionError, match="expected the training of Bo, found that of Nelson"):
        teach(folder, subject="Bo")
    with pytest.raises(SessionError, match="expected days up to today, 2026-11-01"):
        teach(folder, day=-1)
    with pytest.raises(SessionError, match="expected the training of an animal, found that of a simulated animal"):
        teach(folder, simulated=False, rig=rig_yaml(gaze="mouse"), display="psychopy")
    with pytest.raises(SessionError, match=r"expected an eye tracker to teach an animal to fixate, found .* none"):
        teach(folder, simulated=False, rig=rig_yaml(gaze="none"), display="psychopy")


@pytest.fixture
def rig_yaml(tmp_path):
    from closedloop.artifacts.rig.ports import GazePort
    from closedloop.artifacts.rig.template import EXAMPLE, rig_yaml

    def write(*, gaze):
        path = tmp_path / f"{gaze}.yaml"
        path.write_text(rig_yaml(EXAMPLE.model_copy(update={"gaze": GazePort(source=gaze)})))
        return path

    return write


def test_a_picture_takes_the_size_that_whole_pixels_of_the_rig_allow(tmp_path, rig_yaml):
    teach(tmp_path / "training", minutes=0.2, rig=rig_yaml(gaze="mouse"))  # which no simulated animal needs
    [day] = read_days(tmp_path / "training")
    screen = open_session(day.session).document.screen
    assert (screen.width_px, screen.height_px, screen.screen) == (1920, 1080, 1)
    assert screen.image_scale == 2  # 224 x 2 pixels of 52 cm / 1920 are 8 degrees wide from 86.8 cm
    assert screen.visual_angle_deg == pytest.approx(8.0, abs=0.01)


def test_settings_are_written_with_their_meaning_and_read_back(tmp_path):
    settings = TrainingSettings(subject="O'Neil: #1", hold_step=1.25)
    path = tmp_path / "training.yaml"
    path.write_text(training_yaml(settings))
    assert read_training(path) == settings
    assert all(
        "#" in line for line in path.read_text().splitlines() if line.partition(":")[0] in ("hold_step", "of_last")
    )


@pytest.mark.slow
def test_an_edited_day_is_told_of(tmp_path):
    teach(tmp_path / "training", minutes=0.5)
    path = tmp_path / "training" / "train-2026-11-02" / "day.json"
    day = TrainingDay.read(path)
    day.model_copy(update={"start": day.start.model_copy(update={"hold_ms": 150.0})}).write(path)
    with pytest.raises(DocumentError, match=r"trial 0: expected .*150"):
        teach(tmp_path / "training", day=1)


def test_a_folder_of_something_else_gets_no_training(tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.json").write_text("{}")
    with pytest.raises(SessionError, match=r"expected a training \(training.yaml\) or a new folder"):
        teach(tmp_path / "study")
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionError, match="expected a folder for a training, found a file"):
        teach(tmp_path / "file")


def test_what_a_killed_rig_left_half_written_is_removed(tmp_path):
    folder = tmp_path / "training"
    teach(folder, minutes=0.2)
    (folder / ".train-2026-11-02-2.partial" / "session").mkdir(parents=True)
    (folder / ".progress.html.17.tmp").write_text("half")
    (folder / "progress.html").unlink()
    teach(folder, day=1, minutes=0.2)
    assert sorted(path.name for path in folder.iterdir()) == [
        "progress.html",
        "train-2026-11-02",
        "train-2026-11-03",
        "training.yaml",
    ]


def test_a_reward_is_as_long_as_the_trial_s_row_says_and_the_window_as_narrow(make_rig):
    """A valve that confirms, and an eye that rests 2 degrees away, in a window that closes on it."""
    rule = TrainingSettings(
        subject="Nelson", of_last=1, completed_for_step_up=1, missed_for_step_down=1, start_window_deg=2.2
    )
    rig = make_rig(n_presentations=6, trial={"presentations_per_trial": 1})
    rig.gaze = OffGaze()
    day = TrainingDay(
        simulated=True,
        subject="Nelson",
        date=FIRST,
        settings=rule,
        start=first_level(rule),
        rewarded_before=0,
        pictures=None,
    )
    rig.course = TaughtCourse(day, rig.session.document.trial)
    assert rig.run(stop_after=4) == "stopped"
    ended = [row for row in rig.journal.rows if isinstance(row, TrialEnded)]
    # 2.2, then 2.09 degrees hold the eye; 1.985 does not, and the window opens again.
    assert [row.outcome for row in ended] == ["completed", "completed", "ignored", "completed"]
    windows = [one.fixation_window_deg for one in asked(rig.journal)]
    assert windows == pytest.approx([2.2, 2.09, 1.9855, 2.09], abs=1.1e-3)
    holds = [one.hold_ms for one in asked(rig.journal)]
    assert holds == [100, 110, 121, 110]
    rewards = [80 + 0.06 * hold_ms for hold_ms in (100, 110, 110)]
    assert rig.reward.given_ms == pytest.approx(rewards)
    assert [row.reward_ms for row in ended] == pytest.approx([rewards[0], rewards[1], 0, rewards[2]])


class OffGaze:
    """An eye that rests 2 degrees to the right of the point."""

    name = "steady"

    def start_trial(self, trial, time_s):
        """Do nothing."""

    def samples(self, now_s):
        return (GazeSample(now_s, GazePoint(2.0, 0.0)),)

    def close(self):
        """Do nothing."""
