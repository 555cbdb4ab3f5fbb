"""The conversation: a question at a time, each answer checked at once; one can go back, and go on another day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol as Port

from closedloop.commands.new.draft import Draft
from closedloop.commands.new.questions import QUESTIONS, StudyQuestion
from closedloop.errors import ClosedLoopError, OptionError

BACK = "back"
_WORDS_FOR_HELP = ("?", "help", "quit", "exit")  # typed by who is lost; no answer to any question
_HELP = "`back` goes to the question before; Ctrl-C or Ctrl-D ends, and the answers are kept."


class Person(Port):
    """Somebody at a terminal."""

    def ask(self, question: str, proposed: str | None) -> str:
        """Put a question with what Enter takes, and return the answer."""

    def say(self, line: str) -> None:
        """Say a line."""

    def keep(self, answers: Mapping[str, str]) -> None:
        """Write down what was answered so far."""


@dataclass
class Answering:
    """What was answered so far.

    Attributes
    ----------
    draft
        The study that the answers make.
    answers
        By key, in the order of the questions.
    asked
        Questions that the person answered here, each with the draft before it: where `back` leads.
    """

    draft: Draft
    answers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[int, Draft]] = field(default_factory=list)

    def take(self, question: StudyQuestion, answer: str) -> None:
        """Take an answer.

        Raises
        ------
        ClosedLoopError
            It cannot be.
        """
        self.draft = question.take(answer.strip(), self.draft)
        self.answers[question.key] = question.kept(answer.strip())


def answer_all(draft: Draft, given: Mapping[str, str]) -> Answering:
    """Take all answers from options and a file, where nobody can be asked; what is proposed stands for the others.

    Parameters
    ----------
    draft
        Where the study will be.
    given
        Answers by key.

    Raises
    ------
    OptionError
        An answer is missing that nobody can propose.
    ClosedLoopError
        One cannot be.
    """
    missing = [question for question in QUESTIONS if question.needs_a_person and question.key not in given]
    _refuse_missing(missing)
    talk = Answering(draft)
    for question in QUESTIONS:
        if not question.applies(talk.draft):
            continue
        answer = given[question.key] if question.key in given else question.propose(talk.draft)
        if answer is None:
            _refuse_missing([question])
        else:
            talk.take(question, answer)
    return talk


def _refuse_missing(missing: list[StudyQuestion]) -> None:
    if missing:
        what = missing[0].asks if len(missing) == 1 else "nobody but a person knows"
        raise OptionError(
            f"{', '.join(question.option for question in missing)}: expected an answer ({what}), found none. Give it "
            "by its option or in a file by --answers, or run `closedloop new` in a terminal, where it asks."
        )


def ask_all(draft: Draft, given: Mapping[str, str], kept: Mapping[str, str], person: Person) -> Answering:
    """Put every question that no option answered, from the first that was not answered before.

    Parameters
    ----------
    draft
        Where the study will be.
    given
        Answers by key, of options and a file: they are not asked.
    kept
        Of an interrupted conversation: taken as they are up to the first that cannot be any more, and proposed then.
    person
        Who is asked.

    Raises
    ------
    ClosedLoopError
        An option's answer cannot be.
    """
    talk, number, older = Answering(draft), 0, dict(kept)
    is_going_on = bool(kept)
    if is_going_on:
        person.say("Going on with what was answered before; `back` leads to it.")
    while number < len(QUESTIONS):
        question = QUESTIONS[number]
        if not question.applies(talk.draft):
            number += 1
        elif question.key in given:
            talk.take(question, given[question.key])
            number += 1
        elif is_going_on and question.key in older:
            is_going_on = _take_older(talk, number, older, person)
            number += is_going_on
        else:
            is_going_on = False
            number = _ask(talk, number, older, person)
    return talk


def ask_again(talk: Answering, person: Person) -> Answering:
    """Go back to the last question that was asked, and on from there.

    Parameters
    ----------
    talk
        A conversation that came to its end.
    person
        Who is asked.
    """
    number = _back(talk, person, at=len(QUESTIONS))
    while number < len(QUESTIONS):
        applies = QUESTIONS[number].applies(talk.draft)
        number = _ask(talk, number, dict(talk.answers), person) if applies else number + 1
    return talk


def _take_older(talk: Answering, number: int, older: Mapping[str, str], person: Person) -> bool:
    """Take an answer of before; return whether it still can be."""
    question, before = QUESTIONS[number], talk.draft
    try:
        talk.take(question, older[question.key])
    except ClosedLoopError as error:
        person.say(str(error))
        return False
    talk.asked.append((number, before))
    person.say(f"  {question.asks}: {older[question.key]}")
    return True


def _ask(talk: Answering, number: int, older: dict[str, str], person: Person) -> int:
    """Ask until an answer fits; return which question comes next."""
    question, before = QUESTIONS[number], talk.draft
    person.say("")
    person.say(question.explains)
    while True:
        answer = person.ask(question.asks, older.get(question.key) or question.propose(before)).strip()
        if answer.lower() == BACK:
            return _back(talk, person, at=number)
        if not answer:
            person.say(f"expected an answer, found none: nobody can propose one. {question.explains}")
            continue
        if answer.lower() in _WORDS_FOR_HELP:
            person.say(f"{question.explains} {_HELP}")
            continue
        try:
            talk.take(question, answer)
        except ClosedLoopError as error:
            person.say(str(error).removeprefix(f"{question.option}: "))  # of an option that nobody typed
            continue
        older[question.key] = answer
        talk.asked.append((number, before))
        person.keep(talk.answers | {key: value for key, value in older.items() if key not in talk.answers})
        found = question.found(talk.draft)
        if found:
            person.say(f"  {found}")
        return number + 1


def _back(talk: Answering, person: Person, *, at: int) -> int:
    if not talk.asked:
        person.say("This is the first question.")
        return at
    number, talk.draft = talk.asked.pop()
    return number
