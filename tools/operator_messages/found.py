"""Finds the messages in the code, without running it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.operator_messages.patterns import (
    LEAST_WORDS,
    Returned,
    Scope,
    has_words,
    joined,
    literal_parts,
    n_words,
    patterns_of,
)
from tools.operator_messages.spoken import (
    BESIDE_THE_RIG,
    CALLS,
    DOCUMENTS,
    FUNCTIONS,
    KEYWORDS,
    REFUSALS,
    TABLES,
    Spoken,
)

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class FoundMessage:
    """One message.

    Attributes
    ----------
    pattern
        Its words, those that are filled in in braces.
    kind
        How the operator meets it.
    path, line, function
        Where the code says it.
    """

    pattern: str
    kind: str
    path: str
    line: int
    function: str

    @property
    def parts(self) -> tuple[str, ...]:
        """Its literal parts, by which it is known."""
        return literal_parts(self.pattern)


@dataclass(frozen=True)
class PassedOn:
    """A call that passes on a text which the code has from elsewhere; it has no words of its own."""

    path: str
    line: int
    code: str


def find_messages(root: Path = ROOT) -> tuple[list[FoundMessage], list[PassedOn]]:
    """Return every message of the rig, and every call that has its words from elsewhere.

    Parameters
    ----------
    root
        Of the repository.
    """
    paths = [*sorted((root / "rig").rglob("*.py")), *(root / name for name in BESIDE_THE_RIG)]
    found: list[FoundMessage] = []
    passed: list[PassedOn] = []
    for path in paths:
        if path.is_file():
            name = path.relative_to(root).as_posix()
            look = _Look(name, ast.parse(path.read_text()), root)
            for one in look.messages():
                (found if isinstance(one, FoundMessage) else passed).append(one)  # type: ignore[arg-type]
    return found, passed


class _Look:
    """Looks through one file."""

    def __init__(self, path: str, tree: ast.Module, root: Path) -> None:
        self._path, self._tree = path, tree
        self._constants = constants_of(tree, root)
        self._returned = _returns(tree)

    def messages(self) -> Iterator[FoundMessage | PassedOn]:
        """Yield what this file says."""
        yield from self._inside(self._tree, function="", scope=Scope(self._constants, {}, self._returned))
        for statement in self._tree.body:
            yield from self._table(statement)

    def _table(self, statement: ast.stmt) -> Iterator[FoundMessage]:
        for name, value in _named(statement):
            kind = TABLES.get((self._path, name))
            if kind is not None:
                yield from self._texts(value, kind, name)

    def _inside(
        self, node: ast.AST, *, function: str, scope: Scope, column: int = 0
    ) -> Iterator[FoundMessage | PassedOn]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = Scope(self._constants, {**scope.assigned, **_assigned(child, self._returned)}, self._returned)
                if (kind := FUNCTIONS.get((self._path, child.name))) is not None:
                    yield from self._texts(child, kind, child.name, inner)
                if child.name in REFUSALS:
                    yield from self._refusal(child, inner)
                yield from self._inside(child, function=child.name, scope=inner)
                continue
            if isinstance(child, ast.Call) and (spoken := self._spoken(child)) is not None:
                yield from self._call(child, spoken, function, scope.at(child, column=column))
            if isinstance(child, ast.keyword) and child.arg in KEYWORDS:
                for pattern in filter(has_words, patterns_of(child.value, scope)):
                    yield FoundMessage(f"{{file}}: {pattern}", "error", self._path, child.value.lineno, function)
            inside = child.col_offset if isinstance(child, ast.stmt) else column
            yield from self._inside(child, function=function, scope=scope, column=inside)

    def _spoken(self, call: ast.Call) -> Spoken | None:
        name = _name_of(call)
        if name.endswith("Error"):
            is_python = hasattr(builtins, name)
            is_document = name == "ValueError" and self._path.startswith(DOCUMENTS)
            return None if is_python and not is_document else Spoken("error")
        spoken = CALLS.get(name)
        return spoken if spoken is not None and spoken.of_an_object == isinstance(call.func, ast.Attribute) else None

    def _call(self, call: ast.Call, spoken: Spoken, function: str, scope: Scope) -> Iterator[FoundMessage | PassedOn]:
        given = call.args
        kind = spoken.kind
        if not kind:
            before = given[spoken.text - 1] if len(given) >= spoken.text else None
            kind = str(before.value) if isinstance(before, ast.Constant) else "FAIL or WARN"
        if kind == "PASS" or len(given) <= spoken.text:
            return
        fixes = [""]
        if spoken.fix is not None and len(given) > spoken.fix:
            fixes = patterns_of(given[spoken.fix], scope)
        patterns = [joined(found, fix) for found in patterns_of(given[spoken.text], scope) for fix in fixes]
        said = [pattern for pattern in patterns if has_words(pattern)]
        for pattern in said:
            yield FoundMessage(pattern, kind, self._path, call.lineno, function)
        if not said:
            yield PassedOn(self._path, call.lineno, f"{_name_of(call)}({ast.unparse(given[spoken.text])})")

    def _refusal(self, function: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Iterator[FoundMessage]:
        for value in _returns_of(function):
            for pattern in patterns_of(value, scope):
                yield FoundMessage(pattern, "error", self._path, value.lineno, function.name)

    def _texts(self, node: ast.AST, kind: str, name: str, scope: Scope | None = None) -> Iterator[FoundMessage]:
        """Yield every text of more than a word, docstrings apart."""
        scope = scope or Scope(self._constants)
        bare = {id(one.value) for one in ast.walk(node) if isinstance(one, ast.Expr)}
        inner = {id(part) for one in ast.walk(node) if isinstance(one, ast.JoinedStr) for part in ast.walk(one)} - {
            id(one) for one in ast.walk(node) if isinstance(one, ast.JoinedStr)
        }
        inner |= {id(part) for one in ast.walk(node) if isinstance(one, ast.Compare) for part in ast.walk(one)}
        for one in ast.walk(node):
            is_text = isinstance(one, ast.JoinedStr) or (isinstance(one, ast.Constant) and isinstance(one.value, str))
            if not is_text or id(one) in bare or id(one) in inner:
                continue
            for pattern in patterns_of(one, scope):  # type: ignore[arg-type]
                if n_words(pattern) >= LEAST_WORDS:
                    yield FoundMessage(pattern, kind, self._path, one.lineno, name)  # type: ignore[attr-defined]


def _name_of(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _named(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a statement assigns, with the value."""
    match statement:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _targets(target, value)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value


def _targets(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, value
        case ast.Tuple(elts=names), ast.Tuple(elts=values) if len(names) == len(values):
            for one, its in zip(names, values, strict=True):
                yield from _targets(one, its)
        case ast.Tuple(elts=names), ast.IfExp(body=body, orelse=orelse):
            yield from _targets(target, body)
            yield from _targets(target, orelse)
        case ast.Tuple(elts=names), _:
            for one in names:
                if isinstance(one, ast.Name):
                    yield one.id, ast.Name(id="", ctx=ast.Load())


def _own(function: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements of a function that are not of a function inside of it."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for one in getattr(function, block, ()):
            if isinstance(one, ast.stmt) and not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                yield one
            if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _own(one)


def _assigned(function: ast.AST, speaking: Container[str] = ()) -> dict[str, tuple[ast.expr, ...]]:
    """Return the texts that a function gives to names of its own; a name that has another value, too, is a hole."""
    found: dict[str, tuple[ast.expr, ...]] = {}
    for node in _own(function):
        for name, value in _named(node):
            value.statement_column = node.col_offset  # type: ignore[attr-defined]
            found[name] = (*found.get(name, ()), value)
    return {name: values for name, values in found.items() if any(_may_be_text(value, speaking) for value in values)}


def _may_be_text(node: ast.expr, speaking: Container[str] = ()) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name in speaking
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(op=ast.Add(), left=left):
            return _may_be_text(left)
        case ast.IfExp(body=body, orelse=orelse):
            return _may_be_text(body) or _may_be_text(orelse)
    return False


def _returns(tree: ast.Module) -> dict[str, tuple[Returned, ...]]:
    """Return what each function of a module returns, where that may be text."""
    found: dict[str, tuple[Returned, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            values = [Returned(value, _assigned(node)) for value in _returns_of(node) if _may_be_text(value)]
            if values:
                found[node.name] = (*found.get(node.name, ()), *values)
    return found


def _returns_of(function: ast.AST) -> list[ast.expr]:
    return [node.value for node in _own(function) if isinstance(node, ast.Return) and node.value is not None]


def constants_of(tree: ast.Module, root: Path) -> Mapping[str, str]:
    """Return a module's texts by name, and those that it imports from the rig."""
    found = dict(_texts_of(tree))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rig."):
            there = _texts_at(root, str(node.module))
            found.update({(one.asname or one.name): there[one.name] for one in node.names if one.name in there})
    return found


@cache
def _texts_at(root: Path, module: str) -> dict[str, str]:
    path = root.joinpath(*module.split(".")).with_suffix(".py")
    return dict(_texts_of(ast.parse(path.read_text()))) if path.is_file() else {}


def _texts_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for statement in tree.body:
        for name, value in _named(statement):
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield name, value.value
