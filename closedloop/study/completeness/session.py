"""What is missing of a session's output that is being brought from the rig, seen without reading all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from closedloop.artifacts.catalog import GAZE, JOURNAL, SUMMARY
from closedloop.artifacts.day.gaze.header import is_ended
from closedloop.errors import ClosedLoopError, DocumentError
from closedloop.plain_text.json_text import parse_json, read_json
from closedloop.storage import open_to_read
from closedloop.study.completeness.looks import SeenFile

_TAIL_BYTES = 4096


def missing_in_session(
    folder: Path, files: Sequence[SeenFile], *, is_closed: Callable[[Path], bool] = lambda _journal: False
) -> str:
    """Return in a few words what is not there yet; empty where all is whole, the gaze if there is any.

    Parameters
    ----------
    folder
        Where the session's output is put.
    files
        What lies there.
    is_closed
        Whether somebody decided that a journal is all there is, though it has no end: asked of one that has none.
    """
    names = {file.name for file in files}
    for file in (JOURNAL, SUMMARY):
        if file.name not in names:
            return f"{file.name} is not there"
    if _document(folder / SUMMARY.name) is None:
        return f"{SUMMARY.name} is not whole"
    fault = _unfinished(folder / JOURNAL.name)
    if fault and is_closed(folder / JOURNAL.name):
        return ""
    if fault or GAZE.name not in names or is_ended(folder / GAZE.name):
        return fault
    return f"{GAZE.name} does not go on to the session's end (without it the session stands as well)"


def lacks_end(folder: Path) -> bool:
    """Return whether a journal is there that stops before the session's end, as where its rig was killed."""
    journal = folder / JOURNAL.name
    return journal.is_file() and bool(_unfinished(journal))


def _document(path: Path) -> Any:
    try:
        return read_json(path, missing="expected a file, found none.")
    except ClosedLoopError:
        return None


def _unfinished(journal: Path) -> str:
    """Look at the journal's last line: the rig writes the session's end there, whole, and nothing after it."""
    with open_to_read(journal) as file:
        size = file.seek(0, 2)
        file.seek(max(size - _TAIL_BYTES, 0))
        tail = file.read()
    if not tail.endswith(b"\n"):
        return f"{journal.name} ends within a line"
    try:
        event = parse_json(tail.rstrip(b"\n").rpartition(b"\n")[2], place=str(journal))["event"]
    except (DocumentError, KeyError, TypeError):
        return f"{journal.name} is not whole"
    return "" if event == "session_ended" else f"{journal.name} does not go on to the session's end"
