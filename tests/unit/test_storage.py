"""Files that exist whole or not at all, and what a full or closed disk is called."""

from __future__ import annotations

import errno
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from closedloop.errors import StorageError
from closedloop.storage import (
    atomic_file,
    publish_folder,
    sha256_bytes,
    sha256_file,
    storage_errors,
    sweep,
    write_bytes,
)
from tests.unit.messages import refused

# The child prints the error's message as a user would see it; anything but a StorageError is a traceback and code 1.
PRELUDE = """
import os, resource, sys
from pathlib import Path
from closedloop.storage import publish_folder, write_bytes
from closedloop.errors import StorageError
def attempt(work):
    try:
        work()
    except StorageError as error:
        print(error)
        sys.exit(3)
"""


def storage_error_of(script: str, *arguments: str | Path) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", PRELUDE + script, *map(str, arguments)], check=False, capture_output=True, text=True
    )
    assert finished.returncode == 3, finished.stdout + finished.stderr
    assert len(finished.stdout.splitlines()) == 1
    return finished.stdout


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_and_the_folders_above_it_are_made(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b" / "file", b"content")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"content"
    assert names_in(tmp_path / "a" / "b") == {"file"}


def test_until_the_block_ends_the_old_file_stands(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic_file(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
        assert temporary.parent == path.parent
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == {"file"}


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_file_and_no_other(tmp_path: Path, fault: type[BaseException]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with atomic_file(path) as temporary:
            temporary.write_bytes(b"ne")
            raise fault

    with pytest.raises(fault):
        interrupted()
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == {"file"}


def test_a_file_over_the_limit_of_the_disk_is_a_storage_error_and_the_old_one_stands(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    script = """
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
attempt(lambda: write_bytes(Path(sys.argv[1]), bytes(1001)))
"""
    message = storage_error_of(script, path)
    assert message.startswith(f"{path}: expected room to write, found the disk full.")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == {"file"}


def test_a_full_device_is_a_storage_error(tmp_path: Path) -> None:
    with refused(StorageError, tmp_path / "file", "disk full", "Free some space"), storage_errors(tmp_path / "file"):
        Path("/dev/full").write_bytes(b"x")


def test_a_folder_that_may_not_be_written_is_a_storage_error() -> None:
    """The child gives up root's rights, so that the test says the same to everybody."""
    script = """
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
attempt(lambda: write_bytes(Path(sys.argv[1]), b"x"))
"""
    with tempfile.TemporaryDirectory() as closed:
        Path(closed).chmod(stat.S_IRUSR | stat.S_IXUSR | stat.S_IROTH | stat.S_IXOTH)
        message = storage_error_of(script, Path(closed) / "file")
        assert message.startswith(f"{closed}/file: expected a writable folder, found Permission denied.")
        assert not names_in(Path(closed))


def test_a_failing_disk_is_a_storage_error_that_names_the_file() -> None:
    """The kernel answers a read of memory that is not there with EIO, as it does for a bad block."""
    said = ("/proc/self/mem: expected a disk", "Input/output error", "Check the disk")
    with refused(StorageError, *said), storage_errors(Path("/study")):
        sha256_file(Path("/proc/self/mem"))


def test_what_cannot_be_read_elsewhere_is_named_too(tmp_path: Path) -> None:
    said = (f"{tmp_path}: expected a writable folder", "at /elsewhere/array1.nev")
    with refused(StorageError, *said), storage_errors(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere/array1.nev")


def test_other_faults_of_the_operating_system_are_not_dressed_up(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), storage_errors(tmp_path):
        (tmp_path / "none").read_bytes()


def test_a_file_that_nobody_may_write_is_published(tmp_path: Path) -> None:
    script = """
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
publish_folder(Path(sys.argv[1]), Path(sys.argv[2]))
"""
    with tempfile.TemporaryDirectory() as folder:
        working = Path(folder) / ".recording.partial"
        write_bytes(working / "array1.nev", b"a recorder's file")
        (working / "array1.nev").chmod(0o444)
        for path in (Path(folder), working):
            path.chmod(0o777)
        command = [sys.executable, "-c", PRELUDE + script, working, Path(folder) / "recording"]
        finished = subprocess.run(command, check=False, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        assert (Path(folder) / "recording" / "array1.nev").read_bytes() == b"a recorder's file"


def test_what_is_hidden_does_not_travel(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"whole")
    (tmp_path / ".file.123.tmp").write_bytes(b"half")
    write_bytes(tmp_path / ".scratch" / "deep" / ".shard", b"done")
    write_bytes(tmp_path / "folder" / "file", b"whole")
    (tmp_path / "folder" / ".file.4.tmp").write_bytes(b"half")
    sweep(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == {"file", "folder", "folder/file"}


def test_a_published_folder_has_its_public_name_only(tmp_path: Path) -> None:
    working, final = tmp_path / ".plan.partial", tmp_path / "plan"
    write_bytes(working / "deep" / "file", b"new")
    publish_folder(working, final)
    assert (final / "deep" / "file").read_bytes() == b"new"
    assert names_in(tmp_path) == {"plan"}


def test_publishing_replaces_the_older_folder_as_a_whole(tmp_path: Path) -> None:
    working, final = tmp_path / ".plan.partial", tmp_path / "plan"
    write_bytes(final / "old", b"old")
    write_bytes(working / "new", b"new")
    publish_folder(working, final)
    assert names_in(final) == {"new"}
    assert names_in(tmp_path) == {"plan"}


def test_what_a_crash_between_the_renames_left_does_not_stand_in_the_way(tmp_path: Path) -> None:
    working, final, retired = tmp_path / ".plan.partial", tmp_path / "plan", tmp_path / ".plan.retired"
    write_bytes(retired / "older", b"older")
    write_bytes(final / "old", b"old")
    write_bytes(working / "new", b"new")
    publish_folder(working, final)
    assert names_in(final) == {"new"}
    assert names_in(tmp_path) == {"plan"}


def test_digests_are_sha256() -> None:
    """Test vector "abc" of FIPS 180-4."""
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_bytes(b"abc") == expected


def test_a_file_of_many_blocks_is_hashed_to_its_end(tmp_path: Path) -> None:
    """Test vector of a million "a" of FIPS 180-4, and one beyond a block of a megabyte."""
    (tmp_path / "million").write_bytes(b"a" * 1_000_000)
    assert sha256_file(tmp_path / "million") == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    long = bytes(range(256)) * 9000
    (tmp_path / "long").write_bytes(long)
    assert sha256_file(tmp_path / "long") == sha256_bytes(long)
