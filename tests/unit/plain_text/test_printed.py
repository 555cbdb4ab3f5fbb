"""What is pasted into a shell means the path it was made from; names that people give can be read."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from closedloop.errors import StudyError
from closedloop.plain_text.printed import check_given_name, check_given_text, command_line, number_text, printed
from tests.unit.messages import refused

NASTY = [
    "a b",
    "it's",
    '"',
    "$HOME",
    "`ls`",
    "a;b",
    "a&b",
    "*",
    "~",
    "#a",
    "\\",
    "a|b",
    "(a)",
    "M\u00fcller",
    "a=b",
    "!x",
]


@pytest.mark.parametrize("name", NASTY)
def test_a_shell_reads_the_path_that_was_meant(name: str) -> None:
    assert shlex.split(command_line("closedloop", "run", Path(name), "--why", name)) == [
        *("closedloop", "run", name, "--why", name)
    ]


def test_a_path_that_begins_with_a_dash_is_no_option() -> None:
    assert command_line("rig", "present", Path("-x"), "--out", Path("/-y")) == "rig present ./-x --out /-y"


def test_a_line_stays_a_line() -> None:
    assert printed(["a\nb", "[b]\x1b[2J"]) == "a\\nb\n[b]\\x1b[2J"


@pytest.mark.parametrize(
    ("name", "found"),
    [("", "none"), (" \t", "none"), ("x" * 10_000, "10,000"), ("a\x1b[2J", "a\\x1b[2J"), ("a\u202eb", "a\\u202eb")],
)
def test_a_name_that_nobody_can_read_is_refused(name: str, found: str) -> None:
    with refused(StudyError, "--subject: expected a name", f"found {found}"):
        check_given_name(name, option="--subject", error=StudyError)


@pytest.mark.parametrize("name", ["[/b]", "Bert & Ernie", "M\u00fcller <1>", "\u732b"])
def test_any_other_name_is_taken(name: str) -> None:
    check_given_name(name, option="--subject", error=StudyError)


def test_a_reason_is_text_that_can_be_written() -> None:
    check_given_text("the recorder\nwas late", option="--why", error=StudyError)
    for text in ("", "  ", "\udc80"):
        with refused(StudyError, "--why: expected text"):
            check_given_text(text, option="--why", error=StudyError)


def test_a_number_has_as_many_digits_as_it_needs() -> None:
    assert [number_text(value) for value in (1, 1.0, 2.50, 1e-3, 1 / 3)] == ["1", "1", "2.5", "0.001", repr(1 / 3)]
