"""Commands in messages can be pasted: every path in them is quoted for a shell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.house import CODE

BEGIN = re.compile(r"`(closedloop|rig) [^`]*$")
QUOTED = re.compile(r"(quoted|command_line)\(")
PLAIN = {  # what a command may have unquoted: numbers, and what was quoted before
    *("day", "brought.day", "despite", "more", "study", "options"),
}


def unquoted(_path: str, tree: ast.Module) -> Iterator[str]:
    """Yield what stands in a command between backticks and is not quoted."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        text = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                text = (text + str(part.value)).rpartition("\n")[2]
                if text.count("`") % 2 == 0:
                    text = ""
            elif BEGIN.search(text) and isinstance(part, ast.FormattedValue):
                value = ast.unparse(part.value)
                if not QUOTED.match(value) and value not in PLAIN:
                    yield value


def test_every_path_in_a_command_is_quoted() -> None:
    assert not {path: found for path, tree in CODE.items() if (found := list(unquoted(path, tree)))}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("f'Go on with `closedloop run {paths.root}`.'", ["paths.root"]),
        ("f'{a}: `rig present {quoted(a)} --out {b}` and {c}'", ["b"]),
        ("f'{a}: `closedloop run {quoted(a)}`; {c}'", []),
        ("f'`{a}` and {b}'", []),
    ],
)
def test_an_unquoted_path_is_found(line: str, found: list[str]) -> None:
    assert list(unquoted("", ast.parse(line))) == found


def test_who_quotes_has_it_from_one_file() -> None:
    users = {path for path, tree in CODE.items() for node in ast.walk(tree) if _imports_shlex(node)}
    assert users == {"closedloop/plain_text/printed.py", "closedloop/execution/dask.py"}  # there: what needs quoting


def _imports_shlex(node: ast.AST) -> bool:
    return (isinstance(node, ast.Import) and any(name.name == "shlex" for name in node.names)) or (
        isinstance(node, ast.ImportFrom) and node.module == "shlex"
    )
