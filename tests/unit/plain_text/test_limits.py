"""Small files only, and only files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from closedloop.errors import DocumentError, ProtocolError, visible
from closedloop.plain_text.limits import MOST_LINES, decode, read_limited, refuse_many_lines
from tests.unit.messages import refused

MISSING = "expected a file, found none. Make it."


def test_a_folder_a_pipe_and_a_device_are_not_read(tmp_path: Path) -> None:
    with refused(DocumentError, tmp_path, "expected a file, found a folder"):
        read_limited(tmp_path, most_bytes=10, missing=MISSING)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with refused(ProtocolError, pipe, "found a pipe or a device"):
        read_limited(pipe, most_bytes=10, missing=MISSING, error=ProtocolError)
    with refused(DocumentError, "/dev/zero", "found a pipe or a device"):
        read_limited(Path("/dev/zero"), most_bytes=10, missing=MISSING)


def test_a_name_that_no_file_can_have_is_said(tmp_path: Path) -> None:
    for name in ("x" * 5000, "a/b\0c"):
        with refused(DocumentError, tmp_path, "expected a file that can be read"):
            read_limited(tmp_path / name, most_bytes=10, missing=MISSING)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with refused(DocumentError, loop, "expected a file that can be read"):
        read_limited(loop, most_bytes=10, missing=MISSING)


def test_as_many_bytes_as_allowed_are_read_and_not_one_more(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert read_limited(path, most_bytes=10, missing=MISSING) == b"0123456789"
    with refused(DocumentError, path, "at most 9 bytes"):
        read_limited(path, most_bytes=9, missing=MISSING)


def test_a_file_of_very_many_lines_is_refused() -> None:
    refuse_many_lines(b"\n" * MOST_LINES, place="FILE")
    with refused(DocumentError, "FILE", "at most 250,000 lines"):
        refuse_many_lines(b"\n" * (MOST_LINES + 1), place="FILE")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("M\u00fcller, \u5b57 [red]", "M\u00fcller, \u5b57 [red]"),
        ("a\u00a0b", "a\u00a0b"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\u202eb\u200f", "a\\u202eb\\u200f"),
        ("a\u2028b", "a\\u2028b"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_a_terminal_would_act_on_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert str(DocumentError(text)) == shown


@pytest.mark.parametrize(
    ("content", "place", "where"),
    [
        (b"\x89HDF", "journal", "journal, line 1:"),
        (b"a\nb\xff", "journal", "journal, line 2:"),
        (b"b\xff", "journal, line 7", "journal, line 7:"),
    ],
)
def test_a_byte_that_is_no_text_is_placed_in_a_line_of_its_file(content: bytes, place: str, where: str) -> None:
    with pytest.raises(DocumentError) as caught:
        decode(content, what="JSON", place=place, error=DocumentError, remedy="Restore it.")
    assert str(caught.value).startswith(f"{where} expected JSON in UTF-8, found the byte 0x")
