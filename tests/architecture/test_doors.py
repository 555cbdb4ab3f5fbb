"""The doors of the library: what each exports, that it is documented by examples, and that the examples run."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.test_architecture import ROOT, imported_by

HEAVY = {"torch", "numba", "scipy", "pandas", "matplotlib"}
NEED_A_STUDY = {"closedloop"}
INNER = {"closedloop.storage"}  # a room that names what the other rooms call, and no door for users
STUDY = "runs/smoke"  # as the examples of these doors name it
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def doors() -> list[str]:
    """Return what exports something, by a stub or by `__all__`: closedloop and its rooms; what is inside is private."""
    root = ROOT / "closedloop"
    packages = [root, *sorted(path.parent for path in root.glob("*/__init__.py"))]
    found = {".".join(folder.relative_to(ROOT).parts) for folder in packages if is_door(folder)}
    return sorted(found - INNER)


def is_door(folder: Path) -> bool:
    tree = ast.parse((folder / "__init__.py").read_text())
    names = {target.id for node in ast.walk(tree) for target in targets(node) if isinstance(target, ast.Name)}
    return (folder / "__init__.pyi").is_file() or "__all__" in names


def targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


def exported(door: str) -> Any:
    return importlib.import_module(door).__all__


def everything_from(door: str) -> dict[str, Any]:
    return {name: getattr(importlib.import_module(door), name) for name in exported(door)}


def doctests(door: str, name: str) -> Iterator[doctest.DocTest]:
    """Yield a name's examples, then those of its methods."""
    value = getattr(importlib.import_module(door), name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(value, f"{door}.{name}", module=inspect.getmodule(value), globs={})
    return iter(sorted((test for test in found if test.examples), key=lambda test: test.name.count(".")))


DOORS = doors()
EXAMPLES = [
    pytest.param(door, name, marks=[pytest.mark.slow] if door in NEED_A_STUDY else [], id=f"{door}.{name}")
    for door in DOORS
    for name in exported(door)
]


def test_the_rooms_that_users_enter_have_doors() -> None:
    rooms = ("alignment", "analysis", "blackrock", "detection", "recording", "stimuli")
    assert {"closedloop", *(f"closedloop.{room}" for room in rooms)} <= set(DOORS)


@pytest.mark.parametrize("door", DOORS)
def test_what_a_door_exports_is_sorted_and_can_be_imported(door: str) -> None:
    names = exported(door)
    assert names
    assert list(names) == sorted(names)
    missing = [name for name in names if not hasattr(importlib.import_module(door), name)]
    assert not missing, f"{door}: {missing}"


@pytest.mark.parametrize("door", DOORS)
def test_everything_behind_a_door_is_documented_with_an_example(door: str) -> None:
    package = importlib.import_module(door)
    bare = [
        name for name in exported(door) if "Examples\n--------\n" not in (inspect.getdoc(getattr(package, name)) or "")
    ]
    assert not bare, f"{door}: no Examples section in {bare}"


@pytest.mark.parametrize(("door", "name"), EXAMPLES)
def test_the_examples_run(
    door: str, name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if door in NEED_A_STUDY:
        (tmp_path / STUDY).parent.mkdir()
        (tmp_path / STUDY).symlink_to(request.getfixturevalue("smoke_study"))
    tests, shared = list(doctests(door, name)), everything_from(door)
    assert tests, f"{door}.{name} has no example"
    for test in tests:  # a method's example goes on from its class's, and all see what their door exports
        test.globs = shared
        said: list[str] = []
        failed = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append, clear_globs=False).failed
        assert not failed, "".join(said)


@pytest.mark.parametrize("door", DOORS)
def test_opening_a_door_costs_no_heavy_library(door: str) -> None:
    imported = imported_by(f"import {door}")
    assert not imported & (HEAVY | {"numpy"} if door == "closedloop" else HEAVY)


def test_a_name_that_a_door_does_not_have_is_an_attribute_error() -> None:
    for door in DOORS:
        with pytest.raises(AttributeError, match="nonsense"):
            importlib.import_module(door).nonsense  # noqa: B018
