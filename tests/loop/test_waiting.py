"""A real command that waits, day after day, while people and copy programs bring what it waits for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.storage import sha256_file
from tests.equipment.processes import Child
from tests.loop.real_study import RealStudy
from tests.loop.studies import ENVIRONMENT, closedloop, command, one_line_error

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Waiting:
    """A process that waits, and what it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []

    def until(self, words: str) -> str:
        """Read what it says until a line has these words; return the line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if words in line:
                return line
        pytest.fail(f"ended before it said {words!r}: {self.said}")


@contextmanager
def waiting(study: Path, *options: str) -> Iterator[Waiting]:
    words = command("run", study, "--wait", "--settle", "2", *options)
    with Child(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT) as process:
        yield Waiting(process)


def copy_pieces(source: Path, target: Path, *, until: float) -> None:
    """Write a file up to a share of it."""
    content = source.read_bytes()
    with target.open("ab") as file:
        file.write(content[file.tell() : int(len(content) * until)])


@pytest.mark.parametrize("options", [(), ("--poll", "0.5")])
def test_a_wait_goes_on_with_two_days_as_they_are_brought_in_pieces(
    real_study: RealStudy, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with waiting(real_study.root, *options) as waits:
        for day in (0, 1):
            waits.until(f"day {day}: the session is ready.")
            real_study.present(day)
            waits.until(f"day {day}: copy the session's .nev")
            folder = real_study.paths.folder("recording", day)
            source = recorded(real_study, day, tmp_path / f"recorder-{day}")
            folder.mkdir()
            copy_pieces(source / "array1.nev", folder / "array1.nev", until=0.4)
            waits.until("array1.nev still growing")
            copy_pieces(source / "array1.nev", folder / "array1.nev", until=1)
            copy_pieces(source / "array1.ns6", folder / "array1.ns6", until=0.7)
            waits.until("array1.ns6 still growing")
            assert not (folder / MANIFEST_NAME).exists()
            copy_pieces(source / "array1.ns6", folder / "array1.ns6", until=1)
            waits.until(f"day {day}  recording")
            sealed = {name: entry.sha256 for name, entry in read_manifest(folder).outputs.items()}
            assert sealed == {file.name: sha256_file(file) for file in source.iterdir()}
        waits.until("All 2 days are done.")
        assert waits.process.wait() == 0
    stamped = [line for line in waits.said if "the session is ready" in line or "copy the session" in line]
    assert len(stamped) == 4  # each is said once
    assert all(line[:4].isdecimal() and line[16] == ":" for line in stamped)


def recorded(real_study: RealStudy, day: int, elsewhere: Path) -> Path:
    """Return a day's recording, made in a copy of the study: who waits must not see it before it is copied."""
    copy = Path(shutil.copytree(real_study.root, elsewhere.with_name(f"copy-{day}")))
    return Path(shutil.move(RealStudy(type(real_study.paths)(copy)).record(day), elsewhere))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_wait_is_interrupted_cleanly_and_its_lock_goes_with_it(real_study: RealStudy, number: signal.Signals) -> None:
    with waiting(real_study.root) as waits:
        waits.until("This process waits")
        status = json.loads(closedloop("status", real_study.root, "--json").stdout)
        assert status["waiter"].endswith(f":{waits.process.pid}")
        assert (status["state"], status["holder"]) == ("waiting", None)
        second = closedloop("run", real_study.root, "--wait")
        assert f"found {status['waiter']}" in one_line_error(second)
        assert closedloop("run", real_study.root, "--settle", "0").returncode == 3  # by hand, meanwhile
        waits.process.send_signal(number)
        waits.until("Stopped. Run the same command again to go on; nothing published is lost.")
        assert waits.process.wait() == 130
    assert json.loads(closedloop("status", real_study.root, "--json").stdout)["waiter"] is None


def test_what_a_person_has_to_repair_ends_the_wait_in_one_line(real_study: RealStudy) -> None:
    with waiting(real_study.root) as waits:
        waits.until("This process waits")
        plan = next(file for file in real_study.paths.folder("plan", 0).iterdir() if file.name != MANIFEST_NAME)
        os.truncate(plan, 1)
        real_study.present()
        line = waits.until(f"{plan}: expected the bytes that manifest.json beside it promises")
        assert waits.process.wait() == 1
        assert waits.process.stdout is not None
        assert waits.process.stdout.read() == ""
    assert line.count("\n") == 1


def test_a_poll_without_a_wait_is_refused(tmp_path: Path) -> None:
    refused = closedloop("run", tmp_path, "--poll", "1")
    assert refused.returncode == 2
    assert refused.stderr.startswith("--poll: expected --wait with it, found none.")


def test_who_has_computed_gives_the_memory_back_before_it_waits(real_study: RealStudy) -> None:
    """It begins anew in its own place: the libraries that compute are gone from it, and what it took with them."""
    with waiting(real_study.root) as waits:
        waits.until("day 0: the session is ready.")
        real_study.day_of_data()
        waits.until("day 1: the session is ready.")
        maps = Path(f"/proc/{waits.process.pid}/maps").read_text()
        waits.process.send_signal(signal.SIGTERM)
        waits.until("Stopped. ")
        assert waits.process.wait() == 130
    assert any("day 0  refit" in line for line in waits.said)
    assert "libtorch" not in maps
    assert len([line for line in waits.said if line.startswith("closedloop: real study of")]) == 1
