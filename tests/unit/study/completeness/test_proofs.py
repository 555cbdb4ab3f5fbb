"""Lists of checksums, DONE and copies beside the original: what each proves, and what is said of the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.errors import RecordingError
from tests.unit.messages import refused
from tests.unit.study.completeness.brought import Bench, bench, names
from tests.unit.study.completeness.test_watch import accept, change_a_byte, end_apart, sums


@pytest.fixture
def made(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def _sha(made: Bench, name: str) -> str:
    return hashlib.sha256((made.folder / name).read_bytes()).hexdigest()


LISTS: dict[str, Callable[[str, str], str]] = {
    "of the folder above": lambda name, digest: f"{digest}  recording/{name}",
    "of the recorder": lambda name, digest: f"{digest} */data/rec/{name}",
    "of Windows": lambda name, digest: f"{digest}  D:\\Data\\rec\\{name}",
    "in quotes": lambda name, digest: f'{digest}  "{name}"',
    "in capitals": lambda name, digest: f"{digest.upper()}  {name.upper()}",
    "of BSD": lambda name, digest: f"SHA256 (/data/{name}) = {digest}",
    "a table of PowerShell": lambda name, digest: f"SHA256          {digest.upper()}       D:\\Data\\{name}",
    "CSV of PowerShell": lambda name, digest: f'"SHA256","{digest.upper()}","D:\\Data\\{name}"',
    "a list of PowerShell": lambda name, digest: (
        f"Algorithm : SHA256\nHash      : {digest.upper()}\nPath      : D:\\{name}\n"
    ),
    "of certutil": lambda name, digest: f"SHA256 hash of {name}:\n{digest}\nCertUtil: -hashfile command completed.",
    "of an old certutil": lambda name, digest: (
        f"SHA256 hash of file {name}:\n{bytes.fromhex(digest).hex(' ')}\nCertUtil: -hashfile command completed."
    ),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("case", LISTS)
def test_a_list_is_understood_whoever_made_it_and_a_file_that_differs_is_found(
    made: Bench, case: str, encoding: str
) -> None:
    made.copy()
    text = "\r\n".join(LISTS[case](name, _sha(made, name)) for name in names())
    (made.folder / "SHA256SUMS").write_bytes(f"{text}\r\n".encode(encoding))
    look = made.watch.look(made.recording)
    assert (look.missing, look.settles_in_s, look.notes) == ("", 0, ())
    change_a_byte(made.folder / "array2.ns6")
    made.missing()
    made.clock.sleep(120)
    with refused(RecordingError, made.folder / "array2.ns6", "move SHA256SUMS out of the folder"):
        made.missing()


@pytest.mark.parametrize("algorithm", ["sha1", "sha512"])
def test_checksums_of_other_lengths_are_read(made: Bench, algorithm: str) -> None:
    made.copy()
    (made.folder / f"{algorithm.upper()}SUMS").write_bytes(sums(made, algorithm))
    assert made.watch.look(made.recording).settles_in_s == 0
    assert made.missing() == ""


def test_a_list_that_lists_itself_and_what_nobody_brought_stops_nothing(made: Bench) -> None:
    made.copy()
    others = f"{hashlib.sha256().hexdigest()}  SHA256SUMS\n{'0' * 64}  array1.ccf\n"
    (made.folder / "SHA256SUMS").write_bytes(sums(made, "sha256") + others.encode())
    assert made.missing() == ""
    assert made.said == [
        f"{made.folder}: array1.ccf, which SHA256SUMS lists, is not there; nothing waits for it.",
    ]


def test_a_list_of_an_experiment_s_days_has_names_twice(made: Bench) -> None:
    made.copy()
    of_today = "".join(f"{_sha(made, name)}  day2/{name}\n" for name in names())
    (made.folder / "SHA256SUMS").write_text(f"{'0' * 64}  day1/array1.nev\n{of_today}")
    assert made.missing() == ""


def test_a_list_nobody_understands_is_said_and_spares_no_wait(made: Bench) -> None:
    made.copy()
    (made.folder / "checksums.txt").write_text("crc32 of array1.nev is 1a2b3c4d\n")
    assert made.watch.look(made.recording).settles_in_s == 60
    assert made.missing() == ""
    assert made.said[0] == (
        f"{made.folder}: checksums.txt: 1 line(s) are no checksums of a kind known here; not counted on."
    )


@pytest.mark.parametrize("content", [b"", b"ab12", b"0" * 64 + b"  array3.nev\n"])
def test_what_is_said_to_end_the_wait_for_a_list_does(made: Bench, content: bytes) -> None:
    made.copy()
    (made.folder / "SHA256SUMS").write_bytes(content)
    made.missing()
    made.clock.sleep(120)
    assert "accept-recording" in made.missing()
    accept(made)
    assert made.missing() == ""


def test_done_silences_no_doubt(made: Bench) -> None:
    """Whoever writes DONE while a copy is at work proves nothing: that files end apart is still seen."""
    made.copy()
    end_apart(made)
    (made.folder / "DONE").touch()
    assert "array1.nev ends" in made.missing()
    made.clock.sleep(1800)
    assert made.missing() == ""


@pytest.mark.parametrize("name", ["array1 (1)", "Copy of array1", "array1-s", "array1-01"])
def test_a_copy_beside_the_original_is_named_for_what_it_is(made: Bench, name: str) -> None:
    made.copy()
    content = bytearray((made.folder / "array1.nev").read_bytes())
    content[-1] ^= 1  # a sorted file has other bytes
    (made.folder / f"{name}.nev").write_bytes(content)
    made.missing()
    made.clock.sleep(120)
    first, second = sorted(["array1", name])
    said = made.missing()
    assert f"{first} and {second} are of one array and began in the same moment. Move the one" in said
    assert "\n" not in said
    (made.folder / f"{name}.nev").unlink()
    assert made.missing() == ""


def test_a_copy_that_says_another_time_is_found_by_what_it_spans(made: Bench) -> None:
    made.copy()
    for suffix in (".nev", ".ns6"):
        content = bytearray((made.folder / f"array1{suffix}").read_bytes())
        place = 40 if suffix == ".nev" else 308  # where the header has the second of the start
        content[place : place + 2] = ((content[place] + 2) % 60).to_bytes(2, "little")
        (made.folder / f"array1-s{suffix}").write_bytes(content)
    with refused(RecordingError, made.folder, "same time", "move it out of the folder", "replace-recording"):
        made.missing()
