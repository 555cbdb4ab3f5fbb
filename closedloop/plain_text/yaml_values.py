"""Values of somebody's YAML file are replaced where they stand; every other byte stays, but a comment behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml

from closedloop.plain_text.yaml_edit import UneditableYamlError

_BYTE_ORDER_MARK = "\ufeff"
_REST_OF_LINE = re.compile(r"[^\S\r\n]*(#[^\r\n]*)?(?=[\r\n]|\Z)")
_COMMENT_COLUMN = 34  # of the shipped protocols

KeyPath = tuple[str, ...]
TextEdit = tuple[int, int, str]


def replace_values(content: bytes, values: Mapping[KeyPath, str], *, comment: str) -> bytes:
    """Return a YAML file with some values replaced, or added to the section where the file leaves them out.

    What was said behind a value that is replaced was said of the old one: the comment takes its place.

    Parameters
    ----------
    content
        The file: keys with values on its outermost level.
    values
        By the keys that lead to each: new values, as YAML writes them on one line.
    comment
        What is written behind each, without its mark.

    Raises
    ------
    UneditableYamlError
        The file is no YAML, a section stands in it as a name of another part, or is not there.
    """
    text = content.decode()
    mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
    text = text.removeprefix(mark)
    try:
        root = yaml.SafeLoader(text).get_single_node()
    except yaml.YAMLError as error:
        raise UneditableYamlError("no YAML") from error
    if root is None:
        raise UneditableYamlError("no keys with values")
    edits = sorted((_edit(text, root, path, value, comment) for path, value in values.items()), reverse=True)
    for start, end, new in edits:
        text = text[:start] + new + text[end:]
    return (mark + text).encode()


def _edit(text: str, root: yaml.Node, path: KeyPath, value: str, comment: str) -> TextEdit:
    section = root
    for key in path[:-1]:
        section = _value_of(section, key, path)
    if not isinstance(section, yaml.MappingNode):
        raise UneditableYamlError(f"no section of keys ({'.'.join(path[:-1])})")
    found = next(((name, old) for name, old in section.value if name.value == path[-1]), None)
    if found is None:
        return _addition(text, section, path[-1], value, comment)
    name, old = found
    if old.start_mark.index < name.end_mark.index:
        raise UneditableYamlError("the name of another part of the file (*)")
    start, end = old.start_mark.index, _last_index(old)
    rest = _REST_OF_LINE.match(text, end)
    if section.flow_style or rest is None:
        return start, end, value
    if isinstance(old, yaml.CollectionNode) and not old.flow_style:  # a block, which begins on a line of its own
        start = name.end_mark.index + 1
        value = f" {value}"
    column = start - (text.rfind("\n", 0, start) + 1)
    return start, rest.end(), _with_comment(value, column, comment)


def _addition(text: str, section: yaml.MappingNode, key: str, value: str, comment: str) -> TextEdit:
    if not section.value:
        raise UneditableYamlError("an empty section")
    last = _last_index(section.value[-1][1])
    if section.flow_style:
        return last, last, f", {key}: {value}"
    indent = " " * section.value[0][0].start_mark.column
    rest = _REST_OF_LINE.match(text, last)
    end = rest.end() if rest is not None else last
    line = _with_comment(f"{key}: {value}", len(indent), comment)
    return end, end, f"\n{indent}{line}"


def _with_comment(words: str, column: int, comment: str) -> str:
    return f"{words}{' ' * max(2, _COMMENT_COLUMN - column - len(words))}# {comment}"


def _value_of(section: yaml.Node, key: str, path: KeyPath) -> yaml.Node:
    pairs: list[tuple[yaml.Node, yaml.Node]] = section.value if isinstance(section, yaml.MappingNode) else []
    found = next((value for name, value in pairs if name.value == key), None)
    if found is None:
        raise UneditableYamlError(f"no section {key} ({'.'.join(path)})")
    return found


def _last_index(node: yaml.Node) -> int:
    """Return where the last value within a node ends: a block's own end is after the comments that follow it."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _last_index(last[1] if isinstance(last, tuple) else last)
