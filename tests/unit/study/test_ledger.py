"""The ledger's memory and the lock against a second loop, with real files and real processes."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from closedloop.errors import DocumentError, StorageError, StudyBusyError, StudyError
from closedloop.study.completeness.looks import SeenFile
from closedloop.study.database import faults
from closedloop.study.database.faults import sqlite_errors
from closedloop.study.ledger import Ledger, StageRecord, ledger_fault, open_ledger, owner_name, read_records
from closedloop.study.process.lock import holder_of, study_lock
from tests.equipment.processes import Child
from tests.unit.messages import refused

HOLD = """
import sys
from pathlib import Path
from closedloop.study.process.lock import study_lock
with study_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def only(ledger: Ledger) -> StageRecord:
    (record,) = ledger.records()
    return record


def events(folder: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        return connection.execute("SELECT day, stage, event, detail FROM events ORDER BY id").fetchall()


def test_a_stage_begun_again_with_the_same_inputs_is_another_attempt(ledger: Ledger) -> None:
    assert [ledger.begin(0, "plan", "a") for _ in range(3)] == [1, 2, 3]
    assert (only(ledger).state, only(ledger).attempt) == ("running", 3)


def test_other_inputs_another_stage_and_another_day_begin_at_one(ledger: Ledger) -> None:
    ledger.begin(0, "plan", "a")
    assert ledger.begin(0, "plan", "b") == 1
    assert ledger.begin(0, "synthesize", "b") == 1
    assert ledger.begin(1, "plan", "b") == 1
    assert ledger.begin(0, "plan", "a") == 1


def test_a_failure_counts_as_an_attempt(ledger: Ledger) -> None:
    ledger.begin(0, "plan", "a")
    ledger.fail(0, "plan", "a", "the disk is full")
    assert (only(ledger).state, only(ledger).error, only(ledger).attempt) == ("failed", "the disk is full", 1)
    assert ledger.begin(0, "plan", "a") == 2
    assert only(ledger).error is None


def test_a_stale_stage_begins_at_one_with_its_new_inputs(ledger: Ledger) -> None:
    ledger.begin(0, "plan", "a")
    ledger.finish(0, "plan", "a", seconds=1)
    ledger.mark_stale(0, "plan", "b", "the queue changed")
    assert (only(ledger).state, only(ledger).attempt, only(ledger).error) == ("stale", 0, "the queue changed")
    assert ledger.begin(0, "plan", "b") == 1


def test_what_a_person_does_is_no_attempt_of_the_program(ledger: Ledger) -> None:
    ledger.wait(0, "present", "a", "present the session")
    assert (only(ledger).state, only(ledger).attempt, only(ledger).error) == ("waiting", 0, "present the session")
    ledger.finish(0, "present", "a", seconds=0)
    assert (only(ledger).state, only(ledger).attempt, only(ledger).error) == ("done", 0, None)


def test_a_wait_is_one_event_however_often_somebody_looks(ledger: Ledger, tmp_path: Path) -> None:
    waits = [f"day 0: {SeenFile('array1.nev', n, 0, 0).said(n)} in here: it ends early." for n in (4, 70, 3_000)]
    doubts = [f"it ends early; taken over once nothing has changed for another {n} min" for n in (30, 29)]
    before = (tmp_path / "ledger.sqlite-wal").read_bytes()
    ledger.wait(0, "recording", "a", waits[0])
    written = (tmp_path / "ledger.sqlite-wal").read_bytes()
    assert written != before
    for wait in waits:
        ledger.wait(0, "recording", "a", wait)
    assert (tmp_path / "ledger.sqlite-wal").read_bytes() == written
    for wait in doubts:
        ledger.wait(0, "recording", "a", wait)
    ledger.wait(0, "recording", "b", doubts[1])
    ledger.fail(0, "recording", "b", "it is torn")
    ledger.wait(0, "recording", "b", doubts[1])
    assert [detail for *_, detail in events(tmp_path)] == [waits[0], doubts[0], doubts[1], "it is torn", doubts[1]]


def test_a_finished_stage_is_kept_over_a_restart(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.begin(2, "refit", "a")
        ledger.finish(2, "refit", "a", seconds=12.5)
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        expected = StageRecord(2, "refit", "done", "a", f"{socket.gethostname()}:{os.getpid()}", 1, None, 12.5)
        assert ledger.records() == [expected]


def test_everything_that_happened_is_kept_in_order(ledger: Ledger, tmp_path: Path) -> None:
    ledger.begin(0, "plan", "a")
    ledger.fail(0, "plan", "a", "no")
    ledger.begin(0, "plan", "a")
    ledger.finish(0, "plan", "a", seconds=1)
    assert events(tmp_path) == [
        (0, "plan", "begin", "attempt 1"),
        (0, "plan", "failed", "no"),
        (0, "plan", "begin", "attempt 2"),
        (0, "plan", "done", ""),
    ]


def test_records_come_by_day_and_then_as_they_were_begun(ledger: Ledger) -> None:
    for day, stage in ((1, "plan"), (0, "synthesize"), (0, "plan"), (-1, "start")):
        ledger.begin(day, stage, "a")
    assert [(record.day, record.stage) for record in ledger.records()] == [
        (-1, "start"),
        (0, "synthesize"),
        (0, "plan"),
        (1, "plan"),
    ]


def rewrite_unseen(path: Path, content: bytes) -> None:
    """Change a file's content, not its length and time: whoever reads it again gives himself away."""
    status = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_known_file_is_not_read_again_and_a_changed_one_is(ledger: Ledger, tmp_path: Path) -> None:
    """Digests of "abc" (FIPS 180-4) and of nothing."""
    of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert ledger.checked_sha256(path, "file") == of_abc
    rewrite_unseen(path, b"abd")
    assert ledger.checked_sha256(path, "file") == of_abc
    path.write_bytes(b"")
    assert ledger.checked_sha256(path, "file") == of_nothing


def test_a_file_rewritten_with_the_same_length_is_noticed_by_its_time(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    before = ledger.checked_sha256(path, "file")
    status = path.stat()
    path.write_bytes(b"abd")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert ledger.checked_sha256(path, "file") != before


def test_a_file_is_remembered_by_its_name_in_the_study(ledger: Ledger, tmp_path: Path) -> None:
    """A folder is renamed when it is published: its files keep size and time and are not read twice."""
    working, final = tmp_path / "working", tmp_path / "final"
    working.write_bytes(b"abc")
    known = ledger.checked_sha256(working, "final")
    rewrite_unseen(working, b"abd")
    working.rename(final)
    assert ledger.checked_sha256(final, "final") == known
    assert ledger.checked_sha256(final, "another name") != known


@pytest.mark.parametrize("content", [b"this is no database", bytes(5000)])
def test_a_damaged_ledger_may_be_moved_aside_and_the_message_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(content)
    with refused(DocumentError, path, "damaged", "Move it aside"):
        Ledger(path)


def made_ledger(folder: Path) -> Path:
    path = folder / "ledger.sqlite"
    with open_ledger(path) as ledger:
        ledger.finish(0, "plan", "a", seconds=1.5)
    return path


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE stages",
        "ALTER TABLE stages DROP COLUMN seconds",
        "DROP TABLE events; CREATE VIEW events AS SELECT 1",
        "ALTER TABLE stages RENAME TO old; CREATE VIEW stages AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
        "i + 1 FROM n) SELECT i AS day, 'a' AS stage, 'done' AS state, '' AS input_hash, '' AS owner, 1 AS attempt, "
        "NULL AS error, 1 AS seconds, 1 AS updated FROM n",
        "CREATE TRIGGER t AFTER INSERT ON stages BEGIN DELETE FROM stages; END",
        "ALTER TABLE stages ADD COLUMN blown AS (zeroblob(1000000000))",
        "UPDATE stages SET state='unheard of'",
        "UPDATE stages SET day='monday'",
        "UPDATE stages SET stage=x'ff00'",
        "UPDATE stages SET seconds='long'",
        "UPDATE stages SET error=CAST(x'ff' AS TEXT)",
        "UPDATE stages SET error=CAST(zeroblob(200000) AS TEXT)",
        "UPDATE stages SET updated=zeroblob(1000000)",
        "UPDATE stages SET updated='now'",
        "UPDATE stages SET attempt='first'",
        "UPDATE stages SET attempt=-1",
        "UPDATE stages SET seconds=9e999",
        "UPDATE stages SET seconds=-1",
        "UPDATE stages SET day=1e300",
        "UPDATE events SET detail=x'00'",
        "INSERT INTO checked_files VALUES ('a', 1, 1, x'00')",
        "CREATE VIEW v AS SELECT 1",
        "PRAGMA writable_schema=ON; UPDATE sqlite_master SET sql='nonsense' WHERE name='stages'",
    ],
)
def test_a_ledger_of_other_tables_or_values_is_damaged_whatever_sqlite_calls_it(tmp_path: Path, change: str) -> None:
    path = made_ledger(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(change)
        connection.commit()
    with refused(DocumentError, path, "found a damaged file", "Move it aside and run `closedloop run`") as caught:
        read_records(path)
    said = str(caught.value)
    assert len(said) < len(str(path)) + 400
    assert ledger_fault(path) == said  # `verify` says what `status` says
    with refused(DocumentError, path, "found a damaged file"):
        Ledger(path)


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a device", "a link that leads nowhere", "too large"])
@pytest.mark.parametrize("name", ["ledger.sqlite", "ledger.sqlite-wal"])
def test_what_is_no_file_in_a_ledgers_place_is_damaged_for_whoever_looks(tmp_path: Path, kind: str, name: str) -> None:
    path = made_ledger(tmp_path)
    place = tmp_path / name
    place.unlink(missing_ok=True)
    match kind:
        case "a folder":
            place.mkdir()
        case "a pipe":
            os.mkfifo(place)
        case "a device":
            place.symlink_to("/dev/zero")
        case "too large":
            place.touch()
            os.truncate(place, 1 << 40)
        case _:
            place.symlink_to("nowhere")
    found = {"too large": "1,099,512 MB", "a device": "a pipe, a socket or a device"}.get(kind, kind)
    for look in (lambda: read_records(path), lambda: Ledger(path)):
        with refused(DocumentError, place, f"({found}", "Move it aside and run `closedloop run`"):
            look()
    assert str(place) in str(ledger_fault(path))


def test_a_ledger_whose_damage_sqlite_quotes_in_bytes_that_are_no_text_is_one_line(tmp_path: Path) -> None:
    path = made_ledger(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE stages", b"CREATE TABL\xc3 stages"))
    with refused(DocumentError, path, "found a damaged file"):
        read_records(path)
    assert ledger_fault(path) is not None


def test_what_the_folders_hold_is_written_again_where_the_ledger_says_otherwise(ledger: Ledger) -> None:
    ledger.recall(0, "plan", "a", seconds=2.0)
    assert (only(ledger).state, only(ledger).attempt, only(ledger).seconds) == ("done", 0, 2.0)
    ledger.recall(0, "plan", "b", seconds=3.0)
    assert only(ledger).input_hash == "a"  # it is known to be done
    ledger.mark_stale(0, "plan", "b", "start.txt changed")
    ledger.recall(0, "plan", "b", seconds=3.0)
    assert (only(ledger).state, only(ledger).input_hash, only(ledger).error) == ("done", "b", None)


def test_a_newer_ledger_asks_for_an_upgrade(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection:
        connection.execute("PRAGMA user_version=2")
    with refused(StudyError, tmp_path / "ledger.sqlite", "version 1 or older, found 2", "Upgrade"):
        Ledger(tmp_path / "ledger.sqlite")


FILL = """
import resource, sys
from pathlib import Path
from closedloop.errors import StorageError
from closedloop.study.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for attempt in range(1000):
        ledger.begin(0, "plan", "a")
except StorageError as error:
    print(error)
"""


def test_a_full_disk_is_one_line_and_the_ledger_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    finished = subprocess.run([sys.executable, "-c", FILL, str(path)], check=True, capture_output=True, text=True)
    assert len(finished.stdout.splitlines()) == 1
    assert finished.stdout.startswith(f"{path}: expected a ledger that can be written, found:")
    with open_ledger(path) as ledger:
        assert only(ledger).attempt == len(events(tmp_path)) > 1


def test_a_disk_without_room_is_no_fault_of_its_cables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite maps a file of 32 kB beside the ledger; where it does not fit it speaks of an I/O error."""
    path = tmp_path / "ledger.sqlite"

    def fail() -> None:
        with sqlite_errors(path):
            raise sqlite3.OperationalError("disk I/O error")

    with refused(StorageError, path, "found: disk I/O error. Check the disk (or the network to it) and its cables"):
        fail()
    monkeypatch.setattr(faults, "_LEAST_BYTES", 1 << 62)
    with refused(StorageError, path, "found: database or disk is full. Free some space, and run the same command"):
        fail()


def test_a_ledger_in_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with refused(StorageError, tmp_path / "none" / "ledger.sqlite", "unable to open"):
        Ledger(tmp_path / "none" / "ledger.sqlite")


@contextmanager
def another_process_holds(root: Path) -> Iterator[subprocess.Popen[str]]:
    with Child(
        [sys.executable, "-c", HOLD, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def held_by(root: Path) -> str:
    holder = holder_of(root)
    assert holder is not None
    return holder.name


def test_a_second_process_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    with another_process_holds(tmp_path) as holder:
        name = f"{socket.gethostname()}:{holder.pid}"
        assert held_by(tmp_path) == name
        said = f"found {name} (process {holder.pid} on {socket.gethostname()}, since 20"
        with refused(StudyBusyError, tmp_path, said, "running it"), study_lock(tmp_path):
            pass
        assert held_by(tmp_path) == name


def test_the_kernel_gives_the_lock_back_when_its_holder_is_killed(tmp_path: Path) -> None:
    with another_process_holds(tmp_path) as holder:
        holder.send_signal(signal.SIGKILL)
        assert holder.wait() == -signal.SIGKILL
    assert holder_of(tmp_path) is None
    with study_lock(tmp_path):
        assert held_by(tmp_path) == owner_name()


def test_a_lock_ends_with_its_block_even_by_an_exception(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match="stop"), study_lock(tmp_path):
            raise RuntimeError("stop")
        assert holder_of(tmp_path) is None


def test_a_study_that_no_loop_ever_ran_has_no_holder(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    assert not list(tmp_path.iterdir())
