"""JSON from outside: what we take, and one line for everything else."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.errors import CheckpointError, ClosedLoopError, DocumentError
from closedloop.plain_text.json_text import parse_json, read_json
from closedloop.plain_text.limits import MOST_JSON_BYTES
from tests.unit.messages import refused

MISSING = "expected a file, found none. Restore it."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 100_000, ("FILE:", "at most 32 lists or objects within each other", "found more")),
        (b'{"a":' * 33 + b"1" + b"}" * 33, ("FILE:", "within each other")),
        (b'{"seed":\n' + b"9" * 5000 + b"}", ("FILE, line 2:", "an integer of at most 64 bits", "5,000 digits")),
        (b'{"seed": 18446744073709551616}', ("FILE:", "an integer of at most 64 bits")),
        (b'{"seed": -9223372036854775809}', ("FILE:", "an integer of at most 64 bits")),
        (b'{\n"a": "NaN",\n"b": NaN}', ("FILE, line 3:", "a finite number", "NaN")),
        (b'{"a": -Infinity}', ("FILE:", "a finite number", "-Infinity")),
        (b'{"a": 1e999}', ("FILE:", "a finite number", "1e999")),
        (b'{"a": {"b": 1},\n"c": [{"a": 1}],\n"\\u0061": 2}', ("FILE, line 3:", "each key once", "found a twice")),
        (b'{"a": "\\ud800"}', ("FILE:", "half of a character")),
        (b'{"a\\u0000": 1}', ("FILE:", "the character NUL")),
        (b'{"a": 1}\xff', ("FILE, line 1:", "expected JSON in UTF-8", "0xff", "Restore the file.")),
        ('{"a": 1}'.encode("utf-16"), ("FILE:", "expected JSON in UTF-8", "UTF-16")),
        ('{"a": 1}'.encode("utf-32-be"), ("FILE:", "UTF-16 or UTF-32")),
        (b"\0\0\0\0", ("FILE:", "UTF-8")),
        (b"", ("FILE:", "expected JSON, found an empty file", "Restore the file.")),
        (b" \n ", ("FILE:", "an empty file")),
        (b'{"a": 1,\n"b"', ("FILE, line 2:", "expected JSON", "Restore the file.")),
        (b'{"a": 1} {"a": 1}', ("FILE:", "expected JSON")),
        (b"{'a': 1}", ("FILE:", "expected JSON")),
        (b'"' + b'\\"' * 1_000_000, ("FILE:", "expected JSON")),
        (b" " * (MOST_JSON_BYTES + 1), ("FILE:", "at most 8,388,608 bytes")),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_not_taken_is_one_line_with_its_place(content: bytes, words: tuple[str, ...]) -> None:
    with refused(DocumentError, *words):
        parse_json(content, place="FILE")


def test_what_is_taken_is_what_it_says() -> None:
    text = (
        '{"a": [1, -2.5, true, null, "\\\\u0000 \u00e4"], "most": 18446744073709551615, "least": -9223372036854775808}'
    )
    expected = {"a": [1, -2.5, True, None, "\\u0000 \u00e4"], "most": 2**64 - 1, "least": -(2**63)}
    assert parse_json(text, place="FILE") == expected
    assert parse_json(b"\xef\xbb\xbf" + text.encode(), place="FILE") == expected  # Windows editors mark UTF-8
    assert parse_json("[" * 32 + "]" * 32, place="FILE")


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@given(JSON, st.booleans(), st.sampled_from([None, 2]))
def test_what_python_writes_comes_back(value: object, ascii_only: bool, indent: int | None) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only, indent=indent), place="FILE") == value


@given(JSON, st.data())
def test_damaged_text_is_taken_or_refused_and_nothing_else(value: object, data: st.DataObject) -> None:
    content = bytearray(json.dumps(value, indent=1).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.sampled_from(b'{}[]",:\\u0d9eE.- \n\xff\0'))
    with suppress(DocumentError):
        json.dumps(parse_json(bytes(content), place="FILE"), allow_nan=False, ensure_ascii=False).encode()


def test_the_error_and_the_remedy_are_the_callers() -> None:
    with refused(CheckpointError, "FILE", "Download it again."):
        parse_json(b"{", place="FILE", error=CheckpointError, remedy="Download it again.")


def test_a_file_that_is_none_or_too_large_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with refused(DocumentError, path, MISSING):
        read_json(path, missing=MISSING)
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a sparse terabyte: it is never read
    with refused(DocumentError, path, "at most 8,388,608 bytes", "found a larger one"):
        read_json(path, missing=MISSING)
    path.write_bytes(b"[1]")
    assert read_json(path, missing=MISSING) == [1]


def test_every_message_is_one_line_that_a_terminal_shows() -> None:
    with pytest.raises(ClosedLoopError) as caught:
        parse_json('{"a\\u001b[2J\\n\u202e": 1, "a\\u001b[2J\\n\u202e": 2}', place="FILE")
    assert str(caught.value).isprintable()


def test_a_line_is_named_once() -> None:
    with refused(DocumentError, "journal.jsonl, line 7: expected JSON in UTF-8, found the byte 0xff."):
        parse_json(b"\xff\n", place="journal.jsonl, line 7")
