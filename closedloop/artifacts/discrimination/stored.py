"""Lines that come from elsewhere are added to an experiment's journals: by the page's server, and from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop.artifacts.discrimination.experiment import OpenExperiment
from closedloop.artifacts.discrimination.journal import (
    IN_A_WINDOW,
    answers_bytes,
    check_belongs,
    check_name,
    merge_rows,
    read_answers,
)
from closedloop.artifacts.discrimination.rows import AnswerRow, SessionLaunched
from closedloop.errors import DocumentError
from closedloop.storage import held_alone, locked, make_folder, write_bytes

Rows = tuple[AnswerRow, ...]


def stored_rows(experiment: OpenExperiment, path: Path) -> Rows:
    """Return a journal's lines; none where there is no file.

    Parameters
    ----------
    experiment
        Whose session it is.
    path
        Of the journal.

    Raises
    ------
    DocumentError
        It is damaged, or has the name of another session.
    """
    rows = read_answers(path).rows if path.is_file() else ()
    check_name(rows, experiment, path)
    return rows


def add_rows(
    experiment: OpenExperiment, path: Path, given: Sequence[AnswerRow], *, place: str, remedy: str = IN_A_WINDOW
) -> tuple[Rows, Rows]:
    """Store what is new of some lines, and return what was stored before and what is now.

    Parameters
    ----------
    experiment
        Whose session they are of.
    path
        Of the session's journal.
    given
        In order; those that are stored already count once.
    place
        What a message begins with.
    remedy
        What to do where two lines have one number.

    Raises
    ------
    DocumentError
        They do not go on with what is stored, are of another experiment, or a rig writes this journal.
    """
    make_folder(path.parent)
    with locked(path.parent / ".lock"), held_alone(path, refusal=DocumentError(_at_the_rig(path))):
        stored = stored_rows(experiment, path)
        merged = merge_rows(stored, given, place=place, remedy=remedy)
        if not merged:
            raise DocumentError(f"{place}: expected lines of a journal, found none. Save them again on the page.")
        check_belongs(merged, experiment, place=place)
        first = merged[0]
        if isinstance(first, SessionLaunched) and experiment.paths.journal(first.subject, first.session) != path:
            raise DocumentError(f"{place}: expected lines of this session, found another's. Reload the page.")
        if merged != stored:
            write_bytes(path, answers_bytes(merged))
    return stored, merged


def _at_the_rig(path: Path) -> str:
    found = "found `rig discriminate` at work on it"
    return f"{path.name}: expected a session that nobody shows, {found}. Wait for it to end."
