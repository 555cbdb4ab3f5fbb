"""Which row of the table of checks says a message: read from the table, and from who calls whom in its file."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from rig.check.table import CHECKS
from tools.operator_messages.found import FoundMessage


def checks_by_function(root: Path) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Return, by file and function, the names of the checks that come there, in the order of the table.

    Parameters
    ----------
    root
        Of the repository.
    """
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in CHECKS:
        path = f"{row.look.__module__.replace('.', '/')}.py"
        calls = _calls((root / path).read_text())
        for function in _reached(row.look.__name__, calls):
            found[(path, function)] = (*found.get((path, function), ()), row.name)
    return found


def said_by(message: FoundMessage, checks: Mapping[tuple[str, str], tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names of the checks whose row says a message; none where it is no check's alone."""
    return checks.get((message.path, message.function), ())


def _calls(source: str) -> dict[str, set[str]]:
    """Return by function which others of the file it calls."""
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    return {
        name: {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and one.id in functions} - {name}
        for name, node in functions.items()
    }


def _reached(function: str, calls: Mapping[str, set[str]]) -> set[str]:
    reached, new = {function}, {function}
    while new:
        new = {called for one in new for called in calls.get(one, ())} - reached
        reached |= new
    return reached
