"""A copy of the house that may be damaged, and what its contracts say of it."""

from __future__ import annotations

import ast
import gc
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import copytree, ignore_patterns

ROOT = Path(__file__).parents[2]
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
PACKAGES: list[str] = CONFIGURATION["root_packages"]


class Code(Mapping[str, ast.Module]):
    """All files by name, read as code when somebody asks for one: not whenever tests are collected.

    All at once, and without a look for garbage in between: that takes three times as long as to read them.
    """

    def __init__(self) -> None:
        paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
        self._names = {path.relative_to(ROOT).as_posix(): path for path in paths}
        self._trees: dict[str, ast.Module] = {}

    def __getitem__(self, name: str) -> ast.Module:
        if not self._trees:
            was = gc.isenabled()
            gc.disable()
            self._trees |= {each: ast.parse(path.read_text()) for each, path in self._names.items()}
            if was:
                gc.enable()
        return self._trees[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


CODE = Code()


def copy_to(folder: Path) -> Path:
    """Copy the code and its contracts, without what is large."""
    for package in PACKAGES:
        copytree(ROOT / package, folder / package, ignore=ignore_patterns("__pycache__", "weights"))
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return folder


def broken_in(folder: Path) -> tuple[list[str], str]:
    """Return the names of the contracts that do not hold in a copy, and all that is said."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    wide = environment | {"COLUMNS": "200"}  # or names are broken over lines
    finished = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=wide)
    said = finished.stdout + finished.stderr
    assert "Contracts:" in said, said
    broken = (re.fullmatch(r"(.*) BROKEN(?: \(\d+ ignored imports?\))?", line) for line in said.splitlines())
    return [found[1] for found in broken if found], said


def rooms_of(package: str) -> set[str]:
    """Return the modules and packages directly in a package, by name."""
    return {
        path.stem
        for path in (ROOT / package).iterdir()
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Every module that a file imports, inside functions too; `from a import b` counts as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)
