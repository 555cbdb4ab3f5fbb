"""Which row of the table of checks says a message: read from the table, and from who calls whom in its file."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from rig.check.table import CHECKS
from tools.operator_messages.found import FoundMessage

_Function = tuple[str, str]  # its file, from the root, and its name


def checks_by_function(root: Path) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Return, by file and function, the names of the checks that come there, in the order of the table.

    Parameters
    ----------
    root
        Of the repository.
    """
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    calls = _Calls(root)
    for row in CHECKS:
        path = f"{row.look.__module__.replace('.', '/')}.py"
        for function in calls.reached((path, row.look.__name__)):
            found[function] = (*found.get(function, ()), row.name)
    return found


def said_by(message: FoundMessage, checks: Mapping[tuple[str, str], tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names of the checks whose row says a message; none where it is no check's alone."""
    return checks.get((message.path, message.function), ())


class _Calls:
    """Who calls whom in the room of the checks, also across its files."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, dict[str, set[_Function]]] = {}

    def reached(self, function: _Function) -> set[_Function]:
        """Return a function and all that it comes to."""
        reached, new = {function}, {function}
        while new:
            new = {called for one in new for called in self._called_by(one)} - reached
            reached |= new
        return reached

    def _called_by(self, function: _Function) -> set[_Function]:
        path, name = function
        if path not in self._files:
            self._files[path] = _calls(path, (self._root / path).read_text())
        return self._files[path].get(name, set())


def _calls(path: str, source: str) -> dict[str, set[_Function]]:
    """Return by function which others it calls: of its file, or imported from another of the checks."""
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    known = {name: (path, name) for name in functions}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rig.check."):
            known |= {one.name: (f"{str(node.module).replace('.', '/')}.py", one.name) for one in node.names}
    return {
        name: {known[one.id] for one in ast.walk(node) if isinstance(one, ast.Name) and one.id in known}
        for name, node in functions.items()
    }
