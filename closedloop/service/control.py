"""What the page may ask for: a port, so that the page knows neither the loop nor how a decision is written down."""

from __future__ import annotations

from typing import Protocol as Port

from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths


class Control(Port):
    """Who acts on what a person decided on the page. Each returns one line that says what was done."""

    def approve(self, paths: StudyPaths, *, session: Block, gate: str, found: str, by: str, reason: str) -> str:
        """Let a session go on over what a gate found.

        Parameters
        ----------
        paths
            The study.
        session, gate
            Whose finding it is.
        found
            What it found, in the words that the person read: it may find another thing by now.
        by, reason
            The person, and why.

        Raises
        ------
        ClosedLoopError
            There is no such finding, or it is another one by now.
        """

    def hold(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        """Have nothing shown until it is released.

        Parameters
        ----------
        paths
            The study.
        by, reason
            The person, and why.

        Raises
        ------
        ClosedLoopError
            It is held already, or the decision cannot be written.
        """

    def release(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        """End a person's own hold.

        Parameters
        ----------
        paths
            The study.
        by, reason
            The person, and why.

        Raises
        ------
        ClosedLoopError
            Nobody holds it, or the decision cannot be written.
        """

    def retry(self, paths: StudyPaths, *, by: str, reason: str) -> str:
        """Have a loop that failed, or that waits, look again now.

        Parameters
        ----------
        paths
            The study.
        by, reason
            The person, and why.

        Raises
        ------
        ClosedLoopError
            It cannot be started.
        """
