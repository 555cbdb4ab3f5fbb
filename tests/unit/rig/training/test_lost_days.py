"""A training in whose folder something was removed or edited: no day is written over, no animals are mixed."""

from __future__ import annotations

import pytest

from closedloop.artifacts.rig.training import TrainingSettings
from closedloop.errors import SessionError
from rig.stop import StopRequest
from rig.training.folder import read_days
from rig.training.staircase import next_run
from rig.training.train import TrainingRun, train


@pytest.fixture
def folder(tmp_path, monkeypatch):
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    teach(tmp_path / "training", subject="Nelson")
    return tmp_path / "training"


def teach(folder, subject=None, stop=None):
    run = TrainingRun(folder=folder, minutes=0.2, subject=subject, simulated=True, display="headless")
    return train(run, stop=stop or StopRequest(), on_trial=lambda _course: None, on_findings=lambda _findings: None)


def all_files(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("lost", "how", "beside"),
    [
        ("day.json", "gone", "journal.jsonl"),
        ("journal.jsonl", "gone", "summary.json"),
        ("journal.jsonl", "empty", "summary.json"),
    ],
)
def test_no_day_takes_the_name_of_one_that_lost_a_file(folder, lost, how, beside):
    (day,) = folder.glob("train-*")
    (day / lost).unlink()
    if how == "empty":
        (day / lost).touch()
    before = all_files(folder)
    with pytest.raises(SessionError, match=rf"train-[-\d]+: expected {lost} beside {beside}, found none\. Bring it"):
        teach(folder)
    assert all_files(folder) == before


def test_a_day_whose_folder_is_gone_is_as_if_it_never_was_and_its_name_is_free(folder):
    (day,) = folder.glob("train-*")
    day.rename(folder.parent / "aside")
    teach(folder)
    assert [path.name for path in folder.glob("train-*")] == [day.name]


def test_days_without_a_trial_take_nobody_a_step_back(folder):
    stop = StopRequest()
    stop.ask()
    begun = [teach(folder, stop=stop).day for _ in range(3)]
    assert [sum(day.counts.values()) for day in begun] == [0, 0, 0]
    taught, *later = read_days(folder)
    for day in later:
        is_new_day = day.day.date != taught.day.date  # midnight may have passed
        assert day.day.start == next_run(taught.course.level, TrainingSettings(subject="Nelson"), is_new_day=is_new_day)


def test_settings_that_name_another_animal_do_not_take_its_days(folder):
    settings = folder / "training.yaml"
    settings.write_text(settings.read_text().replace("'Nelson'", "'Rodney'"))
    before = all_files(folder)
    with pytest.raises(
        SessionError,
        match=r"expected the training of Rodney, as training\.yaml says, found that of Nelson\. Set subject",
    ):
        teach(folder)
    assert all_files(folder) == before
