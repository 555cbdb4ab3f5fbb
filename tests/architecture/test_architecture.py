"""The house's own rules: layers, drift of the schemas, what must not be imported, names that must not appear."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import closedloop.cli
import rig.cli
from closedloop.artifacts.catalog import QUALITY
from closedloop.artifacts.schemas import COMMAND, all_schemas, as_text
from tests.unit.study.labs import lab
from tests.unit.study.sessions import bring

ROOT = Path(__file__).parents[2]
OPENERS = {"numpy", "pyarrow", "h5py", "pandas", "numba"}
HEAVY = {"torch", "neo", "matplotlib", "scipy", "psychopy"}


def imported_by(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the top-level modules it left imported."""
    program = f"import sys\n{code}\nprint(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    finished = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(finished.stdout.splitlines()[-1].split())


def test_the_import_contracts_hold() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    finished = subprocess.run([lint_imports], check=False, capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 0, finished.stdout


def test_the_committed_schemas_are_those_of_the_classes() -> None:
    committed = {path.name: path.read_text() for path in (ROOT / "data_schemas").glob("*.json")}
    generated = {name: as_text(schema) for name, schema in all_schemas().items()}
    assert committed == generated, f"the schemas have drifted; run: {COMMAND}"


def test_every_schema_is_json_with_a_title() -> None:
    for path in (ROOT / "data_schemas").glob("*.json"):
        schema = json.loads(path.read_text())
        assert schema.get("title") or schema.get("oneOf"), path


def test_the_command_line_answers_without_torch() -> None:
    assert not imported_by("import closedloop.cli") & HEAVY


def status_imports(study: Path) -> set[str]:
    """Return what `closedloop status` imports to tell of a study."""
    code = f"from closedloop.commands.status import *\nprint(status_lines(read_status(Path({str(study)!r}))))"
    return imported_by("from pathlib import Path\n" + code)


def test_status_of_a_new_study_imports_nothing_that_opens_tables_or_arrays(tmp_path: Path) -> None:
    assert not status_imports(lab(tmp_path).paths.root) & (HEAVY | OPENERS)


def test_status_of_a_study_with_a_day_behind_it_imports_no_more(tmp_path: Path) -> None:
    study = lab(tmp_path)
    study.run()
    QUALITY.published(study.paths, 0).write_text("{}")
    assert not status_imports(study.paths.root) & (HEAVY | OPENERS)


@pytest.mark.parametrize("brought", [False, True])
def test_status_of_a_study_that_waits_for_a_person_imports_no_more(tmp_path: Path, brought: bool) -> None:
    study = lab(tmp_path, simulated=False)
    study.run()
    if brought:  # the session is sealed then, and the recording is waited for
        bring(study.paths, 0)
        study.run()
    assert not status_imports(study.paths.root) & (HEAVY | OPENERS)


def test_the_rig_and_the_documents_import_without_the_laboratory_s_libraries() -> None:
    files = sorted((ROOT / "closedloop" / "artifacts").rglob("[a-z]*.py"))
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    code = "import rig.cli, rig.launch, rig.display.headless\n" + "\n".join(f"import {name}" for name in modules)
    assert not imported_by(code) & HEAVY


def test_no_number_of_a_protocol_stands_without_its_source() -> None:
    for path in sorted((ROOT / "protocols").glob("*.yaml")):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if re.match(r"\s*\w+: \S", line):
                assert re.search(r"# (section|sections|Fig\.|design)", line) or line.startswith("name:"), (
                    f"{path}:{number}"
                )


def test_no_pickle_is_loaded_but_a_foreign_checkpoint_as_weights_only() -> None:
    for path in (ROOT / "closedloop").rglob("*.py"):
        text = path.read_text()
        assert "pickle.load" not in text, path
        loads = [line for line in text.splitlines() if "torch.load(" in line]
        assert all("weights_only=True" in line for line in loads), path
        assert "allow_pickle=True" not in text, path


def test_calls_are_unpickled_by_workers_alone() -> None:
    """What a worker does comes through its scheduler, which runs code anyway, or has a hash that did."""
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "closedloop").rglob("*.py")
        if re.search(r"Unpickler|import loads|cloudpickle", path.read_text())
    }
    assert found == {"closedloop/execution/dask.py", "closedloop/execution/stored/packing.py"}


def readme_commands() -> set[str]:
    text = (ROOT / "README.md").read_text() + "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, flags=re.DOTALL)
    return {line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines() if line.strip()}


def test_every_make_target_of_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {line.split()[1] for line in readme_commands() if line.startswith("make ")}
    assert named
    assert named <= targets


def test_every_command_and_option_of_the_documents_exists() -> None:
    programs = {"closedloop": typer.main.get_command(closedloop.cli.app), "rig": typer.main.get_command(rig.cli.app)}
    lines = [line.partition("#")[0].split() for line in readme_commands() if re.match(r"(closedloop|rig) ", line)]
    assert lines
    for program, *words in lines:
        command: Any = programs[program]
        while hasattr(command, "commands"):
            assert words, f"no command: {program}"
            assert words[0] in command.commands, f"no such command: {program} {words[0]}"
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        named = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert named <= options, f"{program} {command.name}: {named - options}"


@pytest.mark.parametrize(("program", "app"), [("closedloop", closedloop.cli.app), ("rig", rig.cli.app)])
def test_a_program_prints_its_name_and_version(program: str, app: typer.Typer) -> None:
    finished = CliRunner().invoke(app, ["--version"])
    assert (finished.exit_code, finished.output) == (0, f"{program} {closedloop.__version__}\n")
