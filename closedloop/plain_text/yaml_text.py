"""YAML from outside: what a person writes by hand, parsed within limits, every fault one line. The only home of yaml.

Of YAML it takes what a lab writes: text, numbers, true and false, lists and sections. Its dates and its numbers to the
base 60 are text here (1:30 would be 90), an alias is written out in its place, as often as the limit allows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from closedloop.errors import ClosedLoopError, DocumentError
from closedloop.plain_text.limits import (
    DEEPEST,
    FINITE,
    KEYS_ONCE,
    MOST_YAML_BYTES,
    WRITABLE,
    UnfitTextError,
    decode,
    fault_in_text,
    not_deeper,
    read_limited,
)

CORRECT = "Correct it."
_MOST_VALUES = 50_000
_LONGEST_INTEGER = 80  # characters: 63 bits in binary, with underscores
_LARGEST = 1 << 63
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F][0-9a-fA-F_]*|0b[01][01_]*)")
_IN_PLACE = re.compile("(?:did not find )?expected (.*), but (?:found|got) (.*)")
_TAG = "tag:yaml.org,2002:"
_TRUE = {"yes", "true", "on"}
_FALSE = {"no", "false", "off"}
_WORDS = {  # PyYAML's -> a person's
    "mapping values are not allowed here": "a second colon, or lines that are indented differently",
    "found character '\\t' that cannot start any token": "a tab: indent by spaces",
    "could not find expected ':'": "a line without a colon",
    "but found another document": "a second document (---)",
    "found undefined alias": "an alias (*name) without its anchor (&name)",
    "expected <block end>, but found '<block mapping start>'": "lines that are indented differently",
    "found unexpected end of stream": "a quote that is not closed",
}


class _UnfitYamlError(UnfitTextError):
    """YAML that we do not take, and the line, from 1."""

    def __init__(self, place: yaml.Node | int, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.line = place if isinstance(place, int) else place.start_mark.line + 1
        self.key = ""


class _Loader(yaml.SafeLoader):
    """Stops where sections and lists are nested too deeply, before Python does."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Build one node; those within it are built by a call of this within this one."""
        self.depth += 1
        if self.depth > DEEPEST:
            line = self.line + 1  # of the reader
            raise _UnfitYamlError(line, *not_deeper("lists or sections"))
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_yaml(
    path: Path, *, missing: str, error: type[ClosedLoopError] = DocumentError, remedy: str = CORRECT
) -> dict[str, Any]:
    """Read a YAML file; see `parse_yaml` and `read_limited`.

    Parameters
    ----------
    path
        The file.
    missing
        What a message says where there is none.
    error
        The exception to raise.
    remedy
        What a message ends with.
    """
    content = read_limited(path, most_bytes=MOST_YAML_BYTES, missing=missing, error=error)
    return parse_yaml(content, place=str(path), error=error, remedy=remedy)


def parse_yaml(
    content: bytes, *, place: str, error: type[ClosedLoopError] = DocumentError, remedy: str = CORRECT
) -> dict[str, Any]:
    """Parse YAML whose outermost level is keys with values, each key once and text.

    Parameters
    ----------
    content
        The text, at most `MOST_YAML_BYTES` long.
    place
        What a message begins with: a file, usually; the line is added.
    error
        The exception to raise.
    remedy
        What a message ends with where the text is YAML, but not of this kind.

    Raises
    ------
    ClosedLoopError
        It is anything else.
    """
    if len(content) > MOST_YAML_BYTES:
        raise error(f"{place}: expected at most {MOST_YAML_BYTES:,} bytes, found {len(content):,}. {CORRECT}")
    text = decode(content, what="YAML", place=place, error=error, remedy="Save it as UTF-8.")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise error(f"{place}: expected keys with values, found an empty file. {remedy}")
        if not isinstance(node, yaml.MappingNode):
            raise error(f"{place}: expected keys with values, found {_kind(node)}. {remedy}")
        return dict(_PlainValues().mapping(node, 1))
    except _UnfitYamlError as fault:
        key = f"{fault.key}: " if fault.key else ""
        raise error(f"{place}, line {fault.line}: {key}{fault}. {CORRECT}") from None
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        where = f"{place}, line {mark.line + 1}" if mark else place
        raise error(f"{where}: expected YAML, found {_in_words(fault)}. {CORRECT}") from fault
    except yaml.reader.ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1
        found = f"the character {int(fault.character):#06x}"
        raise error(f"{place}, line {line}: expected text that can be printed, found {found}. {CORRECT}") from fault


class _PlainValues:
    """Dictionaries, lists and values of nodes; counts, because an alias is written out each time."""

    def __init__(self) -> None:
        self._n_values = 0
        self._keys: list[str] = []  # on the way to the value

    def mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        """Return a section; what is merged into it (<<) gives way to what is written in it."""
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                merged = self._merged(value, depth) | merged
                continue
            name = self._key(key)
            if name in found:
                raise _UnfitYamlError(key, KEYS_ONCE, f"{name:.60} twice")
            self._keys.append(name)
            found[name] = self._value(value, depth + 1)
            self._keys.pop()
        return merged | found

    def _merged(self, node: yaml.Node, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(one, yaml.MappingNode):
                raise _UnfitYamlError(node, "a section, or a list of them, after <<", _kind(one))
            found = self._value(one, depth + 1) | found
        return found

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise _UnfitYamlError(node, "keys of text", _kind(node))
        key = self._value(node, 1)
        if not isinstance(key, str):
            raise _UnfitYamlError(
                node, "keys of text", f"{node.value:.60}, which YAML reads as {_kind(node)}: use quotes"
            )
        return key

    def _value(self, node: yaml.Node, depth: int) -> Any:
        self._n_values += 1
        if self._n_values > _MOST_VALUES:
            raise _UnfitYamlError(node, f"at most {_MOST_VALUES:,} values, aliases (*name) written out", "more")
        if depth > DEEPEST:
            raise _UnfitYamlError(node, *not_deeper("lists or sections"))
        tag = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.MappingNode) and tag == "map":
            return self.mapping(node, depth)
        if isinstance(node, yaml.SequenceNode) and tag == "seq":
            return [self._value(one, depth + 1) for one in node.value]
        if isinstance(node, yaml.ScalarNode) and tag in _VALUES:
            return self._scalar(tag, node)
        raise _UnfitYamlError(node, "text, numbers, lists and sections", f"the tag {node.tag.replace(_TAG, '!!'):.60}")

    def _scalar(self, tag: str, node: yaml.ScalarNode) -> Any:
        try:
            return _VALUES[tag](node)
        except _UnfitYamlError as fault:
            fault.key = ".".join(self._keys)
            raise


def _text(node: yaml.ScalarNode) -> str:
    if fault := fault_in_text(node.value):
        raise _UnfitYamlError(node, WRITABLE, fault)
    return str(node.value)


def _integer(node: yaml.ScalarNode) -> int | str:
    word = str(node.value)
    if ":" in word:
        return word
    if not _INTEGER.fullmatch(word):
        raise _UnfitYamlError(node, "an integer without leading zeros", f"{word:.40}")
    value = int(word.replace("_", ""), 0) if len(word) <= _LONGEST_INTEGER else _LARGEST
    if not -_LARGEST < value < _LARGEST:
        raise _UnfitYamlError(node, "an integer of at most 63 bits", f"{word:.20}, {len(word):,} characters long")
    return value


def _number(node: yaml.ScalarNode) -> float | str:
    word = str(node.value).replace("_", "").lower()
    if ":" in word:
        return str(node.value)
    try:
        value = float(word.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        raise _UnfitYamlError(node, "a number", f"{word:.40}") from None
    if not math.isfinite(value):
        raise _UnfitYamlError(node, FINITE, f"{word:.40}")
    return value


def _truth(node: yaml.ScalarNode) -> bool:
    if node.value.lower() not in _TRUE | _FALSE:
        raise _UnfitYamlError(node, "true or false", f"{node.value:.40}")
    return node.value.lower() in _TRUE


_VALUES: dict[str, Callable[[yaml.ScalarNode], Any]] = {
    "str": _text,
    "value": _text,
    "timestamp": _text,
    "merge": _text,
    "int": _integer,
    "float": _number,
    "bool": _truth,
    "null": lambda _node: None,
}


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a section"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return {"null": "nothing", "bool": "true or false", "int": "a number", "float": "a number"}.get(
        node.tag.removeprefix(_TAG), "text"
    )


def _in_words(fault: yaml.MarkedYAMLError) -> str:
    problem = " ".join(str(fault.problem or fault.context or fault).split())
    for theirs, words in _WORDS.items():
        if problem.startswith(theirs):
            return words
    if other := _IN_PLACE.fullmatch(problem):
        return f"{other[2]} in place of {other[1]}"
    return f"{problem.removeprefix('found '):.120}"
