"""A study's story: in order, each decision in words and with its number, also where the ledger is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from closedloop.commands.amending.history import history_as_json, history_lines, read_history
from closedloop.errors import StudyError
from closedloop.service.over_days.decisions import read_entries
from tests.unit.messages import refused
from tests.unit.study.amending.test_amend import EPSILONS, amended, taken_back
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring


@pytest.fixture
def made(tmp_path: Path) -> Lab:
    """A real study with day 0 recorded, an amendment of day 1 that was taken back, and another of day 2."""
    study = lab(tmp_path / "study", days=3, simulated=False)
    study.run()
    bring(study.paths, 0)
    bring_recording(study.paths, 0)
    study.run()
    amended(study, EPSILONS, from_day=1)
    study.run()
    taken_back(study, 1)
    amended(study, "trial: {reward_ms: 90}", from_day=2)
    study.run()
    return study


def test_the_story_begins_with_the_study_and_goes_on_in_the_order_of_time(made: Lab) -> None:
    entries = read_history(made.paths.root).entries
    assert entries[0].what == "study of nobody, an animal, was made by protocol smoke"
    assert [entry.utc for entry in entries] == sorted(entry.utc for entry in entries)
    of_day_0 = [entry.what for entry in entries if entry.day == 0]
    assert of_day_0 == [
        "was planned",
        "attacks were made",
        "session was ready to be shown",
        "session was taken over",
        "recording was taken over",
        "was ingested",
        "model was fitted",
        "was evaluated",
        "images for the next day were drawn",
    ]
    again = [entry.what for entry in entries if entry.day == 1 and entry.kind == "stage"]
    assert (
        again
        == ["was planned", "attacks were made", "session was ready to be shown"]
        + [f"{what} again" for what in ("was planned", "attacks were made", "session was ready to be shown")] * 2
    )


def test_decisions_have_their_number_and_say_whether_they_stand(made: Lab) -> None:
    decisions = [entry for entry in read_history(made.paths.root).entries if entry.kind == "decision"]
    assert [(entry.line, entry.who, entry.why) for entry in decisions] == [
        (1, "ada", "a finer curve"),
        (2, "ada", "too long a day"),
        (3, "ada", "a finer curve"),
    ]
    words = [entry.what for entry in decisions]
    assert words[0] == (
        "amended the protocol from day 1 on: attack.epsilons [2.5, 10.0] -> [2.5, 5.0, 10.0] (taken back by line 2)"
    )
    assert words[1] == "took back line 1, amend protocol"
    assert words[2] == "amended the protocol from day 2 on: trial.reward_ms 120.0 -> 90.0"


def test_the_page_says_it_in_the_same_words(made: Lab) -> None:
    told = {entry.what for entry in read_history(made.paths.root).entries if entry.kind == "decision"}
    entries, faults = read_entries(made.paths)
    assert faults == ()
    assert {entry.what for entry in entries if entry.kind == "decision"} == told


def test_as_json_and_as_lines(made: Lab) -> None:
    found = read_history(made.paths.root)
    content = json.loads(history_as_json(found))
    assert [entry["line"] for entry in content["entries"] if entry["kind"] == "decision"] == [1, 2, 3]
    lines = history_lines(found)
    assert len(lines) == len(found.entries)
    assert any(
        " day 2    line 3: ada amended the protocol" in line and line.endswith("(a finer curve)") for line in lines
    )


def test_without_the_ledger_the_folders_tell(made: Lab) -> None:
    before = {(entry.day, entry.what) for entry in read_history(made.paths.root).entries}
    for file in made.paths.root.glob("ledger.sqlite*"):
        file.unlink()
    after = {(entry.day, entry.what) for entry in read_history(made.paths.root).entries}
    assert {(0, "was evaluated"), (1, "was planned")} <= after
    assert after <= before


def test_a_line_that_was_edited_is_said_and_those_before_it_are_told(made: Lab) -> None:
    content = made.paths.amendments.read_text()
    made.paths.amendments.write_text(content.replace("too long a day", "too short a day"))
    found = read_history(made.paths.root)
    assert [entry.line for entry in found.entries if entry.kind == "decision"] == [1]
    assert "line 2: expected the check" in found.damaged[-1]
    assert history_lines(found)[-1].startswith("damaged: ")


def test_a_folder_that_is_no_study_is_refused(tmp_path: Path) -> None:
    with refused(StudyError, tmp_path):
        read_history(tmp_path)
