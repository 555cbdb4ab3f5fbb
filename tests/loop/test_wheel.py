"""The wheel, installed into an environment of its own outside the tree, runs the smoke experiment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
SHIPPED = (
    "closedloop/py.typed",
    "rig/py.typed",
    "closedloop/data_schemas/study.json",
    "closedloop/protocols/smoke.yaml",
    "closedloop/models/weights/small_resnet_robust.safetensors",
    "closedloop/report/templates/page.css",
)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program that sees nothing of the tree; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    finished = subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment | {"OMP_NUM_THREADS": "1", "COLUMNS": "300"},
        timeout=600,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel, and behind it the libraries of the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip")
    isolation = ["--no-build-isolation"] if find_spec("hatchling") else []  # without it, pip fetches the builder
    run(*pip, "wheel", "--quiet", "--no-deps", *isolation, "--wheel-dir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("closedloop-*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    run(*pip, "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    own = sysconfig.get_path("purelib", vars={"base": str(folder / "venv"), "platbase": str(folder / "venv")})
    (Path(own) / "libraries.pth").write_text("".join(f"{path}\n" for path in sorted(libraries)))
    return folder / "venv"


def test_the_wheel_holds_all_that_is_read_when_it_runs(environment: Path, tmp_path: Path) -> None:
    code = "import closedloop, rig; print(closedloop.__file__); print(rig.__file__)"
    packages = [Path(line).parent for line in run(environment / "bin" / "python", "-c", code, cwd=tmp_path).split()]
    assert all(package.is_relative_to(environment) for package in packages)
    installed = packages[0].parent
    assert [name for name in SHIPPED if not (installed / name).is_file()] == []
    for kind in ("*.pyi", "*.yaml"):
        in_tree = {path.relative_to(ROOT / "closedloop") for path in (ROOT / "closedloop").rglob(kind)}
        assert in_tree <= {path.relative_to(installed / "closedloop") for path in installed.rglob(kind)}
    schemas = {path.name for path in (installed / "closedloop" / "data_schemas").iterdir()}
    assert schemas == {path.name for path in (ROOT / "data_schemas").iterdir()}


def test_the_wheel_runs_the_smoke_experiment(environment: Path, tmp_path: Path) -> None:
    program = environment / "bin" / "closedloop"
    assert "Open " in run(program, "dry-run", tmp_path / "study", "--protocol", "smoke", cwd=tmp_path)
    assert (tmp_path / "study" / "report" / "index.html").is_file()
    assert (tmp_path / "study" / "report" / "sensitivity.csv").stat().st_size > 0
