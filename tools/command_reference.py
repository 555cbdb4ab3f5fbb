"""docs/commands.md: every command of `closedloop` and `rig` with its arguments and options, read from the programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

import closedloop.cli
import rig.cli

PROGRAMS = {"closedloop": closedloop.cli.app, "rig": rig.cli.app}
_OPENING = """# Commands

What `--help` says, in one place. [For the experimenter](experimenter.md), [for the operator](operator.md) and
[Blackrock recordings](recording.md) tell which command to use when.
"""


def write_command_reference() -> str:
    """Return the text of docs/commands.md."""
    sections = [_OPENING]
    for name, app in PROGRAMS.items():
        sections.extend(_sections(name, typer.main.get_command(app), depth=2))
    return "\n".join(sections)


def _sections(name: str, command: Any, *, depth: int) -> Iterator[str]:
    # Only names and texts are taken from the command: types and usage lines differ between versions of typer.
    yield f"{'#' * depth} {name}\n"
    if command.help:
        yield _as_markdown(command.help.strip()) + "\n"
    rows = [_row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    if hasattr(command, "commands"):
        if rows:
            yield "\n".join(rows) + "\n"
        for child in command.commands.values():
            yield from _sections(f"{name} {child.name}", child, depth=min(depth + 1, 3))
        return
    yield f"```text\n{' '.join([name, *_usage(command)])}\n```\n"
    if rows:
        yield "\n".join(rows) + "\n"


def _usage(command: Any) -> Iterator[str]:
    for parameter in command.params:
        name = _name(parameter)
        if parameter.param_type_name == "argument":
            yield name if parameter.required or name.startswith("[") else f"[{name}]"
        elif parameter.required:
            yield f"{parameter.opts[0]} {parameter.name.upper()}"
    if any(parameter.param_type_name == "option" and not parameter.required for parameter in command.params):
        yield "[OPTIONS]"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "option":
        return ", ".join([*parameter.opts, *parameter.secondary_opts])
    name: str = parameter.metavar or parameter.name.upper()
    return f"{name}..." if parameter.nargs == -1 else name


def _row(parameter: Any) -> str:
    text = f"- `{_name(parameter)}`"
    if parameter.help:
        text += f": {_as_markdown(' '.join(parameter.help.split()))}"
    if parameter.required and parameter.param_type_name == "option":
        return f"{text} [required]"
    default = parameter.default
    if default is None or isinstance(default, bool) or callable(default):
        return text
    several = default if isinstance(default, list | tuple) else [default]
    return f"{text} [default: {' '.join(str(one) for one in several)}]"


def _as_markdown(text: str) -> str:
    return re.sub(r"[\[<*]", r"\\\g<0>", text)
