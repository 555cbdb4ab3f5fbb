"""docs/decisions/index.md: the decisions in order, each with its date and status, read from the records themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs" / "decisions"
_FORM = re.compile(
    r"# (?P<title>.+)\n\n- Date: (?P<date>\d{4}-\d{2}-\d{2})\n"
    r"- Status: (?P<status>accepted|superseded by \d{4}|proposed)\n\n"
)
_OPENING = """# Decisions

What someone could later want to undo, with the reasons and the numbers of the day it was decided. The reasons are not
rewritten when the house changes (a newer record supersedes an old one); only the paths follow the files.

| | decision | date | status |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Decision:
    """The head of one record."""

    file: str
    title: str
    date: str
    status: str


def read_decision(path: Path) -> Decision:
    """Return the title, date and status of a record; one without them is a ValueError that shows the form."""
    head = _FORM.match(path.read_text())
    if head is None:
        raise ValueError(f"{path}: expected '# TITLE', an empty line, '- Date: YYYY-MM-DD' and '- Status: accepted'")
    return Decision(file=path.name, **head.groupdict())


def write_decision_index() -> str:
    """Return the text of docs/decisions/index.md."""
    decisions = [read_decision(path) for path in sorted(FOLDER.glob("[0-9]*.md"))]
    rows = [
        f"| {decision.file[:4]} | [{decision.title}]({decision.file}) | {decision.date} | {decision.status} |"
        for decision in decisions
    ]
    return _OPENING + "\n".join(rows) + "\n"
