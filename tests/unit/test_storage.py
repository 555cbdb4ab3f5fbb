"""Files that exist whole or not at all, and what a full or closed disk is called."""

from __future__ import annotations

import errno
import stat
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from closedloop.errors import StorageError
from closedloop.storage import (
    atomic_file,
    publish_folder,
    read_bytes,
    reading,
    sha256_bytes,
    sha256_file,
    storage_errors,
    sweep,
    write_bytes,
)
from closedloop.storage.arrays import save_array, save_rows
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
    assert not finished.stderr  # HDF5 has its own opinion of a full disk, and prints it
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


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            OSError("Can't write data (file write failed: errno = 28, error message = 'No space left on device')"),
            "full",
        ),
        (RuntimeError("Can't decrement id ref count (unable to close file, errno = 5, ...)"), "Input/output error"),
        (OSError("[errno 30] Read-only file system"), "Read-only file system"),
        (OSError("4000 requested and 1000 written"), "full"),  # numpy's
        (ValueError("I/O error: Stale file handle (os error 116)"), "Stale file handle"),  # of libraries in Rust
    ],
)
def test_what_a_library_says_in_words_alone_is_one_line_with_the_file(
    tmp_path: Path, said: Exception, found: str
) -> None:
    with refused(StorageError, tmp_path / "file", found), storage_errors(tmp_path / "file"):
        raise said


def test_a_read_that_fails_names_its_file_and_one_that_is_not_there_is_for_the_caller(tmp_path: Path) -> None:
    with refused(StorageError, "/proc/self/mem: expected a disk", "Input/output error", "Check the disk"):
        read_bytes(Path("/proc/self/mem"))
    with refused(StorageError, tmp_path, "expected a file that may be read", "Permission denied"), reading(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "none")


ARRAYS = {
    "rows": np.arange(12).reshape(3, 4),
    "columns": np.arange(12).reshape(3, 4).T,
    "none": np.zeros((0, 3)),
    "one value": np.array(3.5, np.float32),
    "every other": np.arange(24, dtype=np.uint16).reshape(2, 3, 4)[:, ::2],
    "texts": np.array(["a", "bc"]),
    "times": np.array(["2026-11-28"], "datetime64[D]"),
    "fields": np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_s_file_is_byte_for_byte_numpy_s_own(tmp_path: Path, name: str) -> None:
    save_array(tmp_path / "array.npy", ARRAYS[name])
    content = BytesIO()
    np.save(content, ARRAYS[name])
    assert (tmp_path / "array.npy").read_bytes() == content.getvalue()


def test_rows_that_come_in_blocks_are_the_file_of_the_whole_array(tmp_path: Path) -> None:
    whole = np.arange(40, dtype=np.uint8).reshape(10, 4)
    save_rows(tmp_path / "array.npy", (whole[:3], whole[3:3], whole[3:]), shape=whole.shape, dtype=whole.dtype)
    content = BytesIO()
    np.save(content, whole)
    assert (tmp_path / "array.npy").read_bytes() == content.getvalue()


@pytest.mark.parametrize(
    "write",
    [
        "save_array(path, array)",
        "made_once(path, lambda at: save_rows(at, [array], shape=array.shape, dtype=array.dtype))",
        "made_once(path, lambda at: save_arrays(at, {'a': array}))",
        "write_arrays(path, STIMULUS_IMAGES, {'images': array.reshape(10, 10, 10, 3)}, simulated=True)",
        "appended(path, array)",
        "appended(path, array, most=0)",
        "appended(path, array, most=10_000)",
        "write_nev(path, [], specification='2.3', batches=[NevBatch(code_tick=array, code_value=array)], start=START)",
        "write_nsx(path, [NsxChannel(1, '1')], rate_hz=30_000, specification='2.3', chunks=[(0, many)], start=START)",
        "write_table(path, USES, dict.fromkeys(USES.columns, list(range(3000))), simulated=True)",
    ],
)
def test_an_array_on_a_full_disk_is_one_line_and_leaves_no_file(tmp_path: Path, write: str) -> None:
    """The disk is full after a thousand bytes: numpy itself says that without a number, and HDF5 in a sentence."""
    script = f"""
import numpy as np
from datetime import UTC, datetime
from closedloop.blackrock import NevBatch, NsxChannel, write_nev, write_nsx
from closedloop.artifacts import arrays
from closedloop.artifacts.arrays import array_writer, write_arrays
from closedloop.artifacts.day.responses import SPIKES
from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES
from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.artifacts.tables import write_table
from closedloop.execution.shards import made_once
from closedloop.storage.arrays import save_array, save_arrays, save_rows
USES = TableLayout("numbers", {{name: Column("int64", "1", name) for name in "abc"}})
def appended(path, array, most=1 << 26):
    arrays._MOST_IN_MEMORY_BYTES = most
    with array_writer(path, SPIKES, simulated=True) as append:
        for part in range(100):
            append(dict.fromkeys(SPIKES.datasets, array))
array, path = np.random.default_rng(1).integers(0, 255, 3000).astype(np.uint8), Path(sys.argv[1])
START, many = datetime(2026, 11, 28, tzinfo=UTC), array.astype(np.int16)[:, None]
array = np.sort(array).astype(np.int64) if "write_nev" in {write!r} else array
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
attempt(lambda: {write})
"""
    message = storage_error_of(script, tmp_path / "folder" / "file")
    assert message.startswith(f"{tmp_path}/folder/file: expected room to write, found the disk full.")
    assert not names_in(tmp_path / "folder")


@pytest.mark.parametrize(("place", "found"), [("/dev/null", "a device"), ("", "a folder")])
def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path, place: str, found: str) -> None:
    path = Path(place or tmp_path)
    before = path.stat().st_mode
    with refused(StorageError, path, f"found {found}", "Choose another name"):
        write_bytes(path, b"x")
    assert path.stat().st_mode == before


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
