"""A new study is a new folder: the command line and the schemas find it, and nothing else has to know."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.studies.app import command_modules

COMMAND = '''
from typing import Annotated
import typer

app = typer.Typer(rich_markup_mode=None)

@app.command("receptive-fields")
def receptive_fields(sites: Annotated[int, typer.Option(help="how many sites")] = 3) -> None:
    """Map where single sites look."""
    typer.echo(f"{sites} sites mapped")
'''
DOCUMENTS = '''
from typing import Literal
from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import Column, TableLayout

class ReceptiveFields(Document):
    """A new study's settings."""
    kind: Literal["receptive_fields"] = "receptive_fields"
    n_sites: int

FIELDS = TableLayout(kind="fields", columns={"site": Column("string", "", "which site")})
'''


@pytest.fixture
def new_study(tmp_path: Path) -> Path:
    """A folder with a study in it, to be put on the path of `closedloop.studies`."""
    study = tmp_path / "receptive_fields"
    study.mkdir()
    for name, text in {"__init__": "", "command": COMMAND, "documents": DOCUMENTS}.items():
        (study / f"{name}.py").write_text(text)
    (tmp_path / "half_made").mkdir()
    (tmp_path / "half_made" / "__init__.py").write_text("")  # a folder without a command is no study yet
    return tmp_path


def run(places: Path, code: str) -> str:
    """Run code in a fresh interpreter in which the folders of `places` are studies."""
    program = f"import closedloop.studies\nclosedloop.studies.__path__.append({str(places)!r})\n{code}"
    finished = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return finished.stdout


def closedloop(places: Path, *words: str) -> str:
    return run(places, f"import sys; sys.argv = {['closedloop', *words]!r}\nfrom closedloop.cli import main; main()")


def test_a_new_folder_is_a_new_command(new_study: Path) -> None:
    shown = closedloop(new_study, "studies", "--help")
    assert "receptive-fields Map where single sites look." in " ".join(shown.split())
    assert shown.index("receptive-fields") < shown.index("unit-sensitivity")
    assert "half" not in shown
    assert closedloop(new_study, "studies", "receptive-fields", "--sites", "7") == "7 sites mapped\n"


def test_its_documents_are_among_the_schemas(new_study: Path) -> None:
    code = "import json; from closedloop.artifacts.schemas import all_schemas; print(json.dumps(sorted(all_schemas())))"
    names = json.loads(run(new_study, code))
    assert {"receptive_fields.json", "fields.table.json", "unit_sensitivity_study.json"} <= set(names)


def test_the_shipped_studies_are_found() -> None:
    names = [name.removeprefix("closedloop.studies.").removesuffix(".command") for name in command_modules()]
    names_known = ["category_preference", "coverage", "discrimination", "image_sensitivity", "population"]
    assert names == [*names_known, "purification", "recipe", "response_geometry", "screening", "unit_sensitivity"]
