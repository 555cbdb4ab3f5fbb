"""A recording that a real process copies, slowly and with pauses, while the real command runs again and again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.storage import sha256_file
from tests.equipment.processes import Child
from tests.loop.real_study import RealStudy
from tests.loop.studies import WAITING, closedloop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

COPY = """
import select, sys
from pathlib import Path
source, target = Path(sys.argv[1]), Path(sys.argv[2])
target.mkdir(exist_ok=True)
files = sorted(source.iterdir(), key=lambda file: file.suffix, reverse=True)
for file in files:
    content, at = file.read_bytes(), 0
    with (target / file.name).open("wb", buffering=0) as copy:
        while at < len(content):
            slowly = file == files[-1] and not select.select([sys.stdin], [], [], 0.1)[0]  # until a line comes
            at += copy.write(content[at : at + (1 if slowly else len(content))])
"""


def test_a_run_during_the_copy_seals_nothing_and_a_run_after_it_seals_all(
    real_study: RealStudy, tmp_path: Path
) -> None:
    real_study.present()
    real_study.run()
    folder = real_study.record()
    source = Path(shutil.move(folder, tmp_path / "recorder"))
    whole = {file.name: sha256_file(file) for file in source.iterdir()}
    with Child([sys.executable, "-c", COPY, source, folder], stdin=subprocess.PIPE) as copying:
        for _ in range(2):
            finished = closedloop("run", real_study.root, "--settle", "2")
            assert finished.returncode == WAITING, finished.stderr
            assert "Waiting for you: day 0: " in finished.stdout
            assert not (folder / MANIFEST_NAME).exists()
        copying.communicate(b"the rest\n")
    assert copying.returncode == 0
    finished = closedloop("run", real_study.root, "--settle", "2")
    assert finished.returncode == WAITING, finished.stderr
    assert {name: entry.sha256 for name, entry in read_manifest(folder).outputs.items()} == whole


def test_the_status_names_what_is_waited_for_and_writes_nothing(real_study: RealStudy) -> None:
    real_study.present()
    real_study.run()
    folder = real_study.record()
    (folder / "array1.ns6").rename(folder / "array1.ns6.filepart")
    before = sorted(real_study.root.rglob("*"))
    said = closedloop("status", real_study.root).stdout
    assert "waiting for you: day 0: array1.ns6.filepart still growing" in said
    assert {path for path in real_study.root.rglob("*") if "ledger" not in path.name} == {
        path for path in before if "ledger" not in path.name
    }


def test_a_bad_copy_is_replaced_by_command(real_study: RealStudy, tmp_path: Path) -> None:
    real_study.present()
    real_study.run()
    folder = real_study.record()
    good = Path(shutil.copytree(folder, tmp_path / "good"))
    (folder / "array1.nev").write_bytes((folder / "array1.nev").read_bytes()[:-7])
    command = ("replace-recording", real_study.root, "--day", "0", "--from", good, "--settle", "0")
    assert "--why" in closedloop(*command).stderr
    replaced = closedloop(*command, "--why", "the stick was full")
    assert replaced.returncode == 0, replaced.stderr
    assert closedloop("run", real_study.root).returncode == WAITING
    assert (real_study.paths.replaced(0) / "recording-1" / "array1.nev").is_file()
    again = closedloop(*command, "--why", "once more")
    assert again.returncode == 1
    assert "found the same, byte for byte" in again.stderr  # given twice, it replaces once
    assert closedloop("run", real_study.root).returncode == WAITING
    assert not (real_study.paths.replaced(0) / "recording-2").exists()
