"""The harness finds each kind of fault, tells which input it was, and makes any input again from its number."""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from closedloop.errors import DocumentError
from tools.fuzz.batch import Input
from tools.fuzz.reader import Reader, Seeds, load_seeds
from tools.fuzz.readers import READERS
from tools.fuzz.run import fuzz, read_kept
from tools.fuzz.supervision import Ending, read_all
from tools.fuzz.verdict import Bounds, judge

_BOUNDS = Bounds(memory=100_000_000)


def hang(_file: Path) -> None:
    while True:
        pass


def wait(_file: Path) -> None:
    os.read(os.pipe()[0], 1)


def crash(_file: Path) -> None:
    ctypes.string_at(0)


def fill_memory(_file: Path) -> int:
    return len(b"1" * 300_000_000)


def reserve_memory(_file: Path) -> int:
    return len(bytearray(40 << 30))


def warn(_file: Path) -> None:
    warnings.warn("odd", stacklevel=1)


def printing(_file: Path) -> None:
    sys.stderr.write("odd\n")
    sys.stderr.flush()


def change(file: Path) -> None:
    file.write_bytes(b"changed")


def leave(file: Path) -> None:
    (file.parent / "left").touch()


def fail(_file: Path) -> None:
    raise KeyError("odd")


def refuse(file: Path) -> None:
    raise DocumentError(f"{file}: expected another, found this one. Take another.")


def no_name(_file: Path) -> None:
    raise DocumentError("expected another, found this one.")


def long_line(file: Path) -> None:
    raise DocumentError(f"{file}: {'x' * 1000}")


FAULTS: dict[Callable[[Path], object], str] = {
    crash: "crash, ended by SIGSEGV",
    fill_memory: "too much memory",
    reserve_memory: "MemoryError",
    warn: "printed",
    printing: "printed",
    change: "changes files",
    leave: "changes files",
    fail: "KeyError",
    no_name: "the file is not named",
    long_line: "a line too long",
}


def make(folder: Path) -> None:
    (folder / "sound.txt").write_bytes(b"sound")


def endings_of(read: Callable[[Path], object], bounds: Bounds = _BOUNDS) -> list[Ending]:
    """Read a sound input, a faulty one, and another sound one."""

    def read_one(file: Path) -> object:
        return read(file) if file.name == "faulty" else file.read_bytes()

    inputs = [Input(number, name, {name: b"x"}) for number, name in ((7, "a"), (8, "faulty"), (9, "b"))]
    return list(read_all(Reader("test", make, read_one), inputs, bounds=bounds))


@pytest.mark.parametrize("read", FAULTS, ids=lambda read: read.__name__)
def test_a_fault_is_found_and_its_neighbours_are_read(read: Callable[[Path], object]) -> None:
    endings = endings_of(read)
    assert [(one.number, one.verdict.outcome) for one in endings] == [(7, "read"), (8, "fault"), (9, "read")]
    assert endings[1].verdict.kind.startswith(FAULTS[read])


@pytest.mark.slow
@pytest.mark.parametrize("read", [hang, wait])
def test_an_input_that_hangs_is_found_with_its_line_and_its_neighbours_are_read(read: Callable[[Path], object]) -> None:
    endings = endings_of(read, Bounds(seconds=1.0))
    assert [(one.number, one.verdict.outcome) for one in endings] == [(7, "read"), (8, "fault"), (9, "read")]
    assert endings[1].verdict.kind.startswith("hangs")
    assert f"in {read.__name__}" in endings[1].verdict.detail


def test_a_line_that_names_the_file_is_a_refusal() -> None:
    assert [one.verdict.outcome for one in endings_of(refuse)] == ["read", "refused", "read"]


def test_an_exception_is_told_by_our_own_line_that_it_passed_through(tmp_path: Path) -> None:
    from closedloop.storage import sha256_file

    with pytest.raises(FileNotFoundError) as caught:
        sha256_file(tmp_path / "none")
    assert judge(caught.value, ["none"]).kind.startswith("FileNotFoundError at closedloop/storage/")


def test_an_input_is_made_again_from_its_number() -> None:
    seeds = Seeds(("a.txt", "day"), ({"a.txt": b"0123456789" * 9}, {"day/b.txt": b"abc" * 9, "day/c.txt": b"d" * 9}))
    reader = Reader("test", make, crash)
    first = [seeds.mutant(reader, number, 3) for number in range(40)]
    assert [seeds.mutant(reader, number, 3) for number in reversed(range(40))] == first[::-1]
    assert len({repr(one) for one in first}) > 30
    assert [seeds.mutant(reader, number, 4) for number in range(40)] != first


def test_a_run_keeps_faulty_inputs_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    def odd(file: Path) -> None:
        if file.read_bytes()[:1] != b"s":
            raise KeyError("odd")

    reader = Reader("odd", make, odd)
    found = fuzz([reader], n=300, seed=1, folder=tmp_path)["odd"]
    assert found.outcomes["fault"] + found.outcomes["read"] == 300
    assert len(found.kept) == 3
    kept = next((tmp_path / "faults" / "odd").iterdir())
    assert read_kept(reader, kept / "sound.txt").verdict.outcome == "fault"
    summary = tmp_path / "summary.json"
    text = summary.read_text()
    summary.write_text(text.replace('"batches": [\n        0,\n        1\n      ]', '"batches": [1]'))
    assert summary.read_text() != text
    again = fuzz([reader], n=300, seed=1, folder=tmp_path)["odd"]
    assert again.outcomes["fault"] + again.outcomes["read"] == 550  # the second batch was not read again


@pytest.mark.parametrize("name", sorted(READERS))
def test_every_spoiler_changes_what_it_is_given(name: str, tmp_path: Path) -> None:
    READERS[name].make(tmp_path)
    seeds = load_seeds(tmp_path)
    n_changed = sum(
        seeds.mutant(READERS[name], number, 0)[1] != seeds.entries[number % len(seeds.entries)] for number in range(40)
    )
    assert n_changed > 25
    assert all(READERS[name].spoiler(Path(path).name) for path in seeds.entries[0]) or len(seeds.entries[0]) > 1


def test_no_content_is_too_short_to_be_spoiled() -> None:
    for reader in READERS.values():
        for spoil in reader.spoilers.values():
            for content in (b"", b"{", b"\n", b"0"):
                for number in range(60):
                    spoil(content, Random(number))
