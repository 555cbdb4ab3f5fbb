"""Where a session's journal is now: the rig's own in a dry run, the one that came from the rig's computer otherwise."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from closedloop.artifacts.catalog import JOURNAL, SESSION
from closedloop.artifacts.records.sequence import Block, readable_sequence
from closedloop.artifacts.study import REPLACED, StudyPaths
from closedloop.service.reading.session.journal import JournalLook, JournalReader
from closedloop.service.reading.session.kept import ShownOnset

_MOST_READERS: Final = 16

_readers: OrderedDict[Path, JournalReader] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class SessionPlace:
    """The session that is shown, or was shown last.

    Attributes
    ----------
    session
        Which.
    journal
        Its journal; None where none is there yet.
    """

    session: Block
    journal: Path | None

    @property
    def day(self) -> int:
        """Its recording day."""
        return self.session.day


def sessions_of(paths: StudyPaths) -> list[Block]:
    """Return the sessions that have a folder, the latest first; none that people decided not to have."""
    try:
        found = paths.found()
    except OSError:
        return []
    sequence = readable_sequence(paths.root)
    return [block for block in reversed(found) if block in sequence.of_day(block.day)]


def current_session(paths: StudyPaths) -> SessionPlace | None:
    """Return the latest session that has a journal, or is to be shown; None before there is one."""
    for block in sessions_of(paths):
        journal = journal_of(paths.at(block), block.day)
        if journal is not None or SESSION.published(paths.at(block), block.day).is_file():
            return SessionPlace(block, journal)
    return None


def journal_of(paths: StudyPaths, day: int) -> Path | None:
    """Return a day's journal: of a rig at work in a dry run, the day's own, or that of a rig's --out folder beside it.

    Parameters
    ----------
    paths, day
        Whose.
    """
    first = (paths.working(JOURNAL.stage, day) / JOURNAL.name, JOURNAL.published(paths, day))
    try:
        others = sorted(paths.day(day).root.glob(f"*/{JOURNAL.name}"))
    except OSError:
        others = []
    known = (*first, *(path for path in others if path.parent.name != REPLACED))
    return next((path for path in known if path.is_file()), None)


def look_at_journal(path: Path) -> JournalLook:
    """Look at a journal by the one reader that this process has for it."""
    with _lock:
        return _reader(path).look()


def onsets_of_journal(path: Path) -> tuple[ShownOnset, ...]:
    """Return when each image of a journal came on."""
    with _lock:
        reader = _reader(path)
        reader.look()
        return reader.onsets()


def _reader(path: Path) -> JournalReader:
    reader = _readers.setdefault(path, JournalReader(path))
    _readers.move_to_end(path)
    while len(_readers) > _MOST_READERS:
        _readers.popitem(last=False)
    return reader
