"""What a stage may do: read, compute, write, alone; and without torch in its own hands."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAGES = ROOT / "closedloop" / "stages"
SHARED = {
    "arms",
    "changed",
    "context",
    "controls",
    "evolution",
    "from_protocol",
    "imported",
    "objectives",
    "planes",
    "planned_day",
    "pool",
    "population",
    "preference",
    "probes",
    "recorded_elsewhere",
    "single_images",
    "yesterday",
}  # what any stage may use
MODULES = sorted(STAGES.rglob("[a-z]*.py"))


def test_the_contract_of_independence_covers_all_stages_that_exist() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (independent,) = (contract["modules"] for contract in contracts if contract["type"] == "independence")
    children = {path.stem for path in STAGES.iterdir() if path.name[0] not in "_."}
    assert {name.removeprefix("closedloop.stages.") for name in independent} == children - SHARED


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(STAGES).as_posix())
def test_the_context_stays_in_a_stages_run(path: Path) -> None:
    """A helper takes and returns values: what a stage reads and writes stands in its `run`, in order."""
    if path == STAGES / "context.py":
        return
    takers = [
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.name != "run"
        and "StageContext" in {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    ]
    assert takers + takers_by_another_name(path) == []


def takers_by_another_name(path: Path) -> list[str]:
    """Return who takes the context as something else: under its name, or from `run` itself."""
    tree = ast.parse(path.read_text())
    by_name = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name != "run"
        and "context" in {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
    ]
    given = [
        ast.unparse(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for value in (*node.args, *(keyword.value for keyword in node.keywords))
        if isinstance(value, ast.Name) and value.id == "context"
    ]
    return by_name + given


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(STAGES).as_posix())
def test_a_stage_sees_the_protocol_by_its_context_alone(path: Path) -> None:
    """What it reads of it otherwise would not make it stale."""
    tree = ast.parse(path.read_text())
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    named |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    named |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert not named & {"read_protocol", "parse_protocol"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(STAGES).as_posix())
def test_a_stage_reads_what_is_published_by_its_context_alone(path: Path) -> None:
    """A function given the study's paths could read past the folders that the stage's row declares."""
    if path == STAGES / "context.py":
        return
    given = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        for value in (*node.args, *(keyword.value for keyword in node.keywords))
        if isinstance(value, ast.Attribute) and value.attr == "paths"
    ]
    assert not given


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(STAGES).as_posix())
def test_a_stage_leaves_tensors_to_the_libraries(path: Path) -> None:
    imported = {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    assert not {name for name in imported if name.split(".")[0] == "torch"}
