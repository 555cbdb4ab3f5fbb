"""The conversation of `closedloop new`, without a terminal: back, wrong answers, and going on another day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from closedloop.artifacts.protocol.protocol import read_protocol, session_hours
from closedloop.commands.new.answers import answers_bytes, read_answers
from closedloop.commands.new.asking import Answering, answer_all, ask_again, ask_all
from closedloop.commands.new.draft import Draft
from closedloop.commands.new.experiment import found_images, found_protocol
from closedloop.commands.new.questions import QUESTIONS
from closedloop.errors import OptionError, ProtocolError, StudyError
from tests.unit.study.new_studies import PROTOCOLS, image_folder

KNOWN = [question.key for question in QUESTIONS]
FACTS = {
    "subject": "m1",
    "species": "rhesus",
    "sex": "F",
    "birth": "P8Y6M",
    "regions": "IT",
    "hemispheres": "left",
    "experimenters": "Curie, Marie",
    "institution": "Example University",
}


@dataclass
class Somebody:
    """Says what is in a script, and writes down what is said to them and kept for them."""

    script: Iterator[str]
    questions: list[tuple[str, str | None]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)

    def ask(self, question: str, proposed: str | None) -> str:
        self.questions.append((question, proposed))
        said = next(self.script)
        return said or proposed or ""

    def say(self, line: str) -> None:
        self.heard.append(line)

    def keep(self, answers: Mapping[str, str]) -> None:
        self.kept = dict(answers)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return image_folder(tmp_path / "images")


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    return Draft(tmp_path / "study")


def given(images: Path, **more: str) -> dict[str, str]:
    return {"protocol": "smoke", "images": str(images), **FACTS, **more}


def test_without_a_person_what_is_proposed_stands_and_facts_have_to_be_given(draft: Draft, images: Path) -> None:
    talk = answer_all(draft, given(images))
    assert talk.answers["files"] == "ns6"
    assert talk.draft.metadata().animal.species == "Macaca mulatta"
    assert [array.name for array in talk.draft.metadata().arrays] == ["array1"]
    without = {key: value for key, value in given(images).items() if key not in ("sex", "birth")}
    with pytest.raises(OptionError, match=r"--sex, --birth: expected an answer"):
        answer_all(draft, without)


def test_a_wrong_answer_is_refused_at_once_and_asked_again(draft: Draft, images: Path) -> None:
    facts = {key: value for key, value in given(images).items() if key != "birth"}
    somebody = Somebody(iter(["yesterday", "2999-01-01", "1018-05-21", "2018-05-21", *[""] * 20]))
    talk = ask_all(draft, facts, {}, somebody)
    assert [line for line in somebody.heard if line.startswith("expected")] == [
        "expected a date (2018-05-21) or an age in ISO 8601 (P8Y, P7Y6M), found yesterday. Correct it.",
        "expected a date in the past, found 2999-01-01. Correct it.",
        "expected a date of the last 100 years, found 1018-05-21. Correct it.",
    ]
    assert str(talk.draft.metadata().animal.date_of_birth) == "2018-05-21"


def test_who_is_lost_is_told_what_is_expected(draft: Draft, images: Path) -> None:
    facts = {key: value for key, value in given(images).items() if key not in ("subject", "species")}
    somebody = Somebody(iter(["", "?", "quit", "m1", "Mouse", "rhesus", *[""] * 20]))
    talk = ask_all(draft, facts, {}, somebody)
    assert talk.draft.metadata().animal.subject_id == "m1"
    (none,) = (line for line in somebody.heard if "expected an answer, found none" in line)
    assert none.endswith("Files, pages and archives call it so.")
    assert sum("Ctrl-C or Ctrl-D ends" in line for line in somebody.heard) == 2
    (refused,) = (line for line in somebody.heard if "found 'Mouse'" in line)
    assert refused.startswith("expected a species in Latin")


def test_numbers_are_said_with_their_nouns_and_in_units_that_show_them(draft: Draft, images: Path) -> None:
    with pytest.raises(StudyError, match=r"expected at most 1 day, .* a copy of the protocol .*`days:`"):
        answer_all(draft, given(images, days="2"))
    with pytest.raises(ProtocolError, match=r"expected [0-9]+ s or more, .* found 1 s\."):
        answer_all(draft, given(images, hours="0.0001"))
    made = answer_all(draft, given(images)).draft
    said = found_protocol(made)
    assert "1 day of 200 presentations (" in said
    assert "h)" not in said
    assert "in 2 categories, enough for its day" in found_images(made)
    of_one = next(one for one in images.iterdir() if one.is_dir())
    assert "in 1 category," in found_images(replace(made, images=of_one))


def test_back_leads_to_the_question_before_and_what_was_said_is_proposed(draft: Draft, images: Path) -> None:
    facts = {key: value for key, value in given(images).items() if key not in ("subject", "species", "sex")}
    somebody = Somebody(iter(["m1", "rhesus", "back", "back", "m2", "", "F", *[""] * 20]))
    talk = ask_all(draft, facts, {}, somebody)
    assert [proposed for _, proposed in somebody.questions[:7]] == [None, None, None, "rhesus", "m1", "rhesus", None]
    assert talk.draft.metadata().animal.subject_id == "m2"
    assert talk.draft.metadata().animal.species == "Macaca mulatta"
    assert somebody.kept == talk.answers


def test_back_at_the_first_question_stays_there(draft: Draft, images: Path) -> None:
    facts = {key: value for key, value in given(images).items() if key != "subject"}
    somebody = Somebody(iter(["back", "m1", *[""] * 20]))
    ask_all(draft, facts, {}, somebody)
    assert "This is the first question." in somebody.heard


def test_answers_that_were_kept_are_taken_and_the_rest_is_asked(draft: Draft, images: Path, tmp_path: Path) -> None:
    first = Somebody(iter(["smoke", "m1", "rhesus"]))
    with pytest.raises((StopIteration, RuntimeError)):
        ask_all(draft, {}, {}, first)
    file = tmp_path / "answers.yaml"
    file.write_bytes(answers_bytes(first.kept))
    kept = read_answers(file, known=KNOWN)
    assert kept == {"protocol": "smoke", "subject": "m1", "species": "rhesus"}
    facts = {key: value for key, value in given(images).items() if key not in ("protocol", "subject", "species", "sex")}
    second = Somebody(iter(["F", *[""] * 20]))
    talk = ask_all(draft, facts, kept, second)
    assert second.questions[0][0].startswith("Its sex")
    assert talk.draft.metadata().animal.subject_id == "m1"


def test_a_kept_answer_that_cannot_be_any_more_is_said_and_proposed(draft: Draft, images: Path, tmp_path: Path) -> None:
    facts = {key: value for key, value in given(images).items() if key != "images"}
    kept = {"images": str(tmp_path / "gone")}
    somebody = Somebody(iter(["", str(images), *[""] * 20]))
    facts |= {"recorder": "blackrock", "arrays": "array1", "files": "none", "rig": "none"}
    talk = ask_all(draft, facts, kept, somebody)
    assert somebody.questions[0] == ("Folder of clean images", str(tmp_path / "gone"))
    assert sum("gone" in line for line in somebody.heard) == 2  # when it was taken, and when Enter took it again
    assert talk.draft.images == images


def test_from_the_end_one_can_go_back_and_the_answers_in_between_are_proposed(draft: Draft, images: Path) -> None:
    facts = {key: value for key, value in given(images).items() if key not in ("institution", "experimenters")}
    facts |= {
        "recorder": "blackrock",
        "arrays": "array1",
        "files": "none",
        "rig": "none",
        "base_model": "small_resnet_robust",
    }
    facts |= {"days": "1", "hours": "5"}
    somebody = Somebody(iter(["Curie, Marie", "Here", "none", "back", "back", "Hubel, David", "", ""]))
    talk = ask_all(draft, facts, {}, somebody)
    again = ask_again(talk, somebody)
    assert isinstance(again, Answering)
    assert again.draft.metadata().institution == "Here"


def test_hours_that_do_not_hold_the_protocol_s_day_ask_how_many_fresh_images_are_left(
    draft: Draft, images: Path
) -> None:
    whole = read_protocol(PROTOCOLS / "smoke.yaml")
    hours = f"{0.95 * session_hours(whole):.6f}"
    talk = answer_all(draft, given(images, hours=hours))
    assert talk.answers["fresh_images"] == "1"
    _, protocol = talk.draft.protocol()
    assert protocol.attack.fresh_images_per_site == 1 < whole.attack.fresh_images_per_site
    assert protocol.trial.hours_per_day == float(hours)


@pytest.mark.parametrize(
    ("key", "answer", "said"),
    [
        ("subject", "a/b", "without slashes"),
        ("species", "monkey", "a species in Latin"),
        ("sex", "x", "expected M, F, U"),
        ("birth", "P", "age"),
        ("arrays", "left=L*, right=L*", "--arrays: expected a pattern of its own"),
        ("regions", "IT, V4", "one for each of 1 arrays"),
        ("hemispheres", "both", "left or right"),
        ("files", "ns7", "--files .ns7"),
        ("days", "2", "--days: expected at most"),
        ("hours", "0.001", "without any fresh attack"),
        ("hours", "many", "a number of hours"),
        ("experimenters", "Marie Curie", "surname, comma, first name"),
        ("base_model", "absent.pt", "absent.pt"),
        ("rig", "absent.yaml", "absent.yaml"),
        ("images", "absent", "absent"),
        ("protocol", "gou2022", "Did you mean guo2022"),
    ],
)
def test_what_cannot_be_is_refused_by_its_option(draft: Draft, images: Path, key: str, answer: str, said: str) -> None:
    with pytest.raises(Exception, match=said) as refused:
        answer_all(draft, given(images) | {key: answer})
    assert "\n" not in str(refused.value)


def test_a_file_of_answers_with_an_unknown_key_is_refused_with_the_one_that_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    file.write_text("subjct: m1\n")
    with pytest.raises(OptionError, match=r"Did you mean subject"):
        read_answers(file, known=KNOWN)
    file.write_text("arrays: [left=L*, right=R*]\nhours: 3.5\n")
    assert read_answers(file, known=KNOWN) == {"arrays": "left=L*, right=R*", "hours": "3.5"}
