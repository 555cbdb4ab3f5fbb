"""A real day on a disk that is pulled, that fails, or forgets what was not synced: by strace, where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from tests.loop.studies import ENVIRONMENT, PROTOCOL, closedloop, command, dry_run, one_line_error, sensitivity
from tests.unit.durable_disk import Disk

QUICKLY = "--seccomp-bpf"  # strace then stops at what it traces alone; but a signal cannot be injected there


@cache
def strace() -> tuple[str, ...]:
    """Return strace as far as it is here and may look at a process: it stops at what it traces alone, if it can."""
    found = shutil.which("strace")
    ways = [(found, "-f", "-qq", *quick) for quick in ((QUICKLY,), ())] if found else []
    tried = ((way, subprocess.run([*way, "-o", "/dev/null", "true"], check=False, capture_output=True)) for way in ways)
    return next((way for way, ended in tried if ended.returncode == 0), ())


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not strace(), reason="needs strace and the right to trace"),
]


def traced(study: Path, *options: str | Path, arguments: tuple[str | Path, ...]) -> subprocess.CompletedProcess[str]:
    """Run a command on a study under strace."""
    way = [word for word in strace() if word != QUICKLY or not any("signal=" in str(option) for option in options)]
    words = [*way, *map(str, options), *command(*arguments)]
    return subprocess.run(words, check=False, capture_output=True, text=True, env=ENVIRONMENT, timeout=800)


WRITES = "openat,creat,write,pwrite64,writev,pwritev,ftruncate,fallocate,copy_file_range"
NAMES = "mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,fsync,fdatasync"


def operations(lines: Iterator[str]) -> Iterator[tuple[str, ...]]:
    """Read strace's lines (-f -y) as what they did to the disk."""
    begun: dict[str, str] = {}
    for line in lines:
        process, _, call = line.partition(" ")
        call = call.strip()  # a process of a short number has more than one blank behind it
        if call.endswith("<unfinished ...>"):
            begun[process] = call.removesuffix("<unfinished ...>").rstrip()
            continue
        resumed = re.fullmatch(r"<\.\.\. \w+ resumed>(.*)", call)
        whole = begun.pop(process, "") + resumed[1] if resumed else call
        found = re.fullmatch(r"(\w+)\((.*)\)\s+= (\d+)(<.*>)?", whole)  # what failed did nothing
        if found:
            yield from _operation(found[1], found[2], opened=(found[4] or "<>")[1:-1])


@pytest.mark.parametrize("process", ["7750", "27750"])
def test_what_strace_says_in_two_lines_is_one_operation_whatever_the_number_of_the_process(process: str) -> None:
    begun, ended = "fsync(3</disk/a> <unfinished ...>", "<... fsync resumed>) = 0"
    said = [f"{process:5} {begun}\n", '3     write(4</disk/b>, "x", 1) = 1\n', f"{process:5} {ended}\n"]
    assert list(operations(iter(said))) == [("write", "/disk/b"), ("sync", "/disk/a")]


def _operation(name: str, said: str, *, opened: str) -> Iterator[tuple[str, ...]]:
    of_descriptor = re.match(r"\d+<([^>]*)>", said)
    paths = [Path(folder or "/", path).as_posix() for folder, path in re.findall(r'(?:<([^>]*)>, )?"([^"]*)"', said)]
    if name in {"fsync", "fdatasync"} and of_descriptor:
        yield ("sync", of_descriptor[1])
    elif name == "openat" and re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)", said):
        yield ("write", opened)
    elif name.startswith("rename"):
        yield ("rename", *paths)
    elif name.startswith("mkdir"):
        yield ("mkdir", *paths)
    elif name in {"unlink", "unlinkat", "rmdir"}:
        yield ("remove", *paths)
    elif name in WRITES.split(",") and of_descriptor:
        yield ("write", of_descriptor[1])


def published(files: set[Path]) -> set[Path]:
    """Keep the files of folders that have a manifest and their public name: a study's own folder has it last."""
    folders = {path.parent for path in files if path.name == MANIFEST_NAME}
    folders = {folder for folder in folders if not any(part.startswith(".") for part in folder.parts)}
    return {path for path in files if path.parent in folders}


def test_what_a_day_has_published_is_durable_when_its_manifest_is(tmp_path: Path) -> None:
    said, top = tmp_path / "strace", tmp_path / "disk"
    top.mkdir()
    options = ("-y", "-s", "4096", "-o", said, "-e", f"trace={WRITES},{NAMES}")
    finished = traced(top, *options, arguments=("dry-run", top / "study", "--protocol", PROTOCOL, "--days", "1"))
    assert finished.returncode == 0, finished.stderr
    disk = Disk(top)
    with said.open(errors="replace") as lines:
        for operation in disk.play(operations(lines)):
            if operation[0] == "sync" and published(disk.durable_names()):
                files = disk.durable_files()
                for folder in {path.parent for path in published(disk.durable_names())}:
                    whole = {folder / name for name in [MANIFEST_NAME, *read_manifest(folder).outputs]}
                    assert whole <= files, (operation, whole - files)
    there = published({path for path in top.rglob("*") if path.is_file()})
    assert len(there) > 30
    assert published(disk.live_files()) == there
    assert published(disk.durable_files()) == there


# Of both days. `test_kill` kills in every stage, from an empty folder on; `make faults` at every rename of one.
LEFT_TO_DO = ("day-00/synthesize", "day-01/schedule", "day-01/ingest")


def leave_to_do(undisturbed: Path, study: Path) -> Path:
    """Copy the study without some of its stages, and without its result."""
    shutil.copytree(undisturbed, study)
    for name in LEFT_TO_DO:
        shutil.rmtree(study / name)
    (study / "report" / "sensitivity.csv").unlink()
    return study


@pytest.fixture(scope="module")
def renames_of_files(undisturbed: Path, tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    """Which of the loop's renames give a half-written file its name: the others publish folders."""
    folder = tmp_path_factory.mktemp("renames")
    study = leave_to_do(undisturbed, folder / "study")
    options = ("-s", "4096", "-o", folder / "strace", "-e", "trace=rename")
    traced(study, *options, arguments=("dry-run", study, "--protocol", PROTOCOL))
    calls = [line.split(maxsplit=1) for line in (folder / "strace").read_text().splitlines() if "rename(" in line]
    of_the_loop = [call for process, call in calls if process == calls[0][0]]  # strace counts each process's own
    found = {number: call for number, call in enumerate(of_the_loop, start=1) if re.search(r'\.tmp", ', call)}
    working = [f"/{day}/.{stage}.partial/" for day, stage in (name.split("/") for name in LEFT_TO_DO)]
    numbers = [[number for number, call in found.items() if part in call] for part in working]
    return [of_one[len(of_one) // 2] for of_one in numbers]


@pytest.mark.parametrize("place", range(len(LEFT_TO_DO)), ids=LEFT_TO_DO)
def test_a_kill_at_a_rename_leaves_no_half_written_file_in_what_is_published(
    undisturbed: Path, renames_of_files: list[int], tmp_path: Path, place: int
) -> None:
    study, when = leave_to_do(undisturbed, tmp_path / "study"), renames_of_files[place]
    options = ("-o", "/dev/null", "-e", "trace=rename", "-e", f"inject=rename:signal=KILL:when={when}")
    traced(study, *options, arguments=("dry-run", study, "--protocol", PROTOCOL))
    killed = study / LEFT_TO_DO[place]
    assert list((killed.parent / f".{killed.name}.partial").rglob(".*.tmp")), "the kill hit between two files"
    assert dry_run(study).returncode == 0
    hidden = {path.name for path in study.rglob(".*")} - {".loop.lock"}
    assert not hidden
    for name in LEFT_TO_DO:
        assert read_manifest(study / name).outputs == read_manifest(undisturbed / name).outputs
    assert sensitivity(study) == sensitivity(undisturbed)


@pytest.mark.parametrize(
    ("stage", "call", "file"),
    [
        ("ingest", "fsync:when=9", None),
        ("ingest", "fdatasync:when=1", None),
        ("ingest", "rename:when=1", None),
        ("ingest", "pwrite64:when=3", None),
        ("ingest", "read:when=1", "day-01/recording/array1.ns6"),
        ("evaluate", "pread64:when=1", "day-01/synthesize/stimuli.parquet"),
        ("evaluate", "pread64:when=3", "day-01/synthesize/images.h5"),
    ],
)
def test_a_disk_that_fails_under_a_stage_is_one_line_and_the_same_command_goes_on(
    study_copy: Callable[[], Path], undisturbed: Path, stage: str, call: str, file: str | None
) -> None:
    study = study_copy()
    shutil.rmtree(study / "day-01" / stage)
    name, when = call.split(":")
    of_file = ("-P", study / file) if file else ()
    options = ("-o", "/dev/null", "-e", f"trace={name}", *of_file, "-e", f"inject={name}:error=EIO:{when}+")
    message = one_line_error(traced(study, *options, arguments=("run", study)))
    assert message.endswith("nothing published is lost.")
    assert file is None or str(study / file) in message
    assert closedloop("run", study).returncode == 0
    assert sensitivity(study) == sensitivity(undisturbed)
