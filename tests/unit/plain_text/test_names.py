"""Names that stay in their folder, on every system."""

from __future__ import annotations

import pytest

from closedloop.plain_text.names import fault_in_name, twins


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "an empty name"),
        ("/etc/passwd", "from the root of a disk"),
        ("C:/Windows", "from the root of a disk"),
        ("..", "a way out"),
        ("../ledger.sqlite", "a way out"),
        ("a/../../b", "a way out"),
        ("a//b", "a folder without a name"),
        ("a/", "a folder without a name"),
        ("./a", "a folder without a name"),
        ("..\\a", "a backslash"),
        ("a\0b", "NUL"),
        ("a\udc80", "half of a character"),
    ],
)
def test_a_name_that_leaves_its_folder_is_refused(name: str, fault: str) -> None:
    assert fault in fault_in_name(name)


@pytest.mark.parametrize("name", ["a.nev", "raw/array1.ns6", "..a", "a..b", "...", "M\u00fcller 1: x.dat", "[b]", "-a"])
def test_other_names_are_names(name: str) -> None:
    assert not fault_in_name(name)


def test_names_that_are_one_file_elsewhere_are_found() -> None:
    assert twins(["a", "b", "A"]) == ("a", "A")
    assert twins(["\u00e4", "a\u0308"]) == ("\u00e4", "a\u0308")
    assert twins(["stra\u00dfe", "STRASSE"]) == ("stra\u00dfe", "STRASSE")
    assert twins(["a", "b", "a/b"]) is None
