"""Batch jobs of Slurm, played by two small programs that start a job's script as a process of this machine."""

from __future__ import annotations

import os
import stat
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from closedloop.errors import ExecutionError
from closedloop.execution.run import run_pieces
from closedloop.execution.workers import Workers
from tests.unit.execution.pieces import finished, leave
from tests.unit.execution.stranger import listening, what_answers

ROOT = Path(__file__).parents[3]
SBATCH = """#!/bin/sh
cp "$1" "$HERE/job.sh"
setsid sh "$HERE/job.sh" >"$HERE/job.log" 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
kill -TERM "-$1"
"""
pytestmark = pytest.mark.slow


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder whose `sbatch` and `scancel` are the first on the path."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HERE", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


def test_jobs_speak_tls_with_certificates_that_only_this_account_can_read(
    tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # whose name may have spaces, which a job's script does not bear
    parts, shared = tmp_path / "parts", tmp_path / "shared"
    parts.mkdir()
    shared.mkdir()
    file = tmp_path / "jobs.yaml"
    file.write_text(
        f"jobs: 1\ncores: 1\nprocesses: 1\nmemory: 1GB\ninterface: lo\npython: {sys.executable}\n"
        "shared_temp_directory: shared\nlocal_directory: .\n"
    )
    keys: dict[str, int] = {}
    places: set[tuple[str, int]] = set()
    answers: list[str] = []
    before = listening(psutil.Process())

    def look(n_done: int) -> None:
        if n_done == 1:
            keys.update({path.name: stat.S_IMODE(path.stat().st_mode) for path in shared.rglob("*")})
            places.update(listening(psutil.Process()) - before)
            (worker,) = {int(path.read_text()) for path in parts.iterdir()}
            places.update(listening(psutil.Process(worker)))
            answers.extend(what_answers("self", [port for _address, port in places]))

    run_pieces([partial(leave, parts, name) for name in range(3)], Workers("slurm", address=str(file)), look)
    assert finished(parts) == [0, 1, 2]
    assert "tls://127.0.0.1:" in (slurm / "job.sh").read_text()
    assert len(keys) == 8  # a folder; the authority; certificate and key of three roles
    assert {name: mode for name, mode in keys.items() if mode & 0o077} == {}
    assert list(shared.iterdir()) == []
    assert {address for address, _port in places} == {"127.0.0.1"}
    assert answers == []


def test_a_place_for_certificates_that_is_none_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "jobs.yaml"
    text = "jobs: 1\ncores: 1\nmemory: 1GB\nshared_temp_directory: "
    for place, found in (("gone", "No such file"), ("a b", "without spaces, found")):
        file.write_text(f"{text}{place}\n")
        with pytest.raises(ExecutionError, match=found) as caught:
            run_pieces([], Workers("slurm", address=str(file)))
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)
