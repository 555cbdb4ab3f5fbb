"""The journal on disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_rows import TimeOut
from closedloop.errors import SessionError, StorageError
from rig.session.journal import JournalWriter

ROW = TimeOut(misses=5, duration_s=2.5, time_s=1.25)


def test_a_row_is_in_the_file_as_soon_as_it_is_written(tmp_path):
    with JournalWriter(tmp_path / "journal.jsonl") as journal:
        journal.write(ROW)
        assert read_journal(tmp_path / "journal.jsonl").rows == (ROW,)


def test_a_torn_last_line_is_cut_before_the_next_is_written(tmp_path):
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path) as journal:
        journal.write(ROW)
        journal.write(ROW)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with JournalWriter(path) as journal:
        journal.go_on(read_journal(path))
        journal.write(ROW)
    assert path.read_bytes() == whole


def test_the_journal_of_an_older_rig_goes_on_as_it_began(tmp_path):
    path = tmp_path / "journal.jsonl"
    line = ROW.model_dump_json().encode() + b"\n"
    path.write_bytes(line)
    with JournalWriter(path) as journal:
        journal.go_on(read_journal(path))
        journal.write(ROW)
    assert path.read_bytes() == line + line
    assert not read_journal(path).is_chained


def test_a_rig_that_wrote_nothing_leaves_nothing(tmp_path):
    with JournalWriter(tmp_path / "present" / "journal.jsonl"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_rig_that_waited_for_one_that_wrote_nothing_writes_a_journal_of_its_own(tmp_path):
    path = tmp_path / "journal.jsonl"
    with ThreadPoolExecutor(1) as other:
        with JournalWriter(path):
            waiting = other.submit(JournalWriter, path)
        with waiting.result() as journal:
            journal.write(ROW)
    assert read_journal(path).rows == (ROW,)


def test_a_second_rig_on_the_same_journal_is_refused(tmp_path):
    with JournalWriter(tmp_path / "journal.jsonl"), pytest.raises(SessionError, match="found another at work"):
        JournalWriter(tmp_path / "journal.jsonl", patience_s=0.0)
    with JournalWriter(tmp_path / "journal.jsonl", patience_s=0.0):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_line_with_the_remedy():
    with JournalWriter(Path("/dev/full")) as journal, pytest.raises(StorageError, match="disk full"):
        journal.write(ROW)
