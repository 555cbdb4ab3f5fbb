"""How lines, numbers and JSON are spoiled: repeated, nested, exchanged, of another type, too large, not text at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

from tools.fuzz.mutations import spoil_bytes

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_WORD = re.compile(rb"[A-Za-z_]{2,}")
_ODD_NUMBERS = (
    *(b"0", b"-1", b"1e999", b"-0.0", b"nan", b".inf", b"NaN", b"Infinity", b"0x1F", b"007", b"1_000", b"12:30:45"),
    *(
        b"2147483648",
        b"4294967296",
        b"9223372036854775808",
        b"1" + b"0" * 400,
        b"9" * 5000,
        b"1e-400",
        b"true",
        b"null",
    ),
)
_ODD_TEXTS = (
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"[/b]", b"\x1b[31m", b"\r", b"\n\n", b"\t", b" " * 300),
    *(b"a" * 70_000, b"\xe2\x80\xae", b"\xf0\x9f\x98\x80", b"..", b"/etc/passwd", b"%s%n", b"{}", b"'", b'"', b"#"),
)
_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, 1e308, -1e308, 5e-324, 0.5, ""),
    *("a" * 5000, "[/b]", "\0", "\ud800", "../..", "/etc/passwd", "2024-13-45", [], {}, [[]], [1, "a", None], {"a": 1}),
)


def spoil_text(content: bytes, random: Random) -> bytes:
    """Change a text in one to three ways, or its bytes."""
    if random.random() < 0.2:
        return spoil_bytes(content, random)
    for _ in range(random.choice((1, 1, 2, 3))):
        content = random.choice(_WAYS)(content, random)
    return content


def spoil_json(content: bytes, random: Random) -> bytes:
    """Change a value of a JSON document, or its text."""
    if random.random() < 0.4:
        return spoil_text(content, random)
    try:
        document = json.loads(content)
    except ValueError:
        return spoil_text(content, random)
    return json.dumps(spoil_value(document, random), indent=2).encode()


def spoil_value(value: Any, random: Random) -> Any:
    """Change something in plain data: a value, a key, a list's length, at a place drawn on the way down."""
    if isinstance(value, dict) and value and random.random() < 0.92:
        key = random.choice(sorted(value))
        changed = dict(value)
        match random.randrange(10):
            case 0:
                del changed[key]
            case 1:
                changed[random.choice(("", "a", "format_version", "kind", key + "x", key.upper()))] = changed.pop(key)
            case 2:
                changed[random.choice(("", "unknown", "__proto__", key))] = _odd(random)
            case _:
                changed[key] = spoil_value(value[key], random)
        return changed
    if isinstance(value, list) and value and random.random() < 0.9:
        place = random.randrange(len(value))
        match random.randrange(8):
            case 0:
                return value[:place] + value[place + 1 :]
            case 1:
                return value[: place + 1] * random.choice((2, 2, 50)) + value[place:]
            case 2:
                return []
            case _:
                return [*value[:place], spoil_value(value[place], random), *value[place + 1 :]]
    return _odd(random)


def _odd(random: Random) -> Any:
    value = random.choice(_ODD_VALUES)
    if random.random() < 0.05:
        for _ in range(random.choice((3, 300))):
            value = [value]
    return value


def _repeat_line(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    place = random.randrange(len(lines))
    lines[place:place] = [lines[place]] * random.choice((1, 1, 2, 1000))
    return b"".join(lines)


def _lose_line(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    del lines[random.randrange(len(lines))]
    return b"".join(lines)


def _swap_lines(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def _indent_line(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    place = random.randrange(len(lines))
    lines[place] = (
        random.choice((b" ", b"  ", b"\t", b"- ", b"# ", b"&a ", b"*a ", b"!!python/object:os.system ", b"? "))
        + lines[place]
    )
    return b"".join(lines)


def _odd_number(content: bytes, random: Random) -> bytes:
    return _replace_one(_NUMBER, content, random.choice(_ODD_NUMBERS), random)


def _odd_word(content: bytes, random: Random) -> bytes:
    return _replace_one(_WORD, content, random.choice((*_ODD_TEXTS, *_ODD_NUMBERS)), random)


def _replace_one(pattern: re.Pattern[bytes], content: bytes, new: bytes, random: Random) -> bytes:
    found = list(pattern.finditer(content))
    if not found:
        return content
    one = random.choice(found)
    return content[: one.start()] + new + content[one.end() :]


def _insert(content: bytes, random: Random) -> bytes:
    at = random.randint(0, len(content))
    return content[:at] + random.choice((*_ODD_TEXTS, b"[" * 3000, b'{"a":' * 3000, b"- " * 2000)) + content[at:]


def _nest(content: bytes, random: Random) -> bytes:
    depth = random.choice((2, 100, 100_000))
    return b"[" * depth + content + b"]" * depth


_WAYS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_repeat_line, _lose_line, _swap_lines, _indent_line, _insert),
    *[_odd_number] * 4,
    *[_odd_word] * 2,
    _nest,
)
