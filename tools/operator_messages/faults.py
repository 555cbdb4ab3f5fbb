"""What is missing between the code and the explanations, each with what to add and where."""

from __future__ import annotations

import ast
import difflib
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.operator_messages.explained import FOLDER, PASSED_ON_NAME, Explanation, Group, read_groups, read_passed_on
from tools.operator_messages.found import ROOT, FoundMessage, PassedOn, find_messages

COMMAND = "python -m tools.operator_messages"
_WIDTH = 116


def faults(root: Path = ROOT, folder: Path = FOLDER) -> list[str]:
    """Return what is wrong, ready to be mended; nothing where every message is explained.

    Parameters
    ----------
    root
        Of the repository.
    folder
        Where the explanations are.
    """
    found, passed = find_messages(root)
    groups, known = read_groups(folder), read_passed_on(folder)
    return [
        *_unexplained(found, groups, folder),
        *_unwritten(groups),
        *_stale(found, groups, root),
        *_twice(groups),
        *_unlisted(passed, known),
    ]


def _unexplained(found: Sequence[FoundMessage], groups: Sequence[Group], folder: Path) -> Iterator[str]:
    known = {one.parts for group in groups for one in group.messages}
    said: set[tuple[str, ...]] = set()
    for message in found:
        if message.parts in known | said:
            continue
        said.add(message.parts)
        where = _group_for(message, found, groups, folder)
        yield (
            f"{message.path}:{message.line}: a message that no page explains. Fill this in, and add it to "
            f"{where.relative_to(ROOT) if where.is_relative_to(ROOT) else where} (or where it belongs better):\n"
            f"{skeleton(message)}"
        )


def skeleton(message: FoundMessage) -> str:
    """Return an entry to be filled in: the words in braces may be changed, the others are the code's."""
    folded = textwrap.fill(
        " ".join(message.pattern.split()), _WIDTH - 6, break_long_words=False, break_on_hyphens=False
    )
    comment = f"  # {message.kind}, {message.path}, {message.function}"
    return f"{comment}\n  - says: >-\n{textwrap.indent(folded, ' ' * 6)}\n    means: >-\n      \n    do: >-\n      "


def _group_for(message: FoundMessage, found: Sequence[FoundMessage], groups: Sequence[Group], folder: Path) -> Path:
    """Return the group of most that the same file says, or the same folder; else that of the message most like it."""
    by_parts = {one.parts: group.path for group in groups for one in group.messages}
    for place in (message.path, f"{Path(message.path).parent}/"):
        said = [one for one in found if one.path.startswith(place) and one.parts in by_parts]
        n = Counter(by_parts[one.parts] for one in said)
        if n:
            return n.most_common(1)[0][0]
    by_words = {one.says: group.path for group in groups for one in group.messages}
    near = difflib.get_close_matches(message.pattern, by_words, n=1, cutoff=0.0)
    return by_words[near[0]] if near else next((group.path for group in groups), folder / "10_messages.yaml")


def _unwritten(groups: Sequence[Group]) -> Iterator[str]:
    for group in groups:
        for one in group.messages:
            if not one.means:
                yield f"{group.path.name}: say what it means: {one.says}"
            if not one.do and not one.says_what_to_do:
                yield f"{group.path.name}: say what to do, as the message does not: {one.says}"


def _stale(found: Sequence[FoundMessage], groups: Sequence[Group], root: Path) -> Iterator[str]:
    said = {one.parts: one.pattern for one in found}
    explained = {one.parts for group in groups for one in group.messages}
    new = {" ".join(pattern.split()) for parts, pattern in said.items() if parts not in explained}
    for group in groups:
        for one in group.messages:
            if one.elsewhere:
                if not _is_said_in(root / one.elsewhere, one):
                    yield f"{group.path.name}: {one.elsewhere} does not say this any more: {one.says}"
            elif one.parts not in said:
                near = difflib.get_close_matches(one.says, new, n=1, cutoff=0.5)
                now = f" It may say now: {near[0]}" if near else " Take it out."
                yield f"{group.path.name}: nothing says this any more: {one.says}{now}"


def _is_said_in(path: Path, one: Explanation) -> bool:
    if not path.is_file():
        return False
    nodes = ast.walk(ast.parse(path.read_text()))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    parts = [part.strip(" .:;,'`(") for part in one.parts]
    return all(any(part in text for text in texts) for part in parts if part)


def _twice(groups: Sequence[Group]) -> Iterator[str]:
    n = Counter(one.parts for group in groups for one in group.messages)
    for group in groups:
        for one in group.messages:
            if n[one.parts] > 1:
                yield f"{group.path.name}: explained more than once: {one.says}"


def _unlisted(passed: Sequence[PassedOn], known: Sequence[str]) -> Iterator[str]:
    found = {f"{one.path}: {one.code}": one for one in passed}
    for name, one in found.items():
        if name not in known:
            yield (
                f"{one.path}:{one.line}: a message whose words come from elsewhere. See that they are found where they "
                f"are made (tools/operator_messages/spoken.py says where the rig speaks), then add to "
                f"explained/{PASSED_ON_NAME}:\n- {_quoted(name)}"
            )
    for name in known:
        if name not in found:
            yield f"{PASSED_ON_NAME}: the code does not say this any more, take it out: {name}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
