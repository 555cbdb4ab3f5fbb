"""What people decided stands in order, and nobody edits it unnoticed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from closedloop.artifacts.records.amendments import Amendment, append_amendment, read_amendments, utc_now
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
