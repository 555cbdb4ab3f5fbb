"""A line lost, doubled, moved or edited is named by its number."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.artifacts.records.chain import CHAIN_START, chain_line, read_chain
from closedloop.errors import DocumentError
from tests.unit.messages import refused


def chained(n: int) -> list[bytes]:
    """Return n chained lines, without newlines."""
    lines, before = [], CHAIN_START
    for number in range(n):
        line, before = chain_line(f'{{"event":"row","value":{number}}}'.encode(), before)
        lines.append(line.rstrip(b"\n"))
    return lines


def test_bodies_come_back_and_the_chain_goes_on() -> None:
    lines = chained(5)
    first = read_chain(lines[:3], place="journal")
    assert first.is_chained
    assert first.bodies[2] == b'{"event":"row","value":2}'
    assert chain_line(b'{"event":"row","value":3}', first.end)[0] == lines[3] + b"\n"


def test_lines_of_an_older_version_carry_no_checks() -> None:
    read = read_chain([b'{"a":1}', b'{"a":2}'], place="journal")
    assert not read.is_chained
    assert read.bodies == (b'{"a":1}', b'{"a":2}')
    assert read_chain([], place="journal").is_chained


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ([0, 1, 3, 4], "line 3: expected line 3 of the original, found line 4: line 3 is missing"),
        ([0, 4], "line 2: expected line 2 of the original, found line 5: lines 2 to 4 are missing"),
        ([0, 1, 1, 2], "line 3: expected line 3 of the original, found line 2 a second time"),
        ([0, 2, 1, 3], "line 2: expected line 2 of the original, found line 3"),
    ],
)
def test_what_was_lost_doubled_or_moved_is_named(order: list[int], said: str) -> None:
    lines = chained(5)
    with pytest.raises(DocumentError, match=said):
        read_chain([lines[place] for place in order], place="journal")


def test_an_edited_line_is_named() -> None:
    lines = chained(5)
    lines[2] = lines[2].replace(b'"value":2', b'"value":7')
    with pytest.raises(DocumentError, match=r"journal, line 3: expected the check .* the line was edited"):
        read_chain(lines, place="journal")


def test_a_file_whose_line_ends_were_converted_is_named_so() -> None:
    with pytest.raises(DocumentError, match=r"journal, line 1: .* found that of Windows.* byte for byte"):
        read_chain([line + b"\r" for line in chained(3)], place="journal")


def test_a_line_without_a_check_among_others_is_named() -> None:
    lines = chained(3)
    lines[1] = b'{"event":"row","value":1}'
    with pytest.raises(DocumentError, match="line 2: expected a check as in the other lines, found none"):
        read_chain(lines, place="journal")


@given(st.data())
def test_no_change_of_a_byte_passes(data: st.DataObject) -> None:
    lines = chained(4)
    place = data.draw(st.integers(0, 3))
    at = data.draw(st.integers(0, len(lines[place]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != lines[place][at]))
    lines[place] = lines[place][:at] + bytes([byte]) + lines[place][at + 1 :]
    with pytest.raises(DocumentError, match=r"line \d"):
        read_chain(lines, place="journal")


@pytest.mark.parametrize("which", [slice(None), slice(1, 2), slice(2, None)])
def test_a_line_that_a_program_formatted_anew_is_not_taken_for_one_without_a_check(which: slice) -> None:
    lines = chained(4)
    lines[which] = [json.dumps(json.loads(line)).encode() for line in lines[which]]
    first = which.start or 0
    with refused(DocumentError, f"journal, line {first + 1}", "found it rewritten", "byte for byte") as caught:
        read_chain(lines, place="journal")
    assert "known key" not in str(caught.value)


def test_a_file_whose_objects_were_spread_over_lines_is_copied_again() -> None:
    spread = [part for line in chained(2) for part in json.dumps(json.loads(line), indent=2).encode().split(b"\n")]
    with refused(DocumentError, "journal, line ", "found it rewritten"):
        read_chain(spread, place="journal")
