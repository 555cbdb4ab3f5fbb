"""The words of a message as the code has them: its literal parts, and a word in braces for each that is filled in."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tools.operator_messages.spoken import WRAPPERS

LEAST_WORDS = 3
"""Of a text that somebody reads for itself; fewer name something within another."""

MOST_ALTERNATIVES = 24
HOLE = re.compile(r"(?<!\{)\{([^{}]*)\}(?!\})")
"""What is filled in; braces that are the message's own stand doubled."""
_WORD = re.compile(r"[A-Za-z]{2,}")
_PLAIN_NAME = re.compile(r"\W+")


def literal_parts(pattern: str) -> tuple[str, ...]:
    """Return what stands between the holes of a pattern: two patterns with the same are one message.

    Examples
    --------
    >>> literal_parts("{path}: expected a file,  found {what}.")
    ('', ': expected a file, found ', '.')
    """
    return tuple(re.sub(r"\s+", " ", part) for part in HOLE.split(pattern.strip())[::2])


def has_words(pattern: str) -> bool:
    """Return whether a pattern says anything by itself."""
    return _WORD.search("".join(literal_parts(pattern))) is not None


def n_words(pattern: str) -> int:
    """Return how many words of a pattern are its own."""
    return len(" ".join(literal_parts(pattern)).split())


def joined(found: str, fix: str) -> str:
    """Return what a check found and what to do about it as one pattern."""
    return f"{found.rstrip('.')}. {fix}" if fix else found


@dataclass(frozen=True)
class Returned:
    """What a function returns somewhere, and what its own names mean there."""

    value: ast.expr
    assigned: Mapping[str, tuple[ast.expr, ...]]


@dataclass(frozen=True)
class Scope:
    """What names mean where a message stands.

    Attributes
    ----------
    constants
        Texts of the module, and those that it imports from the rig.
    assigned
        Values of the function's own names.
    returned
        What functions of the module return, by name, each with that function's own names.
    given
        What the function's parameters are given in this file.
    following
        Names that are being looked up: one that means itself is a hole.
    line, column
        Where the message stands: what is assigned below it is another's.
    """

    constants: Mapping[str, str]
    assigned: Mapping[str, tuple[ast.expr, ...]] = field(default_factory=dict)
    returned: Mapping[str, tuple[Returned, ...]] = field(default_factory=dict)
    given: Mapping[str, tuple[Returned, ...]] = field(default_factory=dict)
    following: frozenset[str] = frozenset()
    line: int = 1 << 30
    column: int = 0

    def at(self, node: ast.expr, *, column: int | None = None) -> Scope:
        """Return the same scope for a message that stands somewhere in the function."""
        return replace(self, line=node.lineno, column=node.col_offset if column is None else column)

    def values_of(self, name: str) -> Iterator[ast.expr]:
        """Yield what a name may be here: its last value in the lines before, and those of branches after that."""
        before = [value for value in self.assigned[name] if value.lineno <= self.line]
        yield from before[_last_for_all(before, self.column) :] or self.assigned[name]

    def following_also(self, name: str) -> Scope:
        """Return the same scope, in which a name is being looked up."""
        return replace(self, following=self.following | {name})


def _last_for_all(values: Sequence[ast.expr], column: int) -> int:
    """Return the place of the last value that does not stand in a branch: no farther to the right than the message."""
    columns = [getattr(value, "statement_column", 0) for value in values]
    last = next((value.lineno for value, at in zip(values[::-1], columns[::-1], strict=True) if at <= column), 0)
    return next((place for place, value in enumerate(values) if value.lineno >= last), 0)


def patterns_of(node: ast.expr, scope: Scope) -> list[str]:
    """Return what a message may be: each alternative of an `a if b else c`, of a name or of a function's returns."""
    return list(dict.fromkeys(itertools.islice(_patterns(node, scope), MOST_ALTERNATIVES)))


def _patterns(node: ast.expr, scope: Scope) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield _own_braces(text)
        case ast.JoinedStr(values=parts):
            yield from _all_of([_part(one, scope) for one in parts])
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            yield from _all_of([list(_patterns(left, scope)), list(_patterns(right, scope))])
        case ast.IfExp(body=body, orelse=orelse):
            yield from _patterns(body, scope)
            yield from _patterns(orelse, scope)
        case ast.Name(id=name) if name in scope.constants and name not in scope.assigned:
            yield _own_braces(scope.constants[name])
        case ast.Name(id=name) if name in scope.assigned and name not in scope.following:
            for value in scope.values_of(name):
                yield from _patterns(value, scope.following_also(name))
        case ast.Name(id=name) if name in scope.given and name not in scope.following:
            yield from _given(node, scope)
        case ast.Call(func=ast.Name(id=name), args=[text]) if name in WRAPPERS:
            yield from _patterns(text, scope)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if (
            name in scope.returned and name not in scope.following
        ):
            for one in scope.returned[name]:
                there = replace(scope.following_also(name), assigned=one.assigned)
                yield from _patterns(one.value, there.at(one.value))
        case _:
            yield f"{{{hole_word(node)}}}"


def _own_braces(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _part(node: ast.expr, scope: Scope) -> list[str]:
    """Return what a part of an f-string may be; texts that the code chooses among stay a hole, named by them."""
    if not isinstance(node, ast.FormattedValue):
        return list(_patterns(node, scope))
    value = node.value
    if isinstance(value, ast.Name) and value.id in scope.given and value.id not in scope.assigned:
        return _given(value, scope)
    if isinstance(value, ast.Name):
        found = list(_patterns(value, scope))
        if len(found) == 1 and has_words(found[0]):
            return found
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in scope.returned:
        found = list(_patterns(value, scope))
        if all(n_words(one) >= LEAST_WORDS for one in found):
            return found
    return [f"{{{hole_word(value)}}}"]


def _given(parameter: ast.Name, scope: Scope) -> list[str]:
    """Return what a parameter is given: each text of its own words, and a hole for what is none."""
    found: list[str] = []
    for one in scope.given[parameter.id]:
        there = replace(scope.following_also(parameter.id), assigned=one.assigned, given={})
        found += _patterns(one.value, there.at(one.value))
    texts = [text for text in found if n_words(text) >= LEAST_WORDS]
    return texts if len(texts) == len(found) else [*texts, f"{{{hole_word(parameter)}}}"]


def _all_of(parts: Iterable[list[str]]) -> Iterator[str]:
    return ("".join(chosen) for chosen in itertools.product(*parts))


def hole_word(node: ast.expr) -> str:
    """Return a word for what is filled in, from the code: the last name of an expression, or the texts it chooses."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            word = _PLAIN_NAME.sub(" ", name.strip("_").replace("_", " ")).lower()
        case ast.Constant(value=value):
            word = str(value).strip() or "..."
        case ast.IfExp(body=body, orelse=orelse):
            word = " or ".join(word for word in (hole_word(body), hole_word(orelse)) if word != "...")
        case ast.JoinedStr(values=parts):
            inner = "".join(str(one.value) if isinstance(one, ast.Constant) else hole_word(one) for one in parts)
            word = _PLAIN_NAME.sub(" ", inner).strip()
        case ast.Call():
            word = _word_of_call(node)
        case ast.BinOp(left=left, right=right):
            word = hole_word(right if isinstance(left, ast.Constant) else left)
        case ast.FormattedValue(value=inner) | ast.Subscript(value=inner) | ast.BoolOp(values=[inner, *_]):
            word = hole_word(inner)
        case ast.GeneratorExp(elt=inner) | ast.ListComp(elt=inner):
            word = hole_word(inner)
        case _:
            word = "..."
    return word


def _word_of_call(call: ast.Call) -> str:
    match call:
        case ast.Call(func=ast.Name(id="len" | "sum")):
            return "number"
        case ast.Call(func=ast.Attribute(value=value, attr="removesuffix" | "get" | "lower" | "strip")):
            return hole_word(value)
        case ast.Call(args=[first, *_]):
            return hole_word(first)
    return hole_word(call.func)
