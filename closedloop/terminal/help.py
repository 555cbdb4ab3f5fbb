"""The help of a command as a person reads it, without typer's types, braces and second pairs of brackets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from closedloop.terminal.options import LARGEST_SEED

_BRACED = re.compile(r"\{([^{}]*)\}")  # `{STUDY}`, beside `[STUDY]` for what may be left out
_TYPE = re.compile(r" <([^<>]*)>$")  # of an argument, `STUDY <path>`; of an option what it may be, `--display <a|b>`
_ANY_SEED = f"0<=x<={LARGEST_SEED}"
_TWO_BRACKETS = re.compile(r"\]\s+\[")  # `[default: 2]  [x>=1]`, beside `[default: 2; x>=1]`


Sections = Mapping[str, Mapping[str, str]]
"""By heading, commands and what each does."""


def plain_help(command: Any, *, sections: Sections | None = None) -> Any:
    """Return a command, and all below it, with help in one style.

    Parameters
    ----------
    command
        What typer makes of an app; typer keeps its classes to itself.
    sections
        How it lists the commands below it; None: one below the other.
    """
    if sections:
        command.format_commands = _in_sections(sections)
    for parameter in command.params:
        parameter.get_help_record = _plain_record(parameter.get_help_record)
        parameter.get_usage_pieces = _plain_pieces(parameter.get_usage_pieces)
    for one in getattr(command, "commands", {}).values():
        plain_help(one)
    return command


def _in_sections(sections: Sections) -> Callable[[Any, Any], None]:
    width = max(len(name) for commands in sections.values() for name in commands)

    def format_commands(_ctx: Any, formatter: Any) -> None:
        for heading, commands in sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), does) for name, does in commands.items()])

    return format_commands


def _plain_record(original: Callable[[Any], tuple[str, str] | None]) -> Callable[[Any], tuple[str, str] | None]:
    def record(ctx: Any) -> tuple[str, str] | None:
        found = original(ctx)
        if found is None:
            return None
        name = _TYPE.sub(r" \1" if found[0].startswith("-") else "", found[0])
        return name, _TWO_BRACKETS.sub("; ", found[1]).replace(_ANY_SEED, "x>=0")

    return record


def _plain_pieces(original: Callable[[Any], list[str]]) -> Callable[[Any], list[str]]:
    return lambda ctx: [_BRACED.sub(r"\1", piece) for piece in original(ctx)]
