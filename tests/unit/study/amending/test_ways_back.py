"""Every command that a refusal prints can be pasted: it is one that the command line takes, with all it needs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
import typer.core
import typer.main

from closedloop.artifacts.amended.exclusions import Exclusion, noted
from closedloop.artifacts.records.amendments import Kind, append_amendment
from closedloop.cli import app
from closedloop.errors import ClosedLoopError
from closedloop.study.amending.closing import close_day
from closedloop.study.amending.decide import Decision, as_line
from closedloop.study.amending.exclusions import Things, exclude, include
from closedloop.study.amending.sessions import drop_block, skip_day, unskip_day
from closedloop.study.amending.withdraw import TAKEN_BACK, withdraw
from closedloop.study.loop import read_identity
from tests.unit.study.amending.decided_labs import scheduled, skip
from tests.unit.study.labs import Lab, lab

COMMAND = re.compile(r"`(closedloop [^`]+)`")
SITE = Exclusion(part="fit", thing="site", name="array1-003", from_day=1, to_day=2)


def commands_in(message: str) -> list[list[str]]:
    """Return the words of the commands in a message, each understood by the command line to its last option."""
    found = [shlex.split(text)[1:] for text in COMMAND.findall(message)]
    for words in found:
        _understood([re.sub(r"^(TEXT|NAME|FOLDER|FILE)$", "given", word) for word in words])
    return found


def _understood(words: list[str]) -> None:
    program = typer.main.get_command(app)
    assert isinstance(program, typer.core.TyperGroup)
    command = program.commands[words[0]]
    command.make_context(words[0], words[1:]).close()  # raises where an option is missing or unknown


def refusal(ask: Callable[[], object]) -> str:
    with pytest.raises(ClosedLoopError) as caught:
        ask()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def empty(tmp_path: Path) -> Lab:
    """A study of an animal of which nothing is made, in a folder with a blank and braces."""
    return lab(tmp_path / "a {study}", simulated=False)


def decided(made: Lab, kind: Kind, *, day: int | None = 1, after: dict[str, str] | None = None, block: int = 1) -> None:
    study, _ = read_identity(made.paths)
    before = after if kind == "include" else None
    made_line = Decision(kind, day, (), before or {}, (after or {}) if before is None else {}, block)
    append_amendment(made.paths.amendments, as_line(made_line, study))


def taken_back(made: Lab, number: int) -> str:
    def nothing_foreseen(*_args: object, **_named: object) -> None: ...

    return refusal(
        lambda: withdraw(
            made.paths, *read_identity(made.paths), number=number, by="ada", why="no", foresee=nothing_foreseen
        )
    )


def test_a_line_that_withdraw_does_not_take_back_names_the_command_that_does(empty: Lab) -> None:
    study = str(empty.paths.root)
    of_day = [study, "--day", "1"]
    ways: dict[Kind, list[str]] = {
        "hold": ["release", study],
        "release": ["hold", study],
        "move_study": ["move", study, "--images"],
        "skip_day": ["unskip-day", *of_day],
        "unskip_day": ["skip-day", *of_day],
        "add_block": ["drop-block", *of_day],
        "drop_block": ["add-block", *of_day],
        "close_day": ["reopen-day", *of_day],
        "reopen_day": ["close-day", *of_day],
        "replace_recording": ["replace-recording", *of_day],
    }
    for number, (kind, words) in enumerate(ways.items(), start=1):
        assert kind not in TAKEN_BACK
        decided(empty, kind)
        ((command),) = commands_in(taken_back(empty, number))
        assert command[: len(words)] == words


def test_what_was_left_out_is_named_with_the_words_by_which_it_is_taken_in(empty: Lab) -> None:
    study, protocol = read_identity(empty.paths)
    day = Things(day=1, parts=("fit", "evaluation"))
    exclude(empty.paths, study, protocol, day, by="ada", why="noise", keep_attacking=False)
    ((command),) = commands_in(taken_back(empty, 1))
    assert command == ["include", str(empty.paths.root), "--from", "both", "--day", "1", "--why", "TEXT"]
    include(empty.paths, study, protocol, day, by="ada", why="no noise")
    assert commands_in(taken_back(empty, 2))[0][:2] == ["exclude", str(empty.paths.root)]


def test_sites_and_presentations_are_named_with_their_days(empty: Lab) -> None:
    decided(empty, "exclude", day=None, after=noted([SITE]))
    part = Exclusion(part="evaluation", thing="presentations", from_day=1, to_day=1, first=3, last=9)
    decided(empty, "include", after=noted([part]))
    ((site),) = commands_in(taken_back(empty, 1))
    assert site[2:-2] == ["--from", "fit", "--site", "array1-003", "--from-day", "1", "--to-day", "2"]
    ((some),) = commands_in(taken_back(empty, 2))
    assert some[2:-2] == ["--from", "evaluation", "--day", "1", "--presentations", "3-9"]


def test_what_is_left_out_by_other_days_or_parts_is_refused_with_the_command_that_takes_it_in(tmp_path: Path) -> None:
    made = scheduled(tmp_path / "a {study}", day=1)
    of_session = Exclusion(part="fit", thing="day", from_day=1, to_day=1, block=2)
    decided(made, "exclude", day=None, after=noted([of_session]))
    study, protocol = read_identity(made.paths)
    whole_day = Things(day=1, parts=("fit", "evaluation"))
    ((command),) = commands_in(
        refusal(lambda: include(made.paths, study, protocol, whole_day, by="ada", why="it is well"))
    )
    assert command[2:-2] == ["--from", "fit", "--day", "1", "--block", "2"]
    another = Things(day=0, parts=("fit",))
    said = refusal(lambda: include(made.paths, study, protocol, another, by="ada", why="it is well"))
    assert said.endswith("Name what is left out.")


@pytest.mark.parametrize("command", ["exclude", "skip-day", "close-day", "amend", "approve", "hold", "release"])
def test_a_reason_is_taken_by_either_of_its_names(command: str) -> None:
    options = {"exclude": ["--from", "fit"], "amend": ["differs.yaml", "--from-day", "1"], "approve": ["hours"]}
    of_command = options.get(command, ["--day", "1"] if command.endswith("-day") else [])
    for name in ("--why", "--reason"):
        _understood([command, "study", *of_command, name, "the animal is ill"])


def test_a_second_session_is_named_and_a_dropped_one_that_was_shown_is_had_again(empty: Lab) -> None:
    decided(empty, "close_day", block=2)
    decided(empty, "drop_block", after={"shown": "yes"}, block=2)
    assert commands_in(taken_back(empty, 1))[0][4:6] == ["--block", "2"]
    assert "--again" in commands_in(taken_back(empty, 2))[0]


def test_what_is_refused_of_days_and_sessions_names_a_command_that_is_not_refused(tmp_path: Path) -> None:
    made = scheduled(tmp_path / "a {study}", day=2)
    study, protocol = read_identity(made.paths)
    named = {"by": "ada", "why": "no"}
    ((out),) = commands_in(refusal(lambda: skip_day(made.paths, study, day=1, **named)))
    assert out[0] == "exclude"
    ((out),) = commands_in(refusal(lambda: drop_block(made.paths, study, day=1, **named)))  # it is ingested
    assert out[0] == "exclude"
    assert commands_in(refusal(lambda: drop_block(made.paths, study, day=0, **named))) == []  # day 0 is never skipped
    ((skipping),) = commands_in(refusal(lambda: drop_block(made.paths, study, day=2, **named)))
    assert skipping[0] == "skip-day"
    skip(made, 2)
    assert "found day 2 skipped" in refusal(lambda: drop_block(made.paths, study, day=2, **named))
    unskip_day(made.paths, study, protocol, day=2, **named)
    ((run),) = commands_in(refusal(lambda: close_day(made.paths, study, protocol, day=3, **named)))
    assert run == ["run", str(made.paths.root)]
