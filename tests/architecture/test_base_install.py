"""Without the extras, a command that needs one answers in one line that says how to install it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from closedloop.commands.extras import INSTALL, LIBRARIES, installation_hint

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = {"PIL": "pillow", "dask_jobqueue": "dask-jobqueue", "hdmf_zarr": "hdmf-zarr"}

BLOCKED = sorted(INSTALL)
WITHOUT = """
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {missing!r} else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
from closedloop.cli import main
sys.argv = ["closedloop", *sys.argv[1:]]
main()
"""


def closedloop(*words: str, cwd: Path, missing: list[str] = BLOCKED) -> subprocess.CompletedProcess[str]:
    """Run the command line as if some libraries were not installed; by default, none of any extra."""
    program = WITHOUT.format(missing=missing)
    return subprocess.run([sys.executable, "-c", program, *words], check=False, capture_output=True, text=True, cwd=cwd)


@pytest.mark.parametrize(
    "command",
    [
        "dry-run study",
        "init study --protocol guo2022 --subject monkey --images images",
        "run study",
        "report study",
        "attack small_resnet_robust images --out attacks",
        "studies coverage",
        "studies unit-sensitivity",
        "studies population",
        "studies screening",
        "studies category-preference",
        "verify study",
        "replace-recording study --day 0 --from copy --why damaged",
        "recording detect voltage.ns6 --out spikes.h5",
        "recording align journal.jsonl array1.nev --report page.html",
        "recording make session",
        "base-model train model.safetensors",
        "base-model train-family",
        "base-model import model.pt --out model.safetensors",
    ],
)
def test_a_command_that_needs_an_extra_names_it_and_leaves_nothing(tmp_path: Path, command: str) -> None:
    finished = closedloop(*command.split(), cwd=tmp_path)
    assert finished.returncode == 1, finished.stderr
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert INSTALL[line.partition(":")[0]] == f"pip install '{ROOT}[lab]'"
    assert line.endswith(f"Install it: pip install '{ROOT}[lab]'")
    assert not list(tmp_path.iterdir())


def test_the_service_names_its_own_extra(tmp_path: Path) -> None:
    finished = closedloop("serve", "study", cwd=tmp_path)
    assert finished.returncode == 1
    assert finished.stderr.endswith(f"Install it: pip install '{ROOT}[service]'\n")
    assert len(finished.stderr.splitlines()) == 1


def test_a_network_of_a_library_that_is_missing_names_its_own_extra(tmp_path: Path) -> None:
    (tmp_path / "network.yaml").write_text(
        "{source: timm, architecture: convnext_atto, layer: stages.1, weights: random, layout: {kind: nchw}, "
        "preprocessing: {mean: [0, 0, 0], std: [1, 1, 1], side_px: 32}}"
    )
    finished = closedloop("base-model", "check", "network.yaml", cwd=tmp_path, missing=["timm", "torchvision"])
    assert finished.returncode == 1
    assert finished.stderr.endswith(f"Install it: pip install '{ROOT}[zoo]'\n")
    assert len(finished.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_recording_day_does_not_wait_for_pandas(tmp_path: Path) -> None:
    finished = closedloop("dry-run", "study", "--protocol", "smoke", cwd=tmp_path, missing=["pandas"])
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "study" / "report" / "index.html").is_file()


@pytest.mark.parametrize(
    "command",
    ["--help", "studies --help", "studies coverage --help", "studies unit-sensitivity --help", "attack --help"],
)
def test_help_needs_no_extra(tmp_path: Path, command: str) -> None:
    finished = closedloop(*command.split(), cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "Usage" in finished.stdout


def test_doctor_says_which_extra_is_missing(tmp_path: Path) -> None:
    finished = closedloop("doctor", cwd=tmp_path)
    assert finished.returncode == 1
    assert f"fix: torch: expected an installed library, found none. Install it: pip install '{ROOT}[lab]'" in (
        " ".join(finished.stdout.split())
    )
    assert "Traceback" not in finished.stderr


def test_the_libraries_are_those_of_the_extras() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, libraries in LIBRARIES.items():
        named = {DISTRIBUTIONS.get(library, library) for library in libraries}
        assert named == {requirement.partition(">")[0].partition("=")[0] for requirement in extras[extra]}


def test_a_missing_module_of_our_own_is_no_matter_of_an_extra() -> None:
    assert installation_hint(ModuleNotFoundError("No module named 'closedloop.x'", name="closedloop.x")) is None
    assert installation_hint(ModuleNotFoundError("without a name")) is None
    hint = installation_hint(ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"))
    assert hint is not None
    assert hint.startswith("torch: ")
