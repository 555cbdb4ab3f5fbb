"""What a missing library's message says can be typed: the package is on no index."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.plain_text import installing
from closedloop.plain_text.installing import install_command

ROOT = Path(__file__).parents[3]
ASK = "from closedloop.plain_text.installing import install_command; print(install_command('rig'))"


def install_from(source: str, folder: Path) -> None:
    """Put down what pip leaves of an install from a folder or a wheel: the package and where it came from."""
    ours = Path(installing.__file__).parents[1]
    (folder / "closedloop").mkdir()
    for file in ("__init__.py", "errors.py"):
        shutil.copy(ours / file, folder / "closedloop")
    for room in ("plain_text", "storage", "terminal"):
        shutil.copytree(ours / room, folder / "closedloop" / room)
    about = folder / "closedloop-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: closedloop\nVersion: 0.1.0\n")
    (about / "direct_url.json").write_text(source)


def asked(folder: Path) -> str:
    environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-P", "-c", ASK], env=environment, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_from_a_clone_it_is_the_clone() -> None:
    assert install_command("rig") == f"pip install '{ROOT}[rig]'"


def test_what_was_installed_from_a_folder_names_the_folder(tmp_path: Path) -> None:
    clone, site = tmp_path / "a clone", tmp_path / "site"
    clone.mkdir()
    site.mkdir()
    (clone / "pyproject.toml").touch()
    install_from(json.dumps({"url": clone.as_uri(), "dir_info": {}}), site)
    assert asked(site) == f"pip install '{clone}[rig]'"


def test_what_was_installed_from_a_wheel_names_the_wheel(tmp_path: Path) -> None:
    wheel, site = tmp_path / "closedloop-0.1.0-py3-none-any.whl", tmp_path / "site"
    wheel.touch()
    site.mkdir()
    install_from(json.dumps({"url": wheel.as_uri(), "archive_info": {}}), site)
    assert asked(site) == f"pip install '{wheel}[rig]'"


@pytest.mark.parametrize(
    "told",
    ['{"url": "file:///no/such/folder"}', '{"url": "https://example.org/closedloop.git"}', "no JSON", "{}", "[]"],
)
def test_where_nobody_knows_it_is_as_the_pages_write_it(tmp_path: Path, told: str) -> None:
    install_from(told, tmp_path)
    assert asked(tmp_path) == "pip install '/path/to/closedloop[rig]'"
