"""What `make` does on a machine that has nothing yet."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


@pytest.mark.skipif(not UV.exists(), reason="this environment was made without uv, and so without make")
@pytest.mark.skipif(shutil.which("flock") is None, reason="there is no flock here")
def test_what_keeps_two_set_ups_apart_does_not_keep_uv_from_the_environment(tmp_path: Path) -> None:
    """uv locks a file of the environment as well: under make's own lock on the same file it would wait for itself."""
    (name,) = re.findall(r"flock \$\(VENV\)/(\S+)", (ROOT / "Makefile").read_text())
    venv.create(tmp_path / "venv", with_pip=False)
    uninstall = [str(UV), "pip", "uninstall", "--offline", "--python", str(tmp_path / "venv/bin/python"), "nothing"]
    subprocess.run(["flock", str(tmp_path / "venv" / name), *uninstall], check=True, capture_output=True, timeout=60)
