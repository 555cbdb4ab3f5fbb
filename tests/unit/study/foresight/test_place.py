"""A study's folder is there whole or not at all, however its making ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from closedloop.errors import StorageError, StudyError
from closedloop.study.foresight.place import new_folder, refuse_place
from tests.unit.messages import refused

KILLED = """
import os, signal, sys
from pathlib import Path
from closedloop.study.foresight.place import new_folder
with new_folder(Path(sys.argv[1])) as building:
    (building / "inputs").mkdir()
    (building / "protocol.yaml").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def fill(building: Path) -> None:
    (building / "inputs").mkdir()
    for name in ("inputs/pool.parquet", "protocol.yaml", "study.json"):
        (building / name).write_text(name)


def fill_other(root: Path) -> None:
    root.mkdir()
    (root / "study.json").touch()


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


MADE = {"inputs", "inputs/pool.parquet", "protocol.yaml", "study.json"}


@pytest.fixture(params=["beside", "in a folder that is there"])
def root(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    found = tmp_path / "runs" / "study"
    if request.param != "beside":
        found.mkdir(parents=True)
    return found


def test_a_study_appears_whole_under_its_name(root: Path) -> None:
    there = root.exists()
    with new_folder(root) as building:
        fill(building)
        assert not (root / "study.json").exists()
        assert root.exists() == there
    assert names(root) == MADE
    assert [path.name for path in root.parent.iterdir()] == ["study"]


def make_and_end(root: Path, end: BaseException) -> None:
    with new_folder(root) as building:
        fill(building)
        raise end


@pytest.mark.parametrize("end", [KeyboardInterrupt, ValueError, SystemExit])
def test_whatever_ends_it_nothing_is_left_and_folders_that_were_made_for_it_go_too(
    root: Path, end: type[BaseException]
) -> None:
    before = names(root.parents[1])
    with pytest.raises(end):
        make_and_end(root, end())
    assert names(root.parents[1]) == before


def test_a_full_disk_is_one_line_and_leaves_nothing(root: Path) -> None:
    before = names(root.parents[1])
    with refused(StorageError, root, "found the disk full"):
        make_and_end(root, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert names(root.parents[1]) == before


def test_what_a_killed_one_left_is_hidden_and_gone_after_the_next(root: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, root], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = {path for path in (*root.parent.glob("*"), *root.glob("*")) if path != root}
    assert len(left) == 1
    assert next(iter(left)).name.startswith(".")
    refuse_place(root)
    with new_folder(root) as building:
        fill(building)
    assert names(root) == MADE
    assert [path.name for path in root.parent.iterdir()] == ["study"]


KILLED_AS_IT_MOVES = """
import os, signal, sys
from pathlib import Path
from closedloop.study.foresight.place import new_folder
moved, rename = [], Path.rename
def move(path, target):
    if len(moved) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    moved.append(path)
    return rename(path, target)
Path.rename = move
with new_folder(Path(sys.argv[1])) as building:
    (building / "inputs").mkdir()
    for name in ("answers.yaml", "inputs/pool.parquet", "metadata.json", "protocol.yaml", "study.json"):
        (building / name).write_text("of the first")
"""


@pytest.mark.parametrize("n_moved", range(5))
def test_one_who_is_killed_as_a_study_is_moved_into_a_folder_that_is_there_leaves_no_half_one(
    tmp_path: Path, n_moved: int
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_AS_IT_MOVES, tmp_path, str(n_moved)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "study.json").exists()
    refuse_place(tmp_path)
    with new_folder(tmp_path) as building:
        fill(building)
    assert names(tmp_path) == MADE


def test_a_person_s_own_files_of_these_names_are_no_half_study(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").touch()
    with refused(StudyError, tmp_path, "expected a new or empty folder, found files"):
        refuse_place(tmp_path)


def test_two_at_once_do_not_disturb_each_other_and_the_second_one_is_told(tmp_path: Path) -> None:
    root = tmp_path / "study"
    with new_folder(root) as building:
        fill(building)
        other = subprocess.run(
            [sys.executable, "-c", KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "sys.exit(3)"), root],
            check=False,
        )
        assert other.returncode == 3
        assert names(building) == MADE
    assert names(tmp_path) == {"study", *(f"study/{name}" for name in MADE)}


def test_who_comes_second_is_told_and_takes_nothing_from_the_first(tmp_path: Path) -> None:
    root = tmp_path / "study"
    with refused(StudyError, root, "found one that was made meanwhile"), new_folder(root) as building:
        fill(building)
        fill_other(root)
    assert names(tmp_path) == {"study", "study/study.json"}


def test_a_study_is_not_made_inside_another(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text("{}")
    with refused(StudyError, tmp_path / "a" / "b", f"found it in the study {tmp_path}"):
        refuse_place(tmp_path / "a" / "b")


@pytest.mark.parametrize("name", ["line\nbreak", "tab\t", "bell\a", os.fsdecode(b"latin-\xe9")])
def test_a_name_that_no_line_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StudyError, match="expected a path that can be written in a line of text") as caught:
        refuse_place(tmp_path / name)
    assert "\n" not in str(caught.value)
    str(caught.value).encode()


@pytest.mark.parametrize("name", ["with blanks", "$(reboot) 'x' \"y\"", "猿-é", "-rf", "[/b]", "%s{}", "a" * 200])
def test_other_names_are_as_good_as_any(tmp_path: Path, name: str) -> None:
    refuse_place(tmp_path / name)
    with new_folder(tmp_path / name) as building:
        fill(building)
    assert names(tmp_path / name) == MADE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_nobody_may_write_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with refused(StorageError, tmp_path / "study", "expected a writable folder"), new_folder(tmp_path / "study"):
        pass
    tmp_path.chmod(0o755)


def test_a_place_that_makes_no_folders_is_one_line() -> None:
    with (
        refused(StudyError, "/proc/nothing/study: expected a place that takes"),
        new_folder(Path("/proc/nothing/study")),
    ):
        pass


def test_a_name_longer_than_the_file_system_takes_is_one_line(tmp_path: Path) -> None:
    with refused(StudyError, tmp_path, "found File name too long. Choose another name"):
        refuse_place(tmp_path / ("a" * 300))
    with (
        refused(StudyError, tmp_path, "found File name too long. Choose another name"),
        new_folder(tmp_path / ("a" * 250)),
    ):
        pass
