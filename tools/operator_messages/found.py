"""Finds the messages in the code, without running it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.operator_messages.names import assigned, constants_of, given_to, name_of, named, returns, returns_of
from tools.operator_messages.patterns import (
    LEAST_WORDS,
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
_TEXT_NAMES, _FIX_NAMES = ("found", "words", "fault", "why"), ("fix", "remedy")


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
        self._returned, self._given = returns(tree), given_to(tree)

    def messages(self) -> Iterator[FoundMessage | PassedOn]:
        """Yield what this file says."""
        yield from self._inside(self._tree, function="", scope=Scope(self._constants, {}, self._returned))
        for statement in self._tree.body:
            yield from self._table(statement)

    def _table(self, statement: ast.stmt) -> Iterator[FoundMessage]:
        for name, value in named(statement):
            kind = TABLES.get((self._path, name))
            if kind is not None:
                yield from self._texts(value, kind, name)

    def _inside(
        self, node: ast.AST, *, function: str, scope: Scope, column: int = 0
    ) -> Iterator[FoundMessage | PassedOn]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                own = {**scope.assigned, **assigned(child, self._returned)}
                # Where a function of ours is a way to say something, its own callers are looked at.
                is_a_way = child.name in CALLS and not CALLS[child.name].of_an_object and not _is_method(child)
                given = {} if is_a_way else {**scope.given, **self._given.get(child.name, {})}
                inner = Scope(self._constants, own, self._returned, given)
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
        name = name_of(call)
        if name.endswith("Error"):
            is_python = hasattr(builtins, name)
            is_document = name == "ValueError" and self._path.startswith(DOCUMENTS)
            return None if is_python and not is_document else Spoken("error")
        spoken = CALLS.get(name)
        return spoken if spoken is not None and spoken.of_an_object == isinstance(call.func, ast.Attribute) else None

    def _call(self, call: ast.Call, spoken: Spoken, function: str, scope: Scope) -> Iterator[FoundMessage | PassedOn]:
        text = _argument(call, spoken.text, _TEXT_NAMES)
        kind = spoken.kind or _kind_of(_argument(call, spoken.text - 1, ("status",)))
        if kind == "PASS" or text is None:
            return
        fix = _argument(call, spoken.fix, _FIX_NAMES) if spoken.fix is not None else None
        fixes = patterns_of(fix, scope) if fix is not None else [""]
        patterns = [joined(found, todo) for found in patterns_of(text, scope) for todo in fixes]
        said = [pattern for pattern in patterns if has_words(pattern)]
        for pattern in said:
            yield FoundMessage(pattern, kind, self._path, call.lineno, function)
        if not said:
            yield PassedOn(self._path, call.lineno, f"{name_of(call)}({ast.unparse(text)})")

    def _refusal(self, function: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Iterator[FoundMessage]:
        for value in returns_of(function):
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


def _is_method(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return [one.arg for one in function.args.args[:1]] == ["self"]


def _argument(call: ast.Call, place: int, names: Sequence[str]) -> ast.expr | None:
    """Return an argument by its place, or by one of its names."""
    if len(call.args) > place:
        return call.args[place]
    return next((one.value for one in call.keywords if one.arg in names), None)


def _kind_of(status: ast.expr | None) -> str:
    return str(status.value) if isinstance(status, ast.Constant) else "FAIL or WARN"
