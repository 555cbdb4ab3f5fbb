"""What the rig and the recorder leave of a session, read together: the journal, alignment, detection."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.day.doubts import doubts_of, unvouched
from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.simulation.sessions import MadeSession, make_session
from tools.fuzz.reader import Reader
from tools.fuzz.readers.journals import spoil_journal

_SHORT_S = 4.0


def _nothing(_done: int, _total: int) -> None:
    pass


def make_journals(folder: Path) -> None:
    """Write journals of short simulated sessions."""
    own = folder / "made"
    make_session(own, MadeSession(seconds=_SHORT_S, n_channels=1), progress=_nothing)
    (own / "journal.jsonl").rename(folder / "journal.jsonl")
    for path in own.iterdir():
        path.unlink()
    own.rmdir()


def read_journal_file(file: Path) -> None:
    """Read and check a journal, and say what it does not vouch for."""
    journal = read_journal(file)
    check_journal(journal, file)
    doubts_of(journal)
    unvouched(journal)


READERS = (Reader("journal", make_journals, read_journal_file, {"*": spoil_journal}, share=2),)
