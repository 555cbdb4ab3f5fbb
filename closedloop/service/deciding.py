"""What people decide on the page, done: a line in the study's amendments, or another try of its loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from closedloop.artifacts.gates.held import PERSON
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.study.gates.decisions import approve, hold
from closedloop.study.loop import read_identity


@dataclass(frozen=True)
class LoopControl:
    """The page's port to the loops.

    Attributes
    ----------
    names
        Of the studies, by their folder.
    retry_now
        Has a study's loop look again, by the study's name.
    say
        Told in one line what was decided.
    """

    names: Mapping[StudyPaths, str]
    retry_now: Callable[[str], None]
    say: Callable[[str], None]

    def approve(self, paths: StudyPaths, *, session: Block, gate: str, found: str, by: str, reason: str) -> str:
        """Let a session go on over what a gate found. See `Control.approve`."""
        approve(
            paths, *read_identity(paths), gate, by=by, reason=reason, day=session.day, block=session.number, found=found
        )
        return self._decided(paths, f"{by} approves {gate} of {session.said}: {reason}")

    def hold(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        """Have nothing shown until it is released. See `Control.hold`."""
        block = hold(paths, *read_identity(paths), by=by, reason=reason)
        return self._decided(paths, f"{by} holds it from {block.said} on: {reason}")

    def release(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        """End a person's own hold. See `Control.release`."""
        approve(paths, *read_identity(paths), PERSON, by=by, reason=reason)
        return self._decided(paths, f"{by} releases it: {reason}")

    def retry(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        """Have a loop that failed look again now. See `Control.retry`."""
        self.retry_now(self.names[paths])
        return self._decided(paths, f"{by} asks for another try: {reason}")

    def _decided(self, paths: StudyPaths, said: str) -> str:
        line = f"{self.names[paths]}: {said}"
        self.say(line)  # a loop that waits reads of it by itself, and one that ended is started when the study changes
        return line
