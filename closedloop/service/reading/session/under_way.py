"""Whether a session is being shown, and how far it is: what the page says first of a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.catalog import SESSION
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.service.reading.session.places import current_session, look_at_journal
from closedloop.service.unchanged import while_unchanged


@dataclass(frozen=True)
class SessionUnderWay:
    """A session that was begun and is not complete.

    Attributes
    ----------
    session
        Which.
    doing
        What the rig does, by the journal: showing, paused, stopped.
    n_accepted, n_planned
        Presentations that count, and that are to; None where the session's plan cannot be read.
    """

    session: Block
    doing: str
    n_accepted: int
    n_planned: int | None

    @property
    def part(self) -> float | None:
        """How far it is, 0 to 1."""
        return min(self.n_accepted / self.n_planned, 1.0) if self.n_planned else None

    @property
    def line(self) -> str:
        """What a person is told."""
        of = "" if self.n_planned is None else f" of {self.n_planned:,}"
        said = f"{self.n_accepted:,}{of} presentations are accepted"
        if self.doing == "stopped":
            return f"The rig stopped; {said}. Launch it again with the same command to show the rest."
        paused = "; the rig is paused" if self.doing == "paused" else ""
        return f"{said}{paused}. It is taken over once the rig's `summary.json` is here as well."


def session_under_way(paths: StudyPaths) -> SessionUnderWay | None:
    """Return the session that is being shown; None where none is, or where its journal cannot be read."""
    place = current_session(paths)
    if place is None or place.journal is None:
        return None
    try:
        counts = look_at_journal(place.journal).counts
        if counts.doing not in ("showing", "paused", "stopped"):
            return None
        return SessionUnderWay(place.session, counts.doing, counts.n_accepted, _n_planned(paths, place.session))
    except (ClosedLoopError, OSError):  # the session's panel says it
        return None


def _n_planned(paths: StudyPaths, session: Block) -> int | None:
    try:
        return _read_n_planned(SESSION.published(paths.at(session), session.day))
    except (ClosedLoopError, OSError):
        return None


@while_unchanged()
def _read_n_planned(path: Path) -> int:
    return SESSION.read(path).n_presentations
