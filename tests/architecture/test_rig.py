"""What the rig computer must not need: of closedloop three rooms alone, and none of the laboratory's libraries."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {"closedloop.artifacts", "closedloop.errors", "closedloop.storage"}
FOREIGN = {"torch", "scipy", "matplotlib", "neo", "numba", "pandas"}
RIG_FILES = sorted((ROOT / "rig").rglob("*.py"))


def rooms() -> set[str]:
    """Every package and module directly under closedloop."""
    packages = {path.parent.name for path in (ROOT / "closedloop").glob("*/__init__.py")}
    modules = {path.stem for path in (ROOT / "closedloop").glob("*.py")} - {"__init__"}
    return {f"closedloop.{name}" for name in packages | modules}


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, inside functions too; `from a import b` counts as a and as a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written out"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_the_contract_forbids_the_rig_every_room_but_three() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = [one for one in contracts if one["type"] == "forbidden" and one["source_modules"] == ["rig"]]
    assert rooms() >= ALLOWED
    assert set(contract["forbidden_modules"]) >= rooms() - ALLOWED
    assert not set(contract["forbidden_modules"]) & ALLOWED


@pytest.mark.parametrize("path", RIG_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_of_the_rig_imports_the_documents_the_errors_and_the_storage_alone(path: Path) -> None:
    of_closedloop = [name for name in imports_of(path) if name.partition(".")[0] == "closedloop"]
    strangers = [name for name in of_closedloop if ".".join(name.split(".")[:2]) not in ALLOWED]
    assert not strangers


@pytest.mark.parametrize("path", RIG_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_of_the_rig_imports_none_of_the_laboratory_s_libraries(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imports_of(path)} & FOREIGN


ROOMS, NEIGHBOURS = "the rig's rooms: arrows point down only", "the rig knows the documents, the errors and the storage"


@pytest.fixture
def copy_of_the_house(tmp_path: Path) -> Path:
    for name in ("closedloop", "rig"):
        copytree(ROOT / name, tmp_path / name, ignore=ignore_patterns("__pycache__", "weights", "*.safetensors"))
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return tmp_path


def contracts_broken_in(folder: Path) -> list[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    wide = environment | {"COLUMNS": "200"}  # or names are broken over lines
    finished = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=wide)
    return [line for line in finished.stdout.splitlines() if line.endswith("BROKEN")]


def test_a_copy_of_the_house_breaks_no_contract(copy_of_the_house: Path) -> None:
    assert contracts_broken_in(copy_of_the_house) == []


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("rig/ports/clock.py", "import closedloop.execution.local", NEIGHBOURS),
        ("rig/machine/requeue.py", "from rig.apparatus import Launch", ROOMS),
        ("rig/ports/gaze.py", "from rig.session.folder import Session", ROOMS),
        ("rig/newcomer.py", "", ROOMS),
    ],
)
def test_a_planted_import_and_a_room_without_a_floor_are_refused(
    copy_of_the_house: Path, file: str, line: str, contract: str
) -> None:
    with (copy_of_the_house / file).open("a") as code:
        code.write(f"\n{line}\n")
    broken = contracts_broken_in(copy_of_the_house)
    assert len(broken) == 1
    assert broken[0].startswith(contract)
