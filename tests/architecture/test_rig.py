"""What the rig computer must not need: of closedloop three rooms alone, and none of the laboratory's libraries."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.house import ROOT

ALLOWED = {"closedloop.artifacts", "closedloop.errors", "closedloop.storage"}
FOREIGN = {"torch", "scipy", "matplotlib", "neo", "numba", "pandas"}
RIG_FILES = sorted((ROOT / "rig").rglob("*.py"))


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, inside functions too; `from a import b` counts as a and as a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written out"
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("path", RIG_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_of_the_rig_imports_the_documents_the_errors_and_the_storage_alone(path: Path) -> None:
    of_closedloop = [name for name in imports_of(path) if name.partition(".")[0] == "closedloop"]
    strangers = [name for name in of_closedloop if ".".join(name.split(".")[:2]) not in ALLOWED]
    assert not strangers


@pytest.mark.parametrize("path", RIG_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_of_the_rig_imports_none_of_the_laboratory_s_libraries(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imports_of(path)} & FOREIGN
