"""One thing that happened to a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import START_DAY

StoryKind = Literal["made", "stage", "stale", "failed", "gate", "decision"]


@dataclass(frozen=True)
class StoryEntry:
    """One thing that happened.

    Attributes
    ----------
    utc
        When, ISO 8601, to the second; empty where nobody knows.
    day
        The recording day; -1 for the study's start, None for the whole study.
    what
        In a few words.
    who
        Who decided; empty where nobody did.
    why
        As it was given, or what was found.
    details
        Numbers, a line each.
    line
        Of the amendments, from 1; None where it is no decision.
    block
        Which of the day's sessions.
    """

    utc: str
    kind: StoryKind
    day: int | None
    what: str
    who: str = ""
    why: str = ""
    details: tuple[str, ...] = ()
    line: int | None = None
    block: int = 1

    @property
    def day_name(self) -> str:
        """Which day it is about."""
        if self.day is None:
            return "study"
        return "start" if self.day == START_DAY else Block(self.day, self.block).said

    @property
    def sentence(self) -> str:
        """What happened, in one line without when and which day."""
        subject = f"line {self.line}: {self.who} " if self.line else ""
        why = f" ({self.why})" if self.why else ""
        numbers = f": {'; '.join(self.details)}" if self.details else ""
        return f"{subject}{self.what}{numbers}{why}"
