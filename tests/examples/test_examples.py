"""The pages of docs/examples: each holds one program, which runs as it stands and prints what the page says."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loop.studies import ENVIRONMENT

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for page in (ROOT / "docs" / "examples").glob("*.md") if page.stem != "index")
QUICK = {"sensitivity"}  # no torch, no files
STUDY = "runs/smoke"


def blocks(page: Path, kind: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def prepare(page: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    """Put the study there that the page has its reader make; other tests share it."""
    if commands := "".join(blocks(page, "sh")):
        assert commands == f"closedloop dry-run {STUDY} --protocol smoke\n"
        (folder / STUDY).parent.mkdir()
        (folder / STUDY).symlink_to(request.getfixturevalue("smoke_study"))


def environment() -> dict[str, str]:
    return ENVIRONMENT | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}", "MPLBACKEND": "Agg"}


def test_there_is_a_page_for_everything_a_user_begins_with() -> None:
    assert {page.stem for page in PAGES} >= {"attack", "blackrock", "loop", "sensitivity", "study"}


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[] if page.stem in QUICK else [pytest.mark.slow], id=page.stem) for page in PAGES],
)
def test_the_program_of_a_page_runs_and_prints_what_the_page_says(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (program,), (printed,) = blocks(page, "python"), blocks(page, "text")
    prepare(page, tmp_path, request)
    (tmp_path / "example.py").write_text(program)
    finished = subprocess.run(
        [sys.executable, "-W", "error", "example.py"],
        check=False,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    same = doctest.OutputChecker().check_output(printed, finished.stdout, doctest.ELLIPSIS)
    assert same, f"{page} says\n{printed}but its program prints\n{finished.stdout}"
    missing = [name for name in re.findall(r"savefig\(\"(.+?)\"", program) if not (tmp_path / name).is_file()]
    assert not missing


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path: Path, smoke_study: Path) -> None:
    (program,) = blocks(ROOT / "README.md", "python")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "dry-run").symlink_to(smoke_study)
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, cwd=tmp_path, env=environment())
