"""What of a fragment changed since a page got it: a second's news of a session is three lines of a hundred."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import Final, NamedTuple

LINES_OF: Final = "lines-of-"  # a panel's name: the event whose data are changes of its fragment

_MOST_LINES: Final = 300  # compared with each other: milliseconds


class ChangedLines(NamedTuple):
    """Lines that stand in the place of others.

    Attributes
    ----------
    first, end
        The lines before, half open, counted as they were before any change.
    lines
        Those after.
    """

    first: int
    end: int
    lines: tuple[str, ...]


def changes(before: str, after: str) -> tuple[ChangedLines, ...]:
    """Return what makes one text the other, from the first line to the last; page.js puts it together again.

    Looked for is between the beginning and the end that both have, and not at all where that is long: it is once for
    each page, and a panel changes in a few lines or, when a day is evaluated, in most of them.

    Parameters
    ----------
    before, after
        Two fragments of a panel.
    """
    old, new = before.splitlines(), after.splitlines()
    n_same = min(len(old), len(new))
    begin = next((at for at in range(n_same) if old[at] != new[at]), n_same)
    n_tail = next((at for at in range(n_same - begin) if old[-1 - at] != new[-1 - at]), n_same - begin)
    end, new_end = len(old) - n_tail, len(new) - n_tail
    if max(end, new_end) - begin > _MOST_LINES:
        return (ChangedLines(begin, end, tuple(new[begin:new_end])),)
    blocks = SequenceMatcher(None, old[begin:end], new[begin:new_end], autojunk=False).get_opcodes()
    return tuple(
        ChangedLines(begin + first, begin + last, tuple(new[begin + new_first : begin + new_last]))
        for kind, first, last, new_first, new_last in blocks
        if kind != "equal"
    )


def event(name: str, text: str, place: str, *, before: str | None) -> bytes:
    """Return an event of the stream: a panel's fragment, or its changes where these are shorter.

    Parameters
    ----------
    name
        The panel.
    text
        Its fragment of now.
    place
        In the count of changes, for a page that comes back.
    before
        What this stream sent of it last; None for nothing.
    """
    lines = text.splitlines()
    if before is not None:
        told = json.dumps(changes(before, text), ensure_ascii=False, separators=(",", ":"))
        if len(told) < len(text):
            name, lines = f"{LINES_OF}{name}", [told]
    data = "\n".join(f"data: {line}" for line in lines)
    return f"event: {name}\nid: {place}\n{data}\n\n".encode()
