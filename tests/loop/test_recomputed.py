"""The numbers of the report, made again by a script that knows the published tables and the paper alone."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.loop import recompute

SCRIPT = Path(recompute.__file__)


def test_the_script_imports_nothing_of_ours() -> None:
    tree = ast.parse(SCRIPT.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in names if name.split(".")[0] in {"closedloop", "rig", "tests", "tools"}]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_number_of_sensitivity_csv_and_of_figure_2c_follows_from_the_published_tables(undisturbed: Path) -> None:
    assert recompute.differences(undisturbed) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_number_that_does_not_follow_is_named(study_copy: Callable[[], Path]) -> None:
    study = study_copy()
    path = study / "report" / "sensitivity.csv"
    lines = path.read_text().splitlines()
    row = next(k for k, line in enumerate(lines) if ",gaussian," in line)
    fields = lines[row].split(",")
    fields[3] = f"{float(fields[3]) + 0.001:.6f}"
    path.write_text("\n".join([*lines[:row], ",".join(fields), *lines[row + 1 :]]) + "\n")
    (found,) = recompute.differences(study)
    assert "gaussian mean" in found
