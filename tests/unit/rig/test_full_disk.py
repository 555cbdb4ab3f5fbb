"""A disk that is full, read-only or in the way: one line, a whole journal, and how to go on."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_rows import LaunchOpened, TimeOut
from closedloop.errors import BrokenSessionError, SessionError, StorageError
from rig.apparatus import Launch
from rig.cli import app
from rig.launch import run_launch
from rig.session.journal import JournalWriter
from rig.stop import StopRequest

ROW = TimeOut(misses=5, duration_s=2.5, time_s=1.25)


@pytest.fixture
def rig(process_environment):
    """Run the command as a process whose files may have so many bytes."""

    def run(*arguments, most_bytes=None):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

        return subprocess.run(
            [sys.executable, "-m", "rig", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env=process_environment | {"PYTHONDONTWRITEBYTECODE": "1"},  # Python would read what it wrote half
            preexec_fn=limit if most_bytes else None,
        )

    return run


def standing(out):
    return [row for row in read_journal(out / "journal.jsonl").rows if not isinstance(row, LaunchOpened)]


@contextmanager
def disk_of(most_bytes):
    """Let no file of this process grow further: the disk takes a part of the line that does not fit, then none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def present(folder, out, **options):
    launch = Launch(session=folder, out=out, display="headless", **options)
    return run_launch(launch, stop=StopRequest(), on_trial=lambda state, now_s: None)


@pytest.mark.parametrize("most_bytes", [5_000, 9_999, 12_345])
def test_a_disk_that_fills_up_leaves_a_whole_journal_and_no_line_is_lost(make_session, tmp_path, most_bytes):
    folder, out = make_session(n_presentations=40), tmp_path / "out"
    present(folder, tmp_path / "undisturbed")
    with disk_of(most_bytes), pytest.raises(BrokenSessionError, match="found the disk full"):
        present(folder, out)
    journal = read_journal(out / "journal.jsonl")
    assert journal.n_torn == 0  # what the disk took of the last line is taken back
    assert most_bytes - 1_500 < (out / "journal.jsonl").stat().st_size <= most_bytes
    present(folder, out, resume=True)
    assert standing(out) == standing(tmp_path / "undisturbed")


@pytest.mark.slow
def test_a_full_disk_is_one_line_with_the_command_to_go_on(rig, make_session, tmp_path):
    folder, out = make_session(n_presentations=60), tmp_path / "out"
    full = rig("present", folder, "--display", "headless", "--out", out, most_bytes=5_000)
    assert full.returncode == 1
    line = full.stderr.strip().splitlines()[-1]
    assert "found the disk full. Free some space and run the same command with --resume" in line
    assert "no line that was written is lost" in line
    command = shlex.split(line.partition("Then go on: ")[2])
    assert command[:3] == ["rig", "present", str(folder)]
    assert "--resume" in command
    done = rig(*command[1:])
    assert done.returncode == 0, done.stderr


def test_a_part_of_a_line_is_written_on_and_no_line_is_lost(tmp_path):
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path) as journal:
        journal._file = Hesitant(journal._file)
        journal.write(ROW)
        journal.write(ROW)
    assert read_journal(path).rows == (ROW, ROW)


class Hesitant:
    """A disk that takes seven bytes at a time."""

    def __init__(self, file):
        self._file = file

    def write(self, content):
        return self._file.write(content[:7])

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_names_the_command_to_go_on_with():
    with JournalWriter(Path("/dev/full")) as journal, pytest.raises(StorageError, match="same command with --resume"):
        journal.write(ROW)


def invoke(*arguments):
    """Run the command in this process."""
    return CliRunner().invoke(app, [*map(str, arguments), "--display", "headless"])


def test_a_file_in_the_place_of_out_is_a_line_for_check_and_present(make_session, tmp_path):
    folder, out = make_session(n_presentations=3), tmp_path / "out"
    out.write_text("notes")
    assert f"found a file ({out}) in the way" in str(invoke("present", folder, "--out", out).exception)
    checked = invoke("check", folder, "--out", out)
    assert checked.exit_code == 1
    assert f"found a file ({out}) in the way" in checked.output
    assert out.read_text() == "notes"


@pytest.mark.parametrize("command", ["check", "present"])
def test_a_file_in_the_place_of_a_session_is_a_line(make_session, command):
    folder = make_session(n_presentations=3)
    refused = invoke(command, folder / "session.json").exception
    assert isinstance(refused, SessionError)
    assert f"expected a session folder, found a file. Is {folder} meant?" in str(refused)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_a_line_for_check_and_present(make_session, tmp_path):
    folder, out = make_session(n_presentations=3), tmp_path / "out"
    out.mkdir(mode=0o500)
    assert "expected a writable folder" in str(invoke("present", folder, "--out", out).exception)
    checked = invoke("check", folder, "--out", out)
    assert checked.exit_code == 1
    assert "expected a writable folder" in checked.output


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that takes no files, whoever asks")
def test_a_folder_that_takes_no_files_is_a_line_for_check_and_present(make_session):
    folder = make_session(n_presentations=3)
    refused = str(invoke("present", folder, "--out", "/proc/self").exception)
    assert "/proc/self: expected a folder that takes new files, found one that does not. Choose another" in refused
    checked = invoke("check", folder, "--out", "/proc/self")
    assert checked.exit_code == 1
    assert "expected a folder that takes new files" in checked.output
