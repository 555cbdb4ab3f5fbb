"""How long a study's stage has not moved, by a clock that stands still where the whole machine does.

The notes of a stage bear the time of day, which jumps when a machine wakes up or its clock is set: a loop must not be
ended for that. So the service counts for how long it has itself seen the same note.
"""

from __future__ import annotations

from dataclasses import dataclass

from closedloop.artifacts.study import StudyPaths
from closedloop.errors import DocumentError
from closedloop.plain_text.json_text import read_json
from closedloop.study.process.notes import NOTE_ENDING, ProgressNote


def moving_note(paths: StudyPaths) -> ProgressNote | None:
    """Return the note of the stage that moved last; None where no stage is at work."""
    found: list[ProgressNote] = []
    for folder in (paths.root, *paths.root.glob("day-*")):
        for file in folder.glob(f".*{NOTE_ENDING}"):
            try:
                held = read_json(file, missing="expected a note, found none.")
                found.append(ProgressNote(**held))
            except (DocumentError, TypeError):  # removed in this moment, or another's
                continue
    return max(found, key=lambda note: note.moved, default=None)


@dataclass
class Stillness:
    """What was last seen of a stage, and since when.

    Attributes
    ----------
    seen
        The note.
    since
        When it was first seen like this, seconds of a clock that never jumps.
    """

    seen: ProgressNote | None = None
    since: float = 0.0

    def look(self, note: ProgressNote | None, now: float) -> float:
        """Return for how many seconds the stage has not moved; 0 where none is at work."""
        if note is None or note != self.seen:
            self.seen, self.since = note, now
        return now - self.since
