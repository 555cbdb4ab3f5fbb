"""JSON from outside: parsed within limits, every fault one line. The only caller of Python's parser."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from closedloop.errors import ClosedLoopError, DocumentError
from closedloop.plain_text.limits import (
    DEEPEST,
    FINITE,
    KEYS_ONCE,
    MOST_JSON_BYTES,
    WRITABLE,
    UnfitTextError,
    decode,
    fault_in_text,
    not_deeper,
    read_limited,
)

RESTORE = "Restore the file."
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]|[^\s,:\[\]{}"]+', re.DOTALL)
_ODD_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_DIGITS = 20
_LARGEST = 1 << 64  # what numpy, HDF5 and parquet hold
_SHOWN = 40  # characters of what was found


class _UnfitJsonError(UnfitTextError):
    """JSON that we do not take, and the word of the text that it is."""

    def __init__(self, expected: str, found: str, word: str = "") -> None:
        super().__init__(expected, found)
        self.word = word


def read_json(path: Path, *, missing: str, error: type[ClosedLoopError] = DocumentError) -> Any:
    """Read a JSON file; see `parse_json` and `read_limited`.

    Parameters
    ----------
    path
        The file.
    missing
        What a message says where there is none.
    error
        The exception to raise.
    """
    content = read_limited(path, most_bytes=MOST_JSON_BYTES, missing=missing, error=error)
    return parse_json(content, place=str(path), error=error)


def parse_json(
    content: bytes | str, *, place: str, error: type[ClosedLoopError] = DocumentError, remedy: str = RESTORE
) -> Any:
    """Parse JSON: finite numbers, integers of 64 bits, each key once, nested a few times at most.

    Parameters
    ----------
    content
        The text, at most `MOST_JSON_BYTES` long.
    place
        What a message begins with: a file, usually; the line is added where there are several.
    error
        The exception to raise.
    remedy
        What a message ends with.

    Raises
    ------
    ClosedLoopError
        It is anything else.
    """
    if len(content) > MOST_JSON_BYTES:
        raise error(f"{place}: expected at most {MOST_JSON_BYTES:,} bytes of JSON, found {len(content):,}. {remedy}")
    text = (
        content if isinstance(content, str) else decode(content, what="JSON", place=place, error=error, remedy=remedy)
    )
    if not text.strip():
        raise error(f"{place}: expected JSON, found an empty file. {remedy}")
    try:
        _refuse_depth(text)
        found = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_no_number
        )
        if _ODD_ESCAPE.search(text):
            _refuse_odd_text(found)
    except _UnfitJsonError as fault:
        raise error(f"{_at(place, text, _line_of(text, fault.word))}: {fault}. {remedy}") from None
    except json.JSONDecodeError as fault:
        where = _at(place, text, fault.lineno)
        raise error(
            f"{where}: expected JSON, found something else (column {fault.colno}: {fault.msg.lower()}). {remedy}"
        ) from fault
    return found


def _at(place: str, text: str, line: int) -> str:
    return f"{place}, line {line}" if line and "\n" in text.strip() else place


def _refuse_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth = 0
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word in {"[", "{"}:
            depth += 1
            if depth > DEEPEST:
                raise _UnfitJsonError(*not_deeper("lists or objects"))
        elif word in {"]", "}"}:
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise _UnfitJsonError(KEYS_ONCE, f"{_short(twice)} twice", json.dumps(twice))
    return found


def _integer(word: str) -> int:
    if len(word) > _DIGITS + 1 or not -_LARGEST // 2 <= int(word) < _LARGEST:
        n_digits = len(word.lstrip("-"))
        raise _UnfitJsonError("an integer of at most 64 bits", f"one of {n_digits:,} digits ({_short(word)})", word)
    return int(word)


def _number(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise _UnfitJsonError(FINITE, _short(word), word)
    return value


def _no_number(word: str) -> float:
    raise _UnfitJsonError(FINITE, word, word)


def _refuse_odd_text(found: Any) -> None:
    for text in _texts(found):
        if fault := fault_in_text(text):
            raise _UnfitJsonError(WRITABLE, fault)


def _texts(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        for name, value in found.items():
            yield name
            yield from _texts(value)
    elif isinstance(found, list):
        for value in found:
            yield from _texts(value)


def _line_of(text: str, word: str) -> int:
    """Return the line of a word; of a key that is there twice, the second one's; 0 where it is not found."""
    if not word:
        return 0
    seen: list[set[str]] = []
    for token in _TOKEN.finditer(text):
        found = token[0]
        if found in {"{", "["}:
            seen.append(set())
        elif found in {"}", "]"} and seen:
            seen.pop()
        elif not found.startswith('"'):
            if found == word:
                return text.count("\n", 0, token.start()) + 1
        elif seen and text[token.end() : token.end() + 50].lstrip().startswith(":"):
            name = _unescaped(found)
            if name in seen[-1] and name == word:
                return text.count("\n", 0, token.start()) + 1
            seen[-1].add(name)
    return 0


def _unescaped(quoted: str) -> str:
    return json.dumps(json.loads(quoted))


def _short(word: str) -> str:
    shown = word if len(word) <= _SHOWN else f"{word[:_SHOWN]}..."
    return json.dumps(shown) if not shown.isprintable() else shown
