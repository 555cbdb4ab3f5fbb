"""docs/operator_messages.md: every message, what it means, what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.operator_messages.checks import checks_by_function, said_by
from tools.operator_messages.explained import Explanation, Group, read_groups
from tools.operator_messages.found import ROOT, FoundMessage, find_messages
from tools.operator_messages.patterns import HOLE, literal_parts

_OPENING = """# What the rig says, and what to do

Generated from the program and `tools/operator_messages/explained/`; a test compares the two: no message is missing.
[For the rig operator](operator.md) is the day around them.

**To find one**, search this page (Ctrl-F) for a few words of it that are no number and no name. What is filled in
stands here *in italics*, or in CAPITALS within a command. Every message is one line: *where: expected ..., found ... .
What to do.* Where that last sentence says all, nothing is added below it.

- **FAIL**: must be mended; `rig present` refuses. **WARN**: yours to judge. Beside it, the name of the check.
- **error**: the command ended by it, with exit code 1; or a device failed, and the session is paused.
- **pause**, **window**, **line**, **answer**: a reason why nothing is shown; large letters of the operator's window; a
  line in the terminal; what `rig tell` or a key brings.

"""
_ODD = re.compile(r"[^a-z0-9]+")
_SPECIAL = re.compile(r"([*_\[\]<>|#])")
_OWN_BRACES = re.compile(r"([\w-]*(?:\{\{\w+\}\}[\w-]*)+)")
_KINDS = ("FAIL", "FAIL (WARN without an animal)", "WARN", "FAIL or WARN", "error", "pause", "window", "line", "answer")


def write_operator_messages() -> str:
    """Return the text of docs/operator_messages.md."""
    groups = read_groups()
    contents = " ·\n".join(f"[{group.title.replace('`', '')}](#{group.anchor})" for group in groups)
    said = _Said()
    return _OPENING + contents + "\n" + "".join(_section(group, said) for group in groups)


class _Said:
    """How the operator meets each message, and which checks say it."""

    def __init__(self) -> None:
        found, _ = find_messages(ROOT)
        self._checks = checks_by_function(ROOT)
        self._by_parts: dict[tuple[str, ...], list[FoundMessage]] = {}
        for message in found:
            self._by_parts.setdefault(message.parts, []).append(message)
        self._anchors: set[str] = set()

    def label(self, one: Explanation) -> str:
        """Return how it is met, and by which check."""
        found = self._by_parts.get(one.parts, [])
        kinds = sorted({message.kind for message in found}, key=_KINDS.index) or ["error"]
        checks = list(dict.fromkeys(name for message in found for name in said_by(message, self._checks)))
        is_of_check = bool(checks) and kinds == ["error"]  # an error in a check is a FAIL of it
        words = "FAIL" if is_of_check else ", ".join(kinds)
        return " ".join([f"**{words}**", *(f"`{name}`" for name in checks)])

    def anchor(self, one: Explanation) -> str:
        """Return an address on the page that no other message has."""
        words = slug(" ".join(literal_parts(one.says)))[:60].strip("-")
        name = next(name for name in _numbered(f"says-{words}") if name not in self._anchors)
        self._anchors.add(name)
        return name


def _numbered(name: str) -> Sequence[str]:
    return [name, *(f"{name}-{number}" for number in range(2, 100))]


def slug(text: str) -> str:
    """Return words as an address has them."""
    return _ODD.sub("-", text.replace("'", "").lower()).strip("-")


def _section(group: Group, said: _Said) -> str:
    entries = "".join(_entry(one, said) for one in group.messages)
    return f"\n## {group.title} {{ #{group.anchor} }}\n\n{group.about}\n\n{entries}"


def _entry(one: Explanation, said: _Said) -> str:
    todo = f" **Do:** {one.do}" if one.do else ""
    anchor = said.anchor(one)
    return f"{shown(one.says)}\n{{: #{anchor} .message }}\n\n{said.label(one)} · {one.means}{todo}\n{{: .meaning }}\n\n"


def shown(says: str) -> str:
    """Return a message as the page has it: what is filled in in italics, within a command in capitals.

    Examples
    --------
    >>> shown("{path}: found none. Run `rig tell {session}`.")
    '*path*: found none. Run `rig tell SESSION`.'
    >>> shown("expected a name with {{launch}}, found {file}. Start from {{session}}_launch-{{launch}}")
    'expected a name with `{launch}`, found *file*. Start from `{session}_launch-{launch}`'
    """
    parts = says.split("`")
    texts = [_code(part) if place % 2 else _text(part) for place, part in enumerate(parts)]
    return "`".join(texts)


def _code(text: str) -> str:
    return HOLE.sub(lambda hole: hole[1].upper().replace(" ", "_"), text)


def _text(text: str) -> str:
    pieces = HOLE.split(text)
    return "".join(f"*{piece}*" if place % 2 else _own(piece) for place, piece in enumerate(pieces))


def _own(text: str) -> str:
    """Return a message's own words; what stands in braces in a file is shown as it is written there."""
    pieces = _OWN_BRACES.split(text)
    return "".join(
        f"`{piece.replace('{{', '{').replace('}}', '}')}`" if place % 2 else _SPECIAL.sub(r"\\\1", piece)
        for place, piece in enumerate(pieces)
    )
