"""The journal on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.day.journal import TimeOut, read_journal
from closedloop.errors import SessionError, StorageError
from rig.session.journal import JournalWriter

ROW = TimeOut(misses=5, duration_s=2.5, time_s=1.25)


def test_a_row_is_in_the_file_as_soon_as_it_is_written(tmp_path):
    with JournalWriter(tmp_path / "journal.jsonl") as journal:
        journal.write(ROW)
        assert read_journal(tmp_path / "journal.jsonl").rows == (ROW,)


def test_a_torn_last_line_is_cut_before_the_next_is_written(tmp_path):
    path = tmp_path / "journal.jsonl"
    line = ROW.model_dump_json().encode() + b"\n"
    path.write_bytes(line + line[:20])
    with JournalWriter(path) as journal:
        journal.cut(read_journal(path).n_bytes_whole)
        journal.write(ROW)
    assert path.read_bytes() == line + line


def test_a_second_rig_on_the_same_journal_is_refused(tmp_path):
    with JournalWriter(tmp_path / "journal.jsonl"), pytest.raises(SessionError, match="found another at work"):
        JournalWriter(tmp_path / "journal.jsonl", patience_s=0.0)
    with JournalWriter(tmp_path / "journal.jsonl", patience_s=0.0):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_line_with_the_remedy():
    with JournalWriter(Path("/dev/full")) as journal, pytest.raises(StorageError, match="disk full"):
        journal.write(ROW)
