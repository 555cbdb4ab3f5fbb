"""Faults of documents in words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pydantic import Field

from closedloop.artifacts.day.journal import journal_bytes, read_journal
from closedloop.artifacts.documents import Section, validate
from closedloop.artifacts.faults import PATTERNS
from closedloop.errors import DocumentError
from tests.architecture.house import CODE
from tests.unit.messages import refused


class Twig(Section):
    count: int
    weight: float = 1.0
    names: tuple[str, ...] = ()
    sizes: dict[str, int] = Field(default={})


def test_every_pattern_of_a_document_has_words() -> None:
    used = {
        str(keyword.value.value)
        for tree in CODE.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Field"
        for keyword in node.keywords
        if keyword.arg == "pattern" and isinstance(keyword.value, ast.Constant)
    }
    assert used == set(PATTERNS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"count": True}, "count: expected a number, found true. Correct it."),
        ({"count": 1, "weight": False}, "weight: expected a number, found false. Correct it."),
        ({"count": 1, "sizes": {"a": True}}, "sizes.a: expected a number, found true. Correct it."),
        ({"count": 1, "names": "a"}, "names: expected a list, found 'a'. Correct it."),
        ({"count": 1, "names": ["a", 3]}, "names.1: expected text, found 3. Put it in quotes. Correct it."),
        ({"count": 1, "sizes": []}, "sizes: expected keys with values, found a list of 0. Correct it."),
        ({"count": {"a": 1}}, "count: expected a whole number, found a section of keys. Correct it."),
        ({"count": "x" * 100_000}, f"count: expected a whole number, found '{'x' * 59}.... Correct it."),
        ({"coutn": 1}, "coutn: expected a known key (count), found this one. Did you mean count? Correct"),
        ({}, "count: expected a value, found none. Add it."),
        (3, "document: expected keys with values, found 3. Correct it."),
    ],
)  # fmt: skip
def test_a_fault_is_said_by_key_with_what_was_expected_and_found(content: object, said: str) -> None:
    with refused(DocumentError, f"TWIG: {said}"):
        validate(Twig, content, place="TWIG")


def test_a_wrong_row_of_a_journal_is_said_by_its_own_keys(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journal_bytes(()) + b'{"event":"trial_started","trial":"x","code":0,"time_s":1}\n')
    with refused(
        DocumentError, f"{path}, line 1: trial: expected a whole number, found 'x'; code: expected at least 1"
    ):
        read_journal(path)
    path.write_bytes(b'{"event":"trial_startet","trial":1}\n')
    with refused(
        DocumentError, f"{path}, line 1: document: expected one of segment_opened, trial_begun, trial_started"
    ):
        read_journal(path)
    path.write_bytes(b'{"event":"trial_started","trial":1,"trial":2,"code":1,"time_s":1}\n')
    with refused(DocumentError, f"{path}, line 1: expected each key once, found trial twice"):
        read_journal(path)
