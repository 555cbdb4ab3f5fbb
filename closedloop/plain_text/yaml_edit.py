"""One section of somebody's YAML file is replaced; every other byte of it stays, comments and order with it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import yaml

_BYTE_ORDER_MARK = "\ufeff"
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # as YAML counts lines


class UneditableYamlError(Exception):
    """The section stands in the file in a way that is not edited: a name for another part of it, or no YAML."""


def replace_section(content: bytes, key: str, *, lines: Sequence[str], braces: str) -> bytes:
    """Return a YAML file with one section of its outermost level replaced, or added at its end.

    The section's lines are those from its key to its last value; comments between them go with them.

    Parameters
    ----------
    content
        The file: keys with values on its outermost level.
    key
        Of the section.
    lines
        The section as lines without line ends, its key first.
    braces
        The section's value on one line: written in place of the lines where the whole file is one pair of braces.

    Raises
    ------
    UneditableYamlError
        The file is no YAML, or another place in it is what the section is.
    """
    text = content.decode()
    mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
    text = text.removeprefix(mark)
    try:
        root = yaml.SafeLoader(text).get_single_node()
    except yaml.YAMLError as error:
        raise UneditableYamlError("no YAML") from error
    if not isinstance(root, yaml.MappingNode):
        raise UneditableYamlError("no keys with values")
    found = next(((name, old) for name, old in root.value if name.value == key), None)
    start, end, new = _change(text, root, found, lines, f"{json.dumps(key)}: {braces}")
    return (mark + text[:start] + new + text[end:]).encode()


def _change(
    text: str,
    root: yaml.MappingNode,
    found: tuple[yaml.Node, yaml.Node] | None,
    lines: Sequence[str],
    braces: str,
) -> tuple[int, int, str]:
    """Return from where to where (characters) what is written instead."""
    if found is not None and found[1].start_mark.index < found[0].end_mark.index:
        raise UneditableYamlError("the name of another part of the file (*)")
    if root.flow_style:
        if found is not None:
            return found[0].start_mark.index, found[1].end_mark.index, braces
        last = root.value[-1][1].end_mark.index if root.value else root.start_mark.index + 1
        return last, last, f"{', ' if root.value else ''}{braces}"
    line_end = _line_end(text)
    indent = " " * root.start_mark.column
    block = "".join(f"{indent}{line}{line_end}" for line in lines)
    if found is None:
        end = _end_of_line(text, _last_index(root))
        return end, end, block if not text[:end] or _BREAK.fullmatch(text[end - 1]) else line_end + block
    start = found[0].start_mark.index
    start -= len(_BREAK.split(text[:start])[-1])
    return start, _end_of_line(text, _last_index(found[1])), block


def _line_end(text: str) -> str:
    """Return how lines of the file end: as its first does."""
    found = _BREAK.search(text)
    return found[0] if found else "\n"


def _last_index(node: yaml.Node) -> int:
    """Return where the last value within a node ends: a block's own end is after the comments that follow it."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _last_index(last[1] if isinstance(last, tuple) else last)


def _end_of_line(text: str, index: int) -> int:
    """Return where the next line begins; a comment behind the value belongs to its line."""
    if index and _BREAK.fullmatch(text[index - 1]):  # text in a block of its own (|) ends with its line
        return index
    found = _BREAK.search(text, index)
    return found.end() if found else len(text)
