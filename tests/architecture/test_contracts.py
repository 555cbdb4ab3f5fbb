"""The import contracts bite: each hole that could be made in the house is made in a copy of it, and refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["name"]: contract for contract in CONFIGURATION["contracts"]}

HOLES = {
    "the rig imports a room of the laboratory's": ("rig/machine/state.py", "import closedloop.execution.local"),
    "the rig imports torch": ("rig/machine/state.py", "import torch"),
    "analysis imports torch": ("closedloop/analysis/estimate.py", "import torch"),
    "the report imports torch": ("closedloop/report/numbers.py", "import torch"),
    "a document imports torch": ("closedloop/artifacts/manifest.py", "import torch"),
    "a stage imports torch": ("closedloop/stages/plan.py", "import torch"),
    "a stage imports another's helper": ("closedloop/stages/plan.py", "import closedloop.stages.evaluate.rows"),
    "a stage imports another": ("closedloop/stages/evaluate/rows.py", "import closedloop.stages.ingest.sites"),
    "an arrow points up": ("closedloop/models/readout.py", "import closedloop.training.refit"),
    "a library knows a document": ("closedloop/attacks/engine.py", "import closedloop.artifacts.manifest"),
    "closedloop imports the rig": ("closedloop/stages/present.py", "import rig.machine.state"),
    "a circle in a room": ("closedloop/execution/local.py", "import closedloop.execution.workers"),
    "a table is written elsewhere": ("closedloop/report/numbers.py", "import pyarrow"),
    "a plot is drawn in a library": ("closedloop/analysis/psth.py", "import matplotlib.pyplot"),
    "a filter is designed elsewhere": ("closedloop/simulation/voltage.py", "import scipy.signal"),
    "dask is used elsewhere": ("closedloop/attacks/synthesis.py", "import distributed"),
    "psychopy is used elsewhere": ("rig/machine/state.py", "import psychopy"),
}


def lint_imports(tree: Path) -> str:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    finished = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tree)
    return finished.stdout + finished.stderr


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Return a copy of the house that may be damaged."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in CONFIGURATION["root_packages"]:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    return tmp_path


def plant(house: Path, file: str, line: str) -> None:
    path = house / file
    path.write_text(f"{path.read_text()}\n{line}\n")


def test_the_house_as_it_is_keeps_every_contract() -> None:
    assert "0 broken" in lint_imports(ROOT)


@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_in_the_house_is_refused(house: Path, hole: str) -> None:
    file, line = HOLES[hole]
    plant(house, file, line)
    said = lint_imports(house)
    assert "0 broken" not in said
    assert "BROKEN" in said
    module = file.removesuffix(".py").replace("/", ".")
    assert module in said or f".{module.rpartition('.')[2]}" in said, said


def test_a_package_without_a_floor_is_refused(house: Path) -> None:
    (house / "closedloop" / "annex").mkdir()
    (house / "closedloop" / "annex" / "__init__.py").write_text('"""A room on no floor."""\n')
    assert "annex" in lint_imports(house)


def packages(room: Path) -> set[str]:
    """Return the modules and packages directly in a package."""
    return {
        path.stem
        for path in room.iterdir()
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }


def test_the_rig_may_import_documents_errors_and_storage_and_the_list_of_what_it_may_not_is_whole() -> None:
    contract = CONTRACTS["the rig knows the documents, the errors and the storage, nothing else of closedloop"]
    forbidden = {name.removeprefix("closedloop.") for name in contract["forbidden_modules"]}
    assert forbidden == packages(ROOT / "closedloop") - {"artifacts", "errors", "storage"}
