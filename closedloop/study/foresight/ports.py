"""What the table of stages asks of whoever looks ahead."""

from __future__ import annotations

from typing import Protocol as Port

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.execution.workers import Workers


class SaysDuration(Port):
    """Who says how long attacks take."""

    def __call__(self, paths: StudyPaths, protocol: Protocol, workers: Workers | None, *, day: int) -> str:
        """See `study.foresight.duration`."""


class SaysWait(Port):
    """Who says how long an animal waits between the rounds of a day."""

    def __call__(self, paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, day: int) -> str:
        """See `study.foresight.waits`."""


class Foresight(Port):
    """Who looks ahead."""

    def __call__(self, paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, day: int, n_days: int) -> None:
        """See `study.foresight.before`."""
