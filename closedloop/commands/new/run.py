"""`closedloop new`, put together: ask, count, make the study, prepare its first session, say what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import ANSWERS_NAME, METADATA_NAME, StudyPaths
from closedloop.commands.create import create
from closedloop.commands.interrupts import interruptible
from closedloop.commands.new.answers import answers_bytes, kept_beside, read_answers
from closedloop.commands.new.asking import BACK, Answering, answer_all, ask_again, ask_all
from closedloop.commands.new.draft import Draft
from closedloop.commands.new.questions import QUESTIONS
from closedloop.commands.new.terminal import AtTerminal, is_somebody_there
from closedloop.commands.run import advance
from closedloop.errors import ClosedLoopError
from closedloop.plain_text.printed import command_line, in_words, printed
from closedloop.storage import remove_file, resolved, write_bytes
from closedloop.study.create import Request
from closedloop.study.first_day.checklist import (
    attacks_in_words,
    budget_lines,
    checklist,
    first_day_of,
    measured_in_words,
)
from closedloop.study.foresight.attack_time import time_attacks
from closedloop.study.foresight.budget import day_budget
from closedloop.study.foresight.duration import range_in_words
from closedloop.study.foresight.numbers import problems, raw_days_beyond, refuse_problems
from closedloop.study.foresight.place import refuse_place
from closedloop.study.foresight.waits import timed_waits
from closedloop.study.foresight.weights import base_model_named
from closedloop.study.loop import Outcome

_YES = "yes"


@dataclass(frozen=True)
class _Made:
    """What answers make: the draft they came to, its protocol, how long its attacks take, and its animal waits."""

    draft: Draft
    content: bytes
    protocol: Protocol
    attacks: str
    waits: str


def make_new(study: Path, given: Mapping[str, str], *, answers: Path | None, skip_unreadable: bool) -> Outcome:
    """Ask for a study, make it and prepare its first session.

    Parameters
    ----------
    study
        Where it will be.
    given
        Answers of options, by the questions' keys.
    answers
        A file of answers; what options say counts before it.
    skip_unreadable
        Whether images that cannot be shown are left out.

    Returns
    -------
    Outcome
        Where the loop stopped: it waits for the first session, or a gate holds it.

    Raises
    ------
    ClosedLoopError
        Something that the user can repair; no study was made.
    typer.Exit
        Interrupted: code 130.
    """
    root = resolved(study)
    paths = StudyPaths(root)
    known = [question.key for question in QUESTIONS]
    told = (read_answers(answers, known=known) if answers is not None else {}) | dict(given)
    if _is_made(paths, told, known=known):
        return _prepare(study, paths, attacks="")  # the same command, interrupted after the study was made
    refuse_place(root)
    kept = kept_beside(root)
    if is_somebody_there():
        talk, made = _ask(root, told, kept, known)
    else:
        talk = answer_all(Draft(root), told)
        made = _count(talk.draft)
    create(_request(made, talk.answers, skip_unreadable=skip_unreadable))
    if kept.exists():
        remove_file(kept)
    return _prepare(study, paths, attacks=made.attacks)


def _is_made(paths: StudyPaths, told: Mapping[str, str], *, known: list[str]) -> bool:
    """Return whether the study is there and was made by these answers; those that are not given are what it has."""
    if not (paths.study.is_file() and paths.answers.is_file()):
        return False
    there = read_answers(paths.answers, known=known)
    return all(there.get(key) == answer for key, answer in told.items())


def _prepare(study: Path, paths: StudyPaths, *, attacks: str) -> Outcome:
    """Prepare what is missing of the first session, and say what comes next."""
    write_bytes(paths.checklist, checklist(first_day_of(paths, attacks=attacks)).encode())
    outcome = advance(study, days=None)
    folder = paths.folder("synthesize", 0)
    if (folder / MANIFEST_NAME).is_file():
        measured = measured_in_words(read_manifest(folder).seconds)
        write_bytes(paths.checklist, checklist(first_day_of(paths, attacks=measured)).encode())
    lines = [
        f"The order of the first day, with its commands: {paths.checklist}",
        f"Rehearse it before the animal is there: {command_line('closedloop', 'rehearse', study)}",
    ]
    typer.echo(printed(lines))
    return outcome


def _ask(root: Path, told: Mapping[str, str], kept: Path, known: list[str]) -> tuple[Answering, _Made]:
    """Ask until somebody says that the study shall be made so."""
    person = AtTerminal(kept)
    older = read_answers(kept, known=known) if kept.is_file() else {}
    stopped = f"Stopped; no study was made. Answers are kept in {kept}: run the same command again to go on."
    person.say("Enter takes what stands in brackets; `back` goes back; Ctrl-C or Ctrl-D ends; answers are kept.")
    with interruptible(stopped), _abort_as_interrupt():
        talk = ask_all(Draft(root), told, older, person)
        while True:
            try:
                made = _count(talk.draft)
            except ClosedLoopError as error:
                person.say(str(error))
            else:
                for line in _budget(made):
                    person.say(line)
                answer = person.ask("Make the study and prepare its first session: yes, or back", _YES).strip().lower()
                if answer in (_YES, "y"):
                    return talk, made
                if answer != BACK:
                    continue
            talk = ask_again(talk, person)


@contextmanager
def _abort_as_interrupt() -> Iterator[None]:
    """Turn the end of a prompt by Ctrl-C, or of what is typed, into the KeyboardInterrupt that it stands for."""
    try:
        yield
    except typer.Abort:
        raise KeyboardInterrupt from None


def _count(draft: Draft) -> _Made:
    """Refuse what cannot be by all answers together, and measure what the attacks cost."""
    content, protocol = draft.protocol()
    beyond = raw_days_beyond(protocol)
    refuse_problems((*problems(draft.asked(protocol)), *([beyond] if beyond else [])), place=draft.source)
    typer.echo("Timing a few gradients of the base model ...", err=True)
    timed = time_attacks(protocol, _base_model(draft), place=Path(draft.source))
    words = attacks_in_words(
        timed.n_gradients, range_in_words(timed.least_s, timed.most_s), f"on {_processes(timed.n_processes)}"
    )
    waits, by = timed_waits(protocol, _base_model(draft), place=Path(draft.source), day=protocol.days - 1)
    waited = (
        f"about {in_words(sum(waits.values()))} of waiting between the {len(waits) + 1} rounds of the last day, {by}"
    )
    return _Made(draft, content, protocol, words, waited if waits else "")


def _processes(number: int) -> str:
    return "one process of this machine" if number == 1 else f"{number} processes of this machine"


def _base_model(draft: Draft) -> str:
    if draft.base_model is None:
        raise ValueError("expected a base model")
    return base_model_named(draft.base_model)


def _budget(made: _Made) -> Iterator[str]:
    yield ""
    yield "What the experiment costs:"
    budget = day_budget(made.protocol, n_arrays=len(made.draft.array_names), nsx=made.draft.nsx)
    for line in [*budget_lines(budget, made.attacks), *([made.waits] if made.waits else [])]:
        yield f"  {line}"


def _request(made: _Made, answers: Mapping[str, str], *, skip_unreadable: bool) -> Request:
    draft = made.draft
    return Request(
        root=draft.root,
        subject=draft.subject,
        simulated=False,
        protocol=draft.source,
        content=made.content,
        images=draft.images,
        base_model=draft.base_model,
        arrays=draft.arrays,
        recorder=draft.recorder,
        nsx=tuple(draft.nsx),
        skip_unreadable=skip_unreadable,
        beside={
            METADATA_NAME: draft.metadata().to_bytes(),
            ANSWERS_NAME: answers_bytes(answers),
        },
    )
