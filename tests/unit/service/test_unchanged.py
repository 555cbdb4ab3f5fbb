"""What did not change on the disk is not read again."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from closedloop.service.unchanged import file_state, while_unchanged


def test_a_file_is_read_again_when_its_size_or_time_or_place_changed(tmp_path: Path) -> None:
    read: list[Path] = []

    @while_unchanged()
    def text_of(path: Path) -> str:
        read.append(path)
        return path.read_text()

    file = tmp_path / "file"
    file.write_text("one")
    assert [text_of(file) for _ in range(5)] == ["one"] * 5
    assert len(read) == 1
    status = file.stat()
    file.write_text("two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert text_of(file) == "two"
    file.write_text("three")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert text_of(file) == "three"
    other = tmp_path / "other"
    other.write_text("THREE")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    other.replace(file)
    assert text_of(file) == "THREE"
    assert len(read) == 4


def test_a_change_during_a_reading_is_seen_by_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")

    @while_unchanged()
    def text_of(path: Path) -> str:
        found = path.read_text()
        if found == "old":
            path.write_text("newer")
        return found

    assert text_of(file) == "old"
    assert text_of(file) == "newer"


def test_only_so_many_are_kept_those_asked_for_last(tmp_path: Path) -> None:
    read: list[str] = []

    @while_unchanged(most=2)
    def name_of(path: Path) -> str:
        read.append(path.name)
        return path.name

    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    for name in ("a", "b", "a", "c", "a", "b"):
        name_of(tmp_path / name)
    assert read == ["a", "b", "c", "b"]


def test_a_failed_reading_is_tried_again(tmp_path: Path) -> None:
    tries: list[int] = []

    @while_unchanged()
    def fails_once(path: Path) -> str:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("busy")
        return "read"

    for expected in ("busy", "read", "read"):
        try:
            said = fails_once(tmp_path)
        except OSError as error:
            said = str(error)
        assert said == expected
    assert len(tries) == 2


def test_files_that_decide_together_are_looked_at_together(tmp_path: Path) -> None:
    ledger, log = tmp_path / "ledger", tmp_path / "ledger-wal"
    ledger.write_text("a")

    @while_unchanged(files=lambda path: (path, path.with_name(f"{path.name}-wal")))
    def both(path: Path) -> str:
        return path.read_text() + (log.read_text() if log.exists() else "")

    assert both(ledger) == "a"
    log.write_text("b")
    assert both(ledger) == "ab"


def test_what_cannot_be_looked_at_has_no_state(tmp_path: Path) -> None:
    assert file_state(tmp_path / "none") is None
    assert file_state(Path("a\0b")) is None
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert file_state(tmp_path / "loop") is None


def test_several_threads_may_ask_at_once(tmp_path: Path) -> None:
    files = [tmp_path / str(k) for k in range(8)]
    for file in files:
        file.write_text(file.name)

    @while_unchanged(most=3)
    def text_of(path: Path) -> str:
        return path.read_text()

    wrong: list[str] = []

    def ask() -> None:
        wrong.extend(file.name for _ in range(50) for file in files if text_of(file) != file.name)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
