"""What names mean in a file: the texts that they were given, where they were, and what functions return."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Mapping
from functools import cache
from pathlib import Path

from tools.operator_messages.patterns import Returned

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(call: ast.Call) -> str:
    """Return the last name of what is called."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def named(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
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


def assigned(function: ast.AST, speaking: Container[str] = ()) -> dict[str, tuple[ast.expr, ...]]:
    """Return the texts that a function gives to names of its own; a name that has another value, too, is a hole."""
    found: dict[str, tuple[ast.expr, ...]] = {}
    for node in _own(function):
        for name, value in named(node):
            value.statement_column = node.col_offset  # type: ignore[attr-defined]
            found[name] = (*found.get(name, ()), value)
    return {name: values for name, values in found.items() if any(may_be_text(value, speaking) for value in values)}


def may_be_text(node: ast.expr, speaking: Container[str] = ()) -> bool:
    """Return whether an expression is text, or the call of a function, of those named, that returns it."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name in speaking
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(op=ast.Add(), left=left):
            return may_be_text(left)
        case ast.IfExp(body=body, orelse=orelse):
            return may_be_text(body) or may_be_text(orelse)
    return False


def returns(tree: ast.Module) -> dict[str, tuple[Returned, ...]]:
    """Return what each function of a module returns, where that may be text."""
    found: dict[str, tuple[Returned, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            values = [Returned(value, assigned(node)) for value in returns_of(node) if may_be_text(value)]
            if values:
                found[node.name] = (*found.get(node.name, ()), *values)
    return found


def returns_of(function: ast.AST) -> list[ast.expr]:
    """Return what a function returns."""
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
        for name, value in named(statement):
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield name, value.value


Given = Mapping[str, Mapping[str, tuple[Returned, ...]]]
"""By function and parameter, what the calls in its file give it; what others may give a public one is a hole."""


def given_to(tree: ast.Module) -> Given:
    """Return what the functions of a module are given by each other, where some of that is text."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
    found: dict[str, dict[str, tuple[Returned, ...]]] = {name: {} for name in functions}
    for caller in functions.values():
        own = assigned(caller)
        for call in (node for node in ast.walk(caller) if isinstance(node, ast.Call)):
            called = functions.get(name_of(call))
            if called is None or not _is_of_this_file(call):
                continue
            for parameter, value in _arguments(call, called):
                of_function = found[called.name]
                others = (
                    () if called.name.startswith("_") else (Returned(ast.Name(parameter, lineno=0, col_offset=0), {}),)
                )
                of_function[parameter] = (*of_function.get(parameter, others), Returned(value, own))
    return {
        name: {parameter: given for parameter, given in them.items() if any(may_be_text(one.value) for one in given)}
        for name, them in found.items()
    }


def _is_of_this_file(call: ast.Call) -> bool:
    match call.func:
        case ast.Name() | ast.Attribute(value=ast.Name(id="self")):
            return True
    return False


def _arguments(call: ast.Call, called: Function) -> Iterator[tuple[str, ast.expr]]:
    names = [one.arg for one in (*called.args.posonlyargs, *called.args.args)]
    yield from zip(names[1:] if names[:1] == ["self"] else names, call.args, strict=False)
    yield from ((one.arg, one.value) for one in call.keywords if one.arg is not None)
