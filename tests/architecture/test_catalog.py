"""A study's files are named in one place: the catalog, and what is written from it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from closedloop.artifacts.catalog import CATALOG, files_of
from closedloop.artifacts.study import IMPORTED, INPUTS, STAGES
from tests.architecture.house import CODE
from tools.study_tree import COMMAND, with_tree

ROOT = Path(__file__).parents[2]
NAMES = {file.name for file in CATALOG}
ELSEWHERE = {  # files that bear such a name and are none of a study
    "closedloop/commands/attack/files.py": {"images.npy"},  # of a set of attacks, as those of `names`
    "closedloop/commands/attack/names.py": {"index.html", "images.h5"},
    "closedloop/artifacts/discrimination/experiment.py": {"images.npy"},  # of an experiment with people
    "closedloop/commands/discrimination/prepare.py": {"index.html"},  # likewise
    "closedloop/service/web/discrimination/app.py": {"index.html"},  # likewise
    "closedloop/studies/discrimination/preparation/page_files.py": {"index.html"},  # likewise
    "closedloop/studies/discrimination/settings.py": {"pairs.parquet"},  # a study's own results
    "closedloop/commands/doctor.py": {"images.h5"},  # written and read back, in a folder that is removed
    "closedloop/studies/coverage/settings.py": {"intervals.parquet"},  # its own results
    "closedloop/studies/files.py": {"index.html"},  # likewise
    "closedloop/studies/unit_sensitivity/settings.py": {"sensitivity.parquet"},  # likewise
}
CATALOG_FILE = "closedloop/artifacts/catalog.py"


def literals(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module that are no docstrings."""
    nodes = list(ast.walk(tree))
    bare = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


def test_no_file_of_a_study_is_named_outside_the_catalog() -> None:
    found: dict[str, set[str]] = {}
    for file, tree in CODE.items():
        names = NAMES & set(literals(tree))
        if names and file != CATALOG_FILE:
            found[file] = names
    assert found == ELSEWHERE


def test_the_tree_in_the_documents_is_that_of_the_catalog() -> None:
    page = (ROOT / "docs" / "files.md").read_text()
    assert page == with_tree(page), f"the tree in docs/files.md has drifted; run: {COMMAND}"


def test_every_stage_leaves_a_file_that_it_cannot_be_without_and_no_name_stands_twice() -> None:
    for stage in STAGES:
        names = [file.name for file in files_of(stage)]
        assert len(set(names)) == len(names), stage
        assert not all(file.optional for file in files_of(stage)), stage
    assert {file.stage for file in CATALOG} == {*STAGES, INPUTS, IMPORTED, "report"}
