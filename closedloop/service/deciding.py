"""What people decide on the page, done: a line in the study's amendments, or another try of its loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from closedloop.artifacts.study import StudyPaths
from closedloop.errors import StudyError
from closedloop.service.supervisor import Supervisor


@dataclass(frozen=True)
class LoopControl:
    """The page's port to the loops.

    Attributes
    ----------
    supervisor
        Who keeps them running.
    names
        Of the studies, by their folder.
    """

    supervisor: Supervisor
    names: Mapping[StudyPaths, str]

    def approve(self, paths: StudyPaths, *, day: int, gate: str, by: str, reason: str) -> str:
        """Let a day go on. See `Control.approve`."""
        raise StudyError(f"{paths.root}: expected a gate named {gate} on day {day}, found none.")

    def hold(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        """Have nothing shown. See `Control.hold`."""
        raise StudyError(f"{paths.root}: not yet ({by}, {reason}).")

    def release(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        """End a hold. See `Control.release`."""
        raise StudyError(f"{paths.root}: not yet ({by}, {reason}).")

    def retry(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        """Have the loop look again. See `Control.retry`."""
        name = self.names[paths]
        self.supervisor.retry(name)
        self.supervisor.say(f"{name}: {by} asks for another try ({reason})")
        return f"{name}: its loop looks again now."
