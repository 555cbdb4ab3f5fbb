"""How a journal is spoiled: its rows, with checks that fit them again, or its text."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from closedloop.artifacts.records.chain import CHAIN_START, chain_line
from tools.fuzz.text_mutations import spoil_text, spoil_value


def spoil_journal(content: bytes, random: Random) -> bytes:
    """Change rows and chain them anew, as whoever edits a journal and its checks would; or change the text alone."""
    try:
        rows = [json.loads(line) for line in content.splitlines()]
    except ValueError:
        rows = []
    if not rows or random.random() < 0.4:
        return spoil_text(content, random)
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(len(rows))
        match random.randrange(6):
            case 0:
                rows[place:place] = [rows[random.randrange(len(rows))]] * random.choice((1, 2, 40))
            case 1 if len(rows) > 1:
                del rows[place]
            case _:
                rows[place] = spoil_value(rows[place], random)
    lines, end = [], CHAIN_START
    for row in rows:
        line, end = chain_line(json.dumps(_body(row), separators=(",", ":")).encode(), end)
        lines.append(line)
    return b"".join(lines)


def _body(row: Any) -> Any:
    return {key: row[key] for key in row if key not in ("line", "check")} if isinstance(row, dict) else row
