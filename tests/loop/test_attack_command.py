"""`closedloop attack` as a real process: killed, continued with other workers, and wrong in one line."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from tests.equipment.processes import Child
from tests.loop.studies import ENVIRONMENT, closedloop, command, one_line_error

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

POLL_S = 0.002
OPTIONS = ("--layer", "layer3.0", "--outputs", "0-23", "--epsilon", "1", "--epsilon", "10", "--steps", "2")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for name in ("astronaut", "chelsea"):
        Image.fromarray(getattr(skimage.data, name)()).save(folder / f"{name}.png")
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_killed_and_continued_by_other_workers_it_leaves_the_same_files(photographs: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    arguments = ("attack", "small_resnet_vanilla", photographs, "--out", "set", *OPTIONS)
    for folder in (whole, killed):
        folder.mkdir()
    finished = closedloop(*arguments, cwd=whole)
    assert finished.returncode == 0, finished.stderr
    assert "96 attacks. Open set/index.html" in finished.stdout
    shards = killed / ".set.attack" / "shards"
    with Child(
        command(*arguments, "--workers", "2"), env=ENVIRONMENT, cwd=killed, stderr=subprocess.DEVNULL
    ) as running:
        while not list(shards.glob("*.npz")) and running.poll() is None:
            time.sleep(POLL_S)
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    assert not (killed / "set").exists()
    again = closedloop(*arguments, cwd=killed)
    assert again.returncode == 0, again.stderr
    assert files_of(killed / "set") == files_of(whole / "set")
    assert [path.name for path in killed.iterdir()] == ["set"]


def test_what_is_wrong_is_one_line(photographs: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes((photographs / "chelsea.png").read_bytes()[:2000])
    arguments = ("attack", "small_resnet_vanilla", broken, "--out", tmp_path / "set", "--layer", "layer3.0")
    assert str(broken) in one_line_error(closedloop(*arguments))
    assert [path.name for path in tmp_path.iterdir()] == ["broken.png"]
