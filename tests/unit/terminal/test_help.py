"""The help is in one style: no braces, no types, one pair of brackets for what an option may be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
import typer

import rig.cli
from closedloop import cli
from closedloop.commands.listed.sections import SECTIONS
from closedloop.terminal.help import plain_help
from tests.unit.forked import command


def lines_of_help(app: typer.Typer) -> Iterator[tuple[str, str]]:
    """Yield each command's name and its help, all commands below it included."""
    yield from _below(plain_help(typer.main.get_command(app)), ())


def _below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    with command.make_context("tool", [], resilient_parsing=True) as context:
        yield " ".join(words), command.get_help(context)
    for name, one in getattr(command, "commands", {}).items():
        yield from _below(one, (*words, name))


@pytest.mark.parametrize("app", [cli.app, rig.cli.app])
def test_every_help_is_in_one_style(app: typer.Typer) -> None:
    found = dict(lines_of_help(app))
    assert len(found) > 2
    for name, text in found.items():
        assert not re.search(r"\{[A-Z]", text), name
        assert not re.search(r"<\w", text), name
        assert not re.search(r"\]\s+\[", text.partition("Options:")[2]), name


def test_every_command_is_in_one_section_in_a_line_of_a_terminal() -> None:
    """The help of all commands tells in one screen of 80 columns which is for what."""
    listed = [name for commands in SECTIONS.values() for name in commands]
    assert sorted(listed) == sorted(typer.main.get_command(cli.app).commands)
    text = command("--help").out
    for commands in SECTIONS.values():
        for name, does in commands.items():
            assert re.search(rf"^  {name} +{re.escape(does)}$", text, re.MULTILINE), name
    assert max(map(len, text.splitlines())) <= 80


def test_what_an_option_may_be_stands_behind_it_and_a_type_does_not() -> None:
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    def do(
        place: Annotated[str, typer.Argument(metavar="PLACE")],
        display: Literal["window", "none"] = "window",
        n: Annotated[int | None, typer.Option(min=1, metavar="N", help="how many  [default: all]")] = None,
    ) -> None: ...

    (text,) = (text for _, text in lines_of_help(app))
    assert "Usage: tool [OPTIONS] PLACE\n" in text
    assert re.search(r"^  PLACE +\[required\]$", text, re.MULTILINE)
    assert re.search(r"^  --display window\|none +", text, re.MULTILINE)
    assert "how many  [default: all; x>=1]" in text


def test_a_number_out_of_bounds_is_told_in_words() -> None:
    ended = command("dry-run", "x", "--days", "0")
    assert ended.code == 2
    assert "Invalid value for '--days': expected a number of at least 1, found 0. See" in ended.err
