"""What people decided stands in order, and nobody edits it unnoticed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from closedloop.artifacts.records.amendments import (
    END_NAME,
    Amendment,
    append_amendment,
    read_amendments,
    read_whole_amendments,
    utc_now,
)
from closedloop.artifacts.records.chain import CHAIN_START, chain_line
from closedloop.errors import DocumentError
from tests.equipment.processes import Child


def amendment(day: int, why: str = "the screen's tracker was off") -> Amendment:
    """Return a decision about a day's session."""
    return Amendment(
        kind="accept_session",
        simulated=False,
        day=day,
        utc=utc_now(),
        who="chong",
        why=why,
        subject=("mouse_gaze",),
    )


def test_amendments_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "amendments.jsonl"
    assert read_amendments(path) == ()
    decisions = [amendment(0), amendment(1, why='a line\nbreak, a "quote" and an ü')]
    for decision in decisions:
        append_amendment(path, decision)
    assert list(read_amendments(path)) == decisions


def test_an_edited_amendment_is_named(tmp_path: Path) -> None:
    path = tmp_path / "amendments.jsonl"
    append_amendment(path, amendment(0))
    append_amendment(path, amendment(1))
    path.write_bytes(path.read_bytes().replace(b'"day":0', b'"day":2'))
    with pytest.raises(DocumentError, match=r"amendments\.jsonl, line 1: expected the check"):
        read_amendments(path)
    with pytest.raises(DocumentError, match="line 1"):
        append_amendment(path, amendment(2))


@pytest.mark.parametrize("n_left", [0, 1, 2])
def test_lines_that_are_cut_off_at_the_end_are_missed(tmp_path: Path, n_left: int) -> None:
    path = tmp_path / "amendments.jsonl"
    for day in range(3):
        append_amendment(path, amendment(day))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:n_left]))
    with pytest.raises(DocumentError, match=rf"amendments\.jsonl: expected all lines .* found {n_left} of 3 lines"):
        read_amendments(path)
    with pytest.raises(DocumentError, match="found"):
        append_amendment(path, amendment(3))
    whole, fault = read_whole_amendments(path)
    assert (len(whole), f"found {n_left} of 3 lines" in fault) == (n_left, True)


def test_a_file_that_is_gone_is_missed_and_one_of_an_older_version_is_not(tmp_path: Path) -> None:
    path = tmp_path / "amendments.jsonl"
    append_amendment(path, amendment(0))
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(DocumentError, match="found 0 of 1 lines"):
        read_amendments(path)
    path.with_name(END_NAME).unlink()
    assert read_amendments(path) == ()
    path.write_bytes(content)  # older versions noted no end
    assert len(read_amendments(path)) == 1
    path.write_bytes(b"")
    with pytest.raises(DocumentError, match="found an empty file"):
        read_amendments(path)


def test_a_line_whose_writer_was_killed_before_its_end_was_noted_counts(tmp_path: Path) -> None:
    path, end = tmp_path / "amendments.jsonl", tmp_path / END_NAME
    append_amendment(path, amendment(0))
    before = end.read_bytes()
    append_amendment(path, amendment(1))
    end.write_bytes(before)
    assert len(read_amendments(path)) == 2
    append_amendment(path, amendment(2))
    assert len(read_amendments(path)) == 3


def test_another_history_than_the_one_that_was_noted_is_named(tmp_path: Path) -> None:
    path = tmp_path / "amendments.jsonl"
    append_amendment(path, amendment(0))
    end = (tmp_path / END_NAME).read_bytes()
    other = tmp_path / "other" / "amendments.jsonl"
    other.parent.mkdir()
    append_amendment(other, amendment(0, why="something else"))
    other.with_name(END_NAME).write_bytes(end)
    with pytest.raises(DocumentError, match="line 1: expected the line that"):
        read_amendments(other)
    other.with_name(END_NAME).write_text("what")
    with pytest.raises(DocumentError, match="expected number and check of the last amendment"):
        read_amendments(other)


def test_a_line_that_is_no_amendment_is_named(tmp_path: Path) -> None:
    path = tmp_path / "amendments.jsonl"
    path.write_bytes(b'{"kind":"other"}\n')
    with pytest.raises(DocumentError, match=r"amendments\.jsonl, line 1: expected a check"):
        read_amendments(path)
    path.write_bytes(chain_line(b'{"kind":"other"}', CHAIN_START)[0])
    with pytest.raises(DocumentError, match=r"amendments\.jsonl, line 1: kind"):
        read_amendments(path)


ADD = """
import sys
from pathlib import Path
from closedloop.artifacts.records.amendments import Amendment, append_amendment, utc_now
for number in range(int(sys.argv[2])):
    append_amendment(
        Path(sys.argv[1]),
        Amendment(kind="hold", simulated=False, day=number, utc=utc_now(), who=sys.argv[3], why="ill"),
    )
"""


def test_two_who_decide_at_the_same_time_lose_no_decision(tmp_path: Path) -> None:
    path, n_each = tmp_path / "amendments.jsonl", 12
    command = [sys.executable, "-c", ADD, str(path), str(n_each)]
    with Child([*command, "ada"]) as first, Child([*command, "bob"]) as second:
        assert (first.wait(), second.wait()) == (0, 0)
    decided = read_amendments(path)
    for who in ("ada", "bob"):
        assert [one.day for one in decided if one.who == who] == list(range(n_each))
