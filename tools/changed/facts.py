"""What one file of code says of other files: what it imports, in functions too, and which of them it names in text.

A file of the tests is taken apart: a test reaches what it and the functions that it names say, not what a neighbour in
its file says. Any other file is one whole.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tools.changed.tree import PACKAGES

WHOLE = "*"  # the part of a file that has no parts; in one that has, what runs when it is imported
_MODULE_NAME = re.compile(rf"\b(?:{'|'.join(PACKAGES)})(?:\.\w+)+")


@dataclass
class Part:
    """What a function, a class or a whole file says."""

    imports: set[tuple[str, str]] = field(default_factory=set)  # module, name in it or "" for the module
    texts: set[str] = field(default_factory=set)
    starts: set[str] = field(default_factory=set)  # of a text, before what is put into it
    names: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Facts:
    """The parts of a file by name, which of them are tests, and what its own imports are called in it."""

    parts: Mapping[str, Part]
    tests: frozenset[str]
    fixtures: frozenset[str]
    imported: Mapping[str, tuple[str, str]]


def read_whole(text: str, module: str) -> Facts:
    """Read a file as one part."""
    return Facts({WHOLE: _said([ast.parse(text)], module)}, frozenset(), frozenset(), {})


def read_parts(text: str, module: str) -> Facts:
    """Read a file of tests: a part for each function and class at its top, without what is marked slow."""
    top = ast.parse(text).body
    parts: dict[str, Part] = {}
    imported: dict[str, tuple[str, str]] = {}
    tests, fixtures = set(), set()
    rest: list[ast.stmt] = []
    all_slow = any(_assigns(node, "pytestmark") and "mark.slow" in ast.unparse(node) for node in top)
    for node in top:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported.update(_imported(node, module))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            if all_slow or _is_slow(node):
                continue
            parts[node.name] = _said(_without_slow(node), module)
            if node.name.lower().startswith("test"):
                tests.add(node.name)
            fixture = next((text for text in map(ast.unparse, node.decorator_list) if "fixture" in text), "")
            if fixture:
                fixtures.add(node.name)
            if "autouse" in fixture or node.name.startswith("pytest_"):
                rest.append(node)
        else:
            rest.append(node)
    parts[WHOLE] = _said(rest, module)
    return Facts(parts, frozenset(tests), frozenset(fixtures), imported)


def _without_slow(node: ast.stmt) -> list[ast.AST]:
    if not isinstance(node, ast.ClassDef):
        return [node]
    kept = [each for each in node.body if not (isinstance(each, ast.FunctionDef) and _is_slow(each))]
    return [*kept, *node.bases, *node.keywords, *node.decorator_list]


def _is_slow(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return any(ast.unparse(each) == "pytest.mark.slow" for each in node.decorator_list)


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets)


def _said(nodes: Iterable[ast.AST], module: str) -> Part:
    part = Part()
    for node in _walk(nodes):
        if isinstance(node, ast.Import | ast.ImportFrom):
            part.imports.update(_imported(node, module).values())
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            part.texts.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            part.starts.update(str(each.value) for each in node.values[:1] if isinstance(each, ast.Constant))
        elif isinstance(node, ast.Name):
            part.names.add(node.id)
        elif isinstance(node, ast.arg):
            part.names.add(node.arg)
    return part


def _walk(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Every node but docstrings."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        skipped = first if first is not None and _is_text(first) else None
        waiting.extend(child for child in ast.iter_child_nodes(node) if child is not skipped)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imported(node: ast.Import | ast.ImportFrom, module: str) -> dict[str, tuple[str, str]]:
    """Return what an import brings, by the name that it has then."""
    if isinstance(node, ast.Import):
        return {name.asname or name.name.split(".")[0]: (name.name, "") for name in node.names}
    start = ".".join(module.split(".")[: -node.level]) if node.level else ""
    source = ".".join(filter(None, [start, node.module]))
    return {name.asname or name.name: (source, name.name) for name in node.names}


def module_names(texts: Iterable[str]) -> Iterator[str]:
    """Yield what reads as the name of a module of ours, or of something in one."""
    for text in texts:
        yield from _MODULE_NAME.findall(text)
