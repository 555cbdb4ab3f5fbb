"""`closedloop studies unit-sensitivity` as a process: killed and started again, the same files."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.equipment.processes import Child
from tests.loop.studies import ENVIRONMENT, closedloop, command

POLL_S = 0.005
SMALL = (
    *(
        "studies",
        "unit-sensitivity",
        "--network",
        "small_resnet_vanilla",
        "--units",
        "4",
        "--images-per-unit",
        "4",
        "--clean-images",
        "40",
    ),
    *("--restarts", "4", "--steps", "5", "--epsilons", "1,10", "--workers", "1"),
)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def kill_after_first_shard(folder: Path) -> bool:
    """Start the command and kill it once a piece is done; tell whether that was before its end."""
    with Child(
        command(*SMALL, "--out", folder), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not list(folder.glob("shards/*.npz")) and process.poll() is None:
            time.sleep(POLL_S)
        process.kill()
        process.wait()
    return not (folder / "settings.json").exists()


@pytest.mark.slow
def test_killed_and_started_again_it_leaves_the_same_files(tmp_path: Path) -> None:
    assert kill_after_first_shard(tmp_path / "killed")
    finished = [closedloop(*SMALL, "--out", tmp_path / name) for name in ("whole", "killed")]
    assert [one.returncode for one in finished] == [0, 0], [one.stderr for one in finished]
    found = contents(tmp_path / "whole")
    assert found == contents(tmp_path / "killed")
    tables = {"changes.csv", "changes.parquet", "sensitivity.csv", "sensitivity.parquet"}
    assert {name for name in found if "/" not in name} == tables | {
        *("settings.json", "figure.svg", "figure.png", "index.html", ".lock")
    }
    assert finished[0].stdout.splitlines()[-1] == f"Open {tmp_path / 'whole' / 'index.html'}"
    assert "small_resnet_vanilla" in finished[0].stdout
