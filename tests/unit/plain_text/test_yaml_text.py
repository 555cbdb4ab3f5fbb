"""YAML that people write: what we take, and one line for everything else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from closedloop.errors import DocumentError, ProtocolError
from closedloop.plain_text.yaml_text import parse_yaml, read_yaml
from tests.unit.messages import refused

ROOT = Path(__file__).parents[3]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, ("FILE, line", "at most 50,000 values")),
        ("a: &x [*x]", ("FILE, line 1:", "within each other")),
        ("a: &x {b: *x}", ("FILE, line 1:", "within each other")),
        ("a:\n  - *x", ("FILE, line 2:", "an alias (*name) without its anchor")),
        ("a: " + "[" * 100_000, ("FILE, line 1:", "at most 32 lists or sections")),
        ("- " * 50_000, ("FILE, line 1:", "at most 32 lists or sections")),
        ("? " * 50_000, ("FILE, line 1:", "at most 32 lists or sections")),
        ("a: 1\nb: 2\na: 3", ("FILE, line 3:", "each key once", "found a twice")),
        ("a: {b: 1, 'b': 2}", ("FILE, line 1:", "each key once", "found b twice")),
        ("seed: " + "9" * 5000, ("FILE, line 1:", "an integer of at most 63 bits", "5,000 characters")),
        ("seed: 0x" + "f" * 5000, ("FILE, line 1:", "an integer of at most 63 bits")),
        ("a:\n  b: [1, {seed: 010}]", ("FILE, line 2: a.b.seed:", "without leading zeros", "010")),
        ("a: .inf", ("FILE, line 1: a:", "a finite number", ".inf")),
        ("a: .NaN", ("FILE, line 1:", "a finite number")),
        ("a: 1.0e+999", ("FILE, line 1:", "a finite number")),
        ("a: !!set {x}", ("FILE, line 1:", "the tag !!set")),
        ("a: !!binary aGk=", ("FILE, line 1:", "the tag !!binary")),
        ("a: !!omap [x: 1]", ("FILE, line 1:", "the tag !!omap")),
        ("a: !!python/object/apply:os.system [x]", ("FILE, line 1:", "the tag !!python")),
        ("a: !mine 3", ("FILE, line 1:", "the tag !mine")),
        ("a: !!int x", ("FILE, line 1:", "expected an integer")),
        ("a: !!float x", ("FILE, line 1:", "expected a number")),
        ("a: !!bool x", ("FILE, line 1:", "expected true or false")),
        ("1: 2", ("FILE, line 1:", "keys of text", "1, which YAML reads as a number")),
        ("on: 2", ("FILE, line 1:", "keys of text", "on, which YAML reads as true or false")),
        ("? [a]\n: 2", ("FILE, line 1:", "keys of text", "a list")),
        ("<<: 3", ("FILE, line 1:", "after <<")),
        ("a: 1\n---\nb: 2", ("FILE, line 2:", "a second document")),
        ("", ("FILE:", "an empty file", "Start again.")),
        ("# nothing", ("FILE:", "an empty file")),
        ("- a", ("FILE:", "keys with values, found a list", "Start again.")),
        ("a", ("FILE:", "keys with values, found text")),
        ("a: b: c", ("FILE, line 1:", "a second colon")),
        ("a:\n\t- b", ("FILE, line 2:", "a tab")),
        ('a: "b', ("FILE, line 1:", "a quote that is not closed")),
        ("a: [1, 2", ("FILE, line 1:", "in place of ',' or ']'")),
        ('a: "\\0"', ("FILE, line 1:", "the character NUL")),
        ('a: "\\ud800"', ("FILE, line 1:", "half of a character")),
        ("a: 1\nb: \x07", ("FILE, line 2:", "text that can be printed", "0x0007")),
        ("#" * 300_000, ("FILE:", "at most 262,144 bytes")),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_not_taken_is_one_line_with_its_place(text: str, words: tuple[str, ...]) -> None:
    with refused(ProtocolError, *words):
        parse_yaml(text.encode(), place="FILE", error=ProtocolError, remedy="Start again.")


def test_other_encodings_are_refused_and_a_byte_order_mark_is_left_off() -> None:
    assert parse_yaml(b"\xef\xbb\xbfa: 1", place="FILE") == {"a": 1}
    for content, found in (("a: 1".encode("utf-16"), "UTF-16"), (b"a: 1\nb: \xe4", "0xe4")):
        with refused(DocumentError, "FILE", found, "Save it as UTF-8."):
            parse_yaml(content, place="FILE")


def test_what_is_taken_is_what_a_person_means() -> None:
    text = """
    a: 1_000
    b: 1:30          # 90 in YAML 1.1
    c: 12:00:00      # a walltime, 43200 in YAML 1.1
    d: 9999-99-99    # an impossible date in YAML 1.1
    e: [yes, off, ~, -2.5, 1.5e+3, 0x1f, "010"]
    f: &wires {x: 1, y: 2}
    g: {<<: *wires, x: 3}
    h: [*wires, *wires]
    """
    assert parse_yaml(text.encode(), place="FILE") == {
        **{"a": 1000, "b": "1:30", "c": "12:00:00", "d": "9999-99-99"},
        "e": [True, False, None, -2.5, 1500.0, 31, "010"],
        **{"f": {"x": 1, "y": 2}, "g": {"x": 3, "y": 2}, "h": [{"x": 1, "y": 2}, {"x": 1, "y": 2}]},
    }


@pytest.mark.parametrize(
    "path", [*ROOT.glob("protocols/*.yaml"), *ROOT.glob("tests/loop/*.yaml")], ids=lambda p: p.name
)
def test_protocols_say_what_yamls_own_parser_says(path: Path) -> None:
    assert read_yaml(path, missing="") == yaml.safe_load(path.read_bytes())
