"""What the loop waits for: each thing that may be missing, in one line; and what it takes over."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import JOURNAL, SUMMARY
from closedloop.artifacts.records.amendments import Amendment, append_amendment
from closedloop.errors import RecordingError
from closedloop.study.completeness.accepted import state_of
from closedloop.study.completeness.looks import list_files
from tests.unit.messages import refused
from tests.unit.study.completeness.brought import DAY, Bench, bench, names, on_the_recorder


@pytest.fixture
def made(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def cut(made: Bench, name: str, n_bytes: int) -> None:
    os.truncate(made.folder / name, (made.folder / name).stat().st_size - n_bytes)


def test_before_anything_is_there_the_day_asks_for_it(made: Bench) -> None:
    assert made.missing() == f"day 2: copy the session's .nev (and .nsx) files into {made.folder}."


def test_a_whole_recording_is_taken_over_once_it_has_lain_unchanged_for_a_minute(made: Bench) -> None:
    made.copy()
    began = made.clock.now()
    assert made.missing() == ""
    assert made.clock.now() - began == pytest.approx(60, abs=1)
    assert made.said == ["day 2 recording: all is there; taken over if nothing changes for 60 s."]


def test_a_look_is_remembered_so_that_the_next_command_waits_for_the_rest_alone(made: Bench) -> None:
    made.copy()
    made.watch.look(made.recording)
    made.clock.sleep(45)
    began = made.clock.now()
    assert made.missing() == ""
    assert made.clock.now() - began == pytest.approx(15, abs=1)


def test_whoever_only_wants_to_know_writes_nothing(made: Bench) -> None:
    made.copy()
    before = sorted(made.paths.root.rglob("*"))
    watch = made.watch
    asked = type(watch)(made.paths, made.study, made.protocol, watch.patience, remember=False)
    assert asked.look(made.recording).settles_in_s == 60
    assert sorted(made.paths.root.rglob("*")) == before


def grow(made: Bench) -> None:
    with (made.folder / "notes.txt").open("a") as file:
        file.write("more")


def test_what_changes_while_it_is_looked_at_is_not_taken_over(made: Bench) -> None:
    made.copy()
    made.clock.due.append((made.clock.now() + 30, lambda: grow(made)))
    assert "notes.txt changed while it was looked at" in made.missing()


def test_old_modification_times_are_not_believed(made: Bench) -> None:
    made.copy()
    for name in names():
        os.utime(made.folder / name, (1e9, 1e9))
    assert made.watch.look(made.recording).settles_in_s == 60


def remove(name: str) -> Callable[[Bench], None]:
    return lambda made: (made.folder / name).unlink()


def write(name: str, content: bytes = b"") -> Callable[[Bench], None]:
    def act(made: Bench) -> None:
        (made.folder / name).parent.mkdir(exist_ok=True)
        (made.folder / name).write_bytes(content)

    return act


def truncate(name: str, n_bytes: int) -> Callable[[Bench], None]:
    return lambda made: cut(made, name, n_bytes)


def empty_the_end(name: str, n_bytes: int) -> Callable[[Bench], None]:
    """Leave the size and take the content, as a copy does that takes its room first."""

    def act(made: Bench) -> None:
        size = (made.folder / name).stat().st_size
        os.truncate(made.folder / name, size - n_bytes)
        with (made.folder / name).open("ab") as file:
            file.write(bytes(n_bytes))

    return act


def leave_a_hole(name: str) -> Callable[[Bench], None]:
    def act(made: Bench) -> None:
        content = (made.folder / name).read_bytes()
        middle = len(content) // 2 // 4096 * 4096
        (made.folder / name).unlink()
        with (made.folder / name).open("wb") as file:
            file.write(content[:middle])
            file.seek(middle + 65_536)
            file.write(content[middle + 65_536 :])

    return act


def drop_packets(name: str, n: int) -> Callable[[Bench], None]:
    return truncate(name, n * 104)


INCOMPLETE = {
    "no second array": ([remove("array2.nev"), remove("array2.ns6")], "the recording of array2 is not there"),
    "no second .nev": ([remove("array2.nev")], "array2.nev is not there"),
    "no .ns6": ([remove("array1.ns6")], "array1.ns6 is not there, which the study records"),
    "an empty .nev": ([write("array1.nev")], "array1.nev is empty"),
    "a cut header": ([write("array2.nev", b"NEURALEV\x02\x03")], "array2.nev: expected"),
    "a foreign file": ([write("array2.nev", b"x" * 10_000)], "array2.nev: expected a NEV file"),
    "a cut packet": ([truncate("array1.nev", 10)], "array1.nev ends within a packet, after 94 of 104 bytes"),
    "a cut block": ([truncate("array2.ns6", 4_000)], "array2.ns6 is not whole: the file is cut within data block 0"),
    "packets missing": ([drop_packets("array2.nev", 600)], "array2.nev ends"),
    "an unfilled .nev": ([empty_the_end("array1.nev", 5_000)], "array1.nev ends with"),
    "an unfilled .ns6": ([empty_the_end("array2.ns6", 200_000)], "array2.ns6 ends with at least"),
    "a hole": ([leave_a_hole("array1.ns6")], "array1.ns6 has not been filled from byte"),
    "WinSCP": ([write("array3.nev.filepart")], "array3.nev.filepart is of a copy that is not finished"),
    "rsync": ([write(".array2.ns6.aB3xY9")], ".array2.ns6.aB3xY9 is of a copy"),
    "rsync, delayed": ([write(".~tmp~/array2.ns6")], "array2.ns6 is of a copy"),
    "half a list": ([write("SHA256SUMS", b"ab12")], "SHA256SUMS is not a whole list of checksums"),
    "a listed file": ([write("SHA256SUMS", b"0" * 64 + b"  array3.nev\n")], "array3.nev, which SHA256SUMS lists, is"),
}


@pytest.mark.parametrize("case", INCOMPLETE)
def test_what_is_not_complete_is_waited_for_by_name(made: Bench, case: str) -> None:
    damages, said = INCOMPLETE[case]
    made.copy()
    for damage in damages:
        damage(made)
    missing = made.missing()
    assert missing.startswith(f"day 2, {made.folder}: ")
    assert said in missing
    assert "\n" not in missing
    assert "remove" not in missing


def test_a_file_that_has_just_changed_is_said_to_grow_with_its_size_and_age(made: Bench, tmp_path: Path) -> None:
    made.copy()
    cut(made, "array1.nev", 10)
    made.clock.now_s = (made.folder / "array1.nev").stat().st_ctime + 4
    size = (made.folder / "array1.nev").stat().st_size / 1e3
    assert f"array1.nev still growing ({size:.1f} kB, changed 4 s ago)" in made.missing()


def test_what_is_missing_leads_and_not_a_file_that_happens_to_grow(made: Bench) -> None:
    made.copy("array1.nev", "array1.ns6")
    made.clock.now_s = (made.folder / "array1.ns6").stat().st_ctime + 4
    said = made.missing()
    assert said.startswith("day 2: the recording of array2 is not there")
    assert "still growing" in said


def test_a_recording_in_a_folder_of_its_own_is_found_and_asked_for(made: Bench) -> None:
    (made.folder / "session 1").mkdir(parents=True)
    (made.folder / "session 1" / "array1.nev").touch()
    assert "session 1/array1.nev lies in a folder of its own" in made.missing()


def test_a_recording_of_another_session_is_not_taken_over(made: Bench) -> None:
    made.copy()
    lines = JOURNAL.published(made.paths, DAY).read_bytes().splitlines()
    changed = [line.replace(b'"code":', b'"code":3') if b'"presentation"' in line else line for line in lines]
    JOURNAL.published(made.paths, DAY).write_bytes(b"\n".join(changed) + b"\n")
    assert "none of the session's digital codes is in array1" in made.missing()


def sums(made: Bench, algorithm: str) -> bytes:
    lines = [f"{hashlib.new(algorithm, (made.folder / name).read_bytes()).hexdigest()}  {name}" for name in names()]
    return "\r\n".join(lines).encode() + b"\r\n"


@pytest.mark.parametrize(("name", "algorithm"), [("SHA256SUMS", "sha256"), ("recording.md5", "md5")])
def test_checksums_of_all_files_spare_the_wait(made: Bench, name: str, algorithm: str) -> None:
    made.copy()
    (made.folder / name).write_bytes(sums(made, algorithm))
    began = made.clock.now()
    assert made.missing() == ""
    assert made.clock.now() == began


def change_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_file_that_is_not_as_its_checksum_says_stops_the_day_and_is_named(made: Bench) -> None:
    made.copy()
    (made.folder / "SHA256SUMS").write_bytes(sums(made, "sha256"))
    change_a_byte(made.folder / "array2.ns6")
    assert "array2.ns6 does not match SHA256SUMS yet" in made.missing()
    made.clock.sleep(120)
    with refused(RecordingError, made.folder / "array2.ns6", "expected the checksum in SHA256SUMS"):
        made.missing()


def test_a_list_of_some_files_spares_no_wait(made: Bench) -> None:
    made.copy()
    (made.folder / "SHA256SUMS").write_bytes(sums(made, "sha256").splitlines(keepends=True)[0])
    assert made.watch.look(made.recording).settles_in_s == 60


def test_done_ends_the_wait_where_it_came_last_and_all_else_is_there(made: Bench) -> None:
    made.copy()
    (made.folder / "DONE").touch()
    assert made.watch.look(made.recording).settles_in_s == 0
    (made.folder / "array2.ns6").unlink()
    assert "array2.ns6 is not there" in made.missing()


def test_done_that_came_before_the_files_says_nothing(made: Bench) -> None:
    made.copy("array1.nev")
    (made.folder / "DONE").touch()
    os.utime(made.folder / "DONE")
    first = (made.folder / "DONE").stat().st_ctime_ns
    while (made.folder / "array1.nev").stat().st_ctime_ns <= first:  # a clock of the file system ticks in milliseconds
        made.copy()
    assert made.watch.look(made.recording).settles_in_s == 60


def accept(made: Bench) -> None:
    files = list_files(made.folder)
    said = {"kind": "accept_recording", "simulated": False, "day": DAY, "utc": "now", "who": "me", "why": "it is so"}
    append_amendment(made.paths.amendments, Amendment.model_validate(said | {"after": state_of(files)}))


@pytest.mark.parametrize(
    "damage", [truncate("array1.nev", 50_000), remove("array2.nev"), truncate("array2.ns6", 2_000_000)]
)
def test_what_somebody_accepted_by_name_is_taken_over_as_it_is(made: Bench, damage: Callable[[Bench], None]) -> None:
    made.copy()
    damage(made)
    assert made.missing()
    accept(made)
    assert made.missing() == ""


def test_an_acceptance_is_of_these_files_and_ends_when_one_goes_on_growing(made: Bench) -> None:
    made.copy()
    cut(made, "array1.nev", 50_000)
    accept(made)
    with (made.folder / "array1.nev").open("ab") as file:
        file.write(b"x")
    assert "array1.nev ends within a packet" in made.missing()


def test_headers_with_another_rate_are_said_and_not_taken_over(made: Bench) -> None:
    """At 25,000 ticks a second the files seem longer than the session, and the codes to belong to another one."""
    made.copy()
    for name in names():
        content = bytearray((made.folder / name).read_bytes())
        at, n = (20, 2) if name.endswith(".nev") else (290, 1)
        content[at : at + 4 * n] = struct.pack("<I", 25_000) * n
        (made.folder / name).write_bytes(content)
    assert "array1: expected a clock within 1000 ppm of the rig's" in made.missing()


@pytest.mark.parametrize("same", [(".nev", ".ns6"), (".nev",), (".ns6",)])
def test_one_array_s_files_under_the_names_of_both_are_refused(made: Bench, same: tuple[str, ...]) -> None:
    made.copy()
    for suffix in same:
        shutil.copyfile(on_the_recorder() / f"array1{suffix}", made.folder / f"array2{suffix}")
    with refused(RecordingError, made.folder / f"array2{same[0]}", f"found the very bytes of array1{same[0]}"):
        made.missing()
    with refused(RecordingError, made.folder / f"array2{same[0]}"):  # nor does an acceptance make two arrays of one
        accept(made)
        made.missing()


def test_files_that_are_still_empty_are_waited_for_and_not_taken_for_one(made: Bench) -> None:
    made.folder.mkdir()
    for name in names():
        (made.folder / name).touch()
    assert "is empty" in made.missing()


def end_apart(made: Bench) -> None:
    journal = JOURNAL.published(made.paths, DAY)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:-9], lines[-1]]))  # without its last trial, of 2 s
    cut(made, "array1.nev", 104 * 100)


def test_files_that_do_not_end_together_are_taken_over_late(made: Bench) -> None:
    """All of the session is there; the recorder went on, and one file has less of that than the other."""
    made.copy()
    end_apart(made)
    missing = made.missing()
    assert "array1.nev ends" in missing
    assert "before array1.ns6" in missing
    made.clock.sleep(1800)
    assert made.missing() == ""


def test_a_study_of_one_array_takes_it_on_any_processor(tmp_path: Path) -> None:
    made = bench(tmp_path, arrays=("array1",))
    made.copy("array2.nev", "array2.ns6")
    assert made.missing() == ""


@pytest.mark.parametrize("name", ["Thumbs.db", ".DS_Store", "._array1.nev", "desktop.ini"])
def test_what_a_desktop_leaves_is_no_file_of_the_recorder(made: Bench, name: str) -> None:
    made.copy()
    (made.folder / name).write_bytes(b"litter")
    assert made.missing() == ""
    assert name not in [file.name for file in list_files(made.folder)]


def brought_session(made: Bench) -> str:
    watch = made.watch
    return watch.look(watch.brought(DAY, "present")).missing


def test_before_the_session_the_operator_is_told_what_to_run(made: Bench) -> None:
    for file in (JOURNAL, SUMMARY):
        file.published(made.paths, DAY).unlink()
    said = brought_session(made)
    assert said.startswith("day 2: the session is ready.")
    schedule, present = (shlex.quote(f"{made.paths.root}/day-02/{stage}") for stage in ("schedule", "present"))
    assert f"rig present {schedule} --rig rig.yaml --out {present}" in said
    assert "--gaze" not in said  # is refused beside --rig, without which no animal's session is shown
    assert "all files of its output" in said  # journal and summary, and where there was an eye its gaze
    assert "mouse" not in said  # the rig has ports for eye trackers


def test_what_is_to_be_typed_goes_through_a_shell_whatever_the_study_is_called(tmp_path: Path) -> None:
    made = bench(tmp_path / "monkey a")
    made.copy("array1.nev")
    assert f"`closedloop accept-recording '{made.paths.root}' --day 2" in made.missing()
    for file in (JOURNAL, SUMMARY):
        file.published(made.paths, DAY).unlink()
    assert (
        f"`rig present '{made.paths.root}/day-02/schedule' --rig rig.yaml --out '{made.paths.root}/day-02/present'`"
        in (brought_session(made))
    )


SESSION_FAULTS: dict[str, tuple[Callable[[bytes], bytes | None], str, str]] = {
    "no summary": (lambda _content: None, SUMMARY.name, "summary.json is not there"),
    "no journal": (lambda _content: None, JOURNAL.name, "journal.jsonl is not there"),
    "half a summary": (lambda content: content[:50], SUMMARY.name, "summary.json is not whole"),
    "half a line": (lambda content: content[:-20], JOURNAL.name, "journal.jsonl ends within a line"),
    "half a journal": (
        lambda content: b"".join(content.splitlines(keepends=True)[:20]),
        JOURNAL.name,
        "does not go on to the session's end",
    ),
    "a journal not filled": (lambda content: content + bytes(100), JOURNAL.name, "journal.jsonl ends within a line"),
}


@pytest.mark.parametrize("case", SESSION_FAULTS)
def test_a_session_that_is_not_all_there_is_waited_for(made: Bench, case: str) -> None:
    damage, name, said = SESSION_FAULTS[case]
    assert brought_session(made) == ""
    path = made.paths.folder("present", DAY) / name
    content = damage(path.read_bytes())
    path.unlink() if content is None else path.write_bytes(content)
    assert said in brought_session(made)


def test_the_recorder_of_these_tests_ends_its_files_together() -> None:
    assert {path.name for path in on_the_recorder().glob("array*")} == set(names())
