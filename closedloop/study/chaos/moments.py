"""The moment of an event: how far the loop is in a stage, how much of a session was shown."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.records.chaos import ChaosEvent
from closedloop.artifacts.study import StudyPaths
from closedloop.storage import read_bytes


@dataclass
class StageReached:
    """Whether the loop is as far in a stage as the event has it; where it was faster, at once.

    Attributes
    ----------
    at_once
        Whether it is as soon as the stage begins.
    """

    paths: StudyPaths
    undisturbed: StudyPaths
    event: ChaosEvent
    at_once: bool = False
    since: float | None = None

    def is_due(self) -> bool:
        """Return whether it is; asked again and again as the loop works."""
        stage, day = self.event.stage, self.event.day
        if (self.paths.folder(stage, day) / MANIFEST_NAME).is_file():
            return True
        if self.since is None:
            if not self.paths.working(stage, day).is_dir():
                return False
            self.since = time.monotonic()
        if self.at_once:
            return True
        seconds = read_manifest(self.undisturbed.folder(stage, day)).seconds
        return time.monotonic() - self.since > self.event.amount * seconds


@dataclass
class JournalReached:
    """Whether a journal tells of so many presentations; of one more than before, where it had them before."""

    journal: Path
    n: int

    def at_least_one_more(self) -> None:
        """Ask for one presentation more than there are by now, where that is more."""
        self.n = max(self.n, self._count() + 1)

    def is_reached(self) -> bool:
        """Return whether it tells of so many by now."""
        return self._count() >= self.n

    def _count(self) -> int:
        return read_bytes(self.journal).count(b'"event":"presentation",') if self.journal.is_file() else 0
