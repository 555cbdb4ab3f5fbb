"""A session at the rig: every trial once, whatever stops it, in the page's own lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.discrimination.experiment import DiscriminationTask, OpenExperiment
from closedloop.artifacts.discrimination.journal import check_belongs, read_answers
from closedloop.errors import OptionError, SessionError
from closedloop.studies.discrimination.preparation.folder import LaboratoryFiles
from rig.discrimination.answering import ScriptedSubject
from rig.discrimination.journal import AnswerWriter
from rig.discrimination.present import Sitting, frames_of_task, present_sitting
from rig.discrimination.trials import TrialRunner
from rig.display.headless import HeadlessDisplay
from rig.ports.clock import VirtualClock
from rig.stop import StopRequest
from tests.unit.studies.discrimination.experiments import small_experiment


def nobody(_n_left: int) -> None:
    """Tell nobody."""


def sitting(experiment: OpenExperiment) -> Sitting:
    return Sitting(experiment.paths.root, "S1", 2, display="headless")


@pytest.fixture
def experiment(tmp_path: Path) -> OpenExperiment:
    return small_experiment(tmp_path / "e", simulated=True)


def test_every_trial_is_shown_six_frames_each_and_answered(experiment: OpenExperiment) -> None:
    assert present_sitting(sitting(experiment), stop=StopRequest(), on_trial=nobody).is_finished
    journal = read_answers(experiment.paths.journal("S1", 2))
    check_belongs(journal.rows, experiment, place="journal")
    assert journal.is_finished
    assert [row.trial for row in journal.answers] == list(range(22))
    assert {row.n_frames for row in journal.answers} == {(6, 6, 6)}
    assert {row.answer for row in journal.answers} == {"same", "different"}
    for row in journal.answers:
        assert row.frame_ms[6] - row.frame_ms[0] == pytest.approx(100, abs=0.02)
        assert row.frame_ms[18] - row.frame_ms[0] == pytest.approx(300, abs=0.02)


def test_a_session_that_was_stopped_and_torn_goes_on_with_what_is_left(experiment: OpenExperiment) -> None:
    stop = StopRequest()

    def stop_after(n_left: int) -> None:
        if n_left == 15:
            stop.ask()

    assert not present_sitting(sitting(experiment), stop=stop, on_trial=stop_after).is_finished
    path = experiment.paths.journal("S1", 2)
    path.write_bytes(path.read_bytes()[:-9])
    assert present_sitting(sitting(experiment), stop=StopRequest(), on_trial=nobody).is_finished
    journal = read_answers(path)
    assert sorted(row.trial for row in journal.answers) == list(range(22))
    assert [launch.launch for launch in journal.launches] == [1, 2]
    before = path.read_bytes()
    assert present_sitting(sitting(experiment), stop=StopRequest(), on_trial=nobody).is_finished
    assert path.read_bytes() == before


def test_a_journal_has_one_writer(experiment: OpenExperiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.discrimination.journal.PATIENCE_S", 0.0)
    path = experiment.paths.journal("S1", 2)
    with AnswerWriter(path, experiment), pytest.raises(SessionError, match="found another rig at work"):
        AnswerWriter(path, experiment)
    assert not path.exists()


def test_frames_that_are_missed_are_counted(experiment: OpenExperiment) -> None:
    display = HeadlessDisplay(VirtualClock(60.0), refresh_hz=60.0, width_px=1, height_px=1, dropped_frames=range(400))
    task = DiscriminationTask(pause_ms=0.0)
    with AnswerWriter(experiment.paths.journal("S1", 2), experiment) as writer:
        runner = TrialRunner(
            display=display,
            keyboard=ScriptedSubject(task, (0, "S1")),
            task=task,
            writer=writer,
            launch=1,
            image_frames=6,
            gap_frames=6,
            stop=StopRequest(),
            began_s=display.now_s(),
        )
        display.prepare((0, 1))
        counted, times_s = runner.show_pair()
    assert counted == (12, 12, 12)
    assert times_s[18] - times_s[0] == pytest.approx(0.6)


def test_people_need_a_screen_and_have_agreed(tmp_path: Path) -> None:
    consent = tmp_path / "consent.txt"
    consent.write_text("I take part.")
    people = small_experiment(tmp_path / "a")
    with pytest.raises(OptionError, match="--display headless: expected a screen for a person"):
        present_sitting(sitting(people), stop=StopRequest(), on_trial=nobody)
    asked = small_experiment(tmp_path / "b", simulated=True, brought=LaboratoryFiles(consent=consent))
    with pytest.raises(OptionError, match="--consented: expected the subject's consent"):
        present_sitting(sitting(asked), stop=StopRequest(), on_trial=nobody)


def test_a_screen_at_which_a_tenth_of_a_second_is_no_whole_frames_is_refused() -> None:
    assert frames_of_task(100.0, 75.0) == 8
    with pytest.raises(SessionError, match=r"found 24\.0 Hz, at which they would be 83 ms"):
        frames_of_task(100.0, 24.0)
