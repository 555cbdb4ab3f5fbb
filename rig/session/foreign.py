"""Whether OUT holds another session's journal: asked first, before anything is opened or written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal_rows import LaunchOpened
from closedloop.artifacts.records.chain import read_chain
from closedloop.errors import DocumentError, SessionError
from closedloop.plain_text.json_text import parse_json
from closedloop.storage import open_to_read, resolved
from rig.session.folder import Session, plan_sha256

JOURNAL_NAME = catalog.JOURNAL.name
SUMMARY_NAME = catalog.SUMMARY.name

_MOST_LINE_BYTES = 1 << 16
_SHOWN = 12  # digits of a hash


def refuse_foreign_out(session: Session, out: Path) -> None:
    """Refuse a folder that holds what the rig left of another session; what is no journal at all is refused later.

    Parameters
    ----------
    session
        What is to be shown.
    out
        Where its journal is to go.

    Raises
    ------
    SessionError
        It holds the journal of another session, or a summary whose journal is gone; or it is in the session's folder.
    StorageError
        The journal may not be read.
    """
    journal, summary = out / JOURNAL_NAME, out / SUMMARY_NAME
    first = _first_launch(journal)
    if first is not None:
        refuse_foreign_launches(session, [first], journal)
    elif resolved(out).is_relative_to(resolved(session.folder)):  # which is sealed, and copied from rig to rig
        raise SessionError(
            f"{out}: expected a folder apart from the session's, found one in {session.folder}. Choose another --out."
        )
    elif summary.exists() and not journal.exists():
        raise SessionError(
            f"{out}: expected a journal, or nothing of a session, found {SUMMARY_NAME} without its journal. "
            "Bring the journal back, or choose another --out."
        )


def refuse_foreign_launches(session: Session, launches: Iterable[LaunchOpened], journal: Path) -> None:
    """Refuse launches of another session: by the plan's hash where they name it, else by the session's name.

    A screen shows one plan. A dry run's schedule may have been made again, to the same plan, as a loop went on after a
    kill: there, whether the rows agree with the plan is asked of each.

    Parameters
    ----------
    session
        What is to be shown.
    launches
        Of the journal.
    journal
        Its file.

    Raises
    ------
    SessionError
        One is of another.
    """
    expected = plan_sha256(session.folder)
    for launch in launches:
        if launch.session_id != session.document.session_id:
            raise SessionError(
                f"{journal}: expected the journal of {session.document.session_id}, found that of "
                f"{launch.session_id}. Choose another --out."
            )
        found = launch.plan_sha256
        if found is not None and found != expected and launch.clock == "real":
            raise SessionError(
                f"{journal}: expected a journal of the plan {expected[:_SHOWN]} ({session.folder}), found one of the "
                f"plan {found[:_SHOWN]} under the same name. Give the session folder that it was begun with, or "
                "choose another --out."
            )


def _first_launch(path: Path) -> LaunchOpened | None:
    """Return the first row of a journal, where it is a launch; the whole journal takes seconds to read."""
    if not path.is_file():
        return None
    with open_to_read(path) as file:
        line = file.readline(_MOST_LINE_BYTES)
    try:
        [body] = read_chain([line.rstrip(b"\n")], place=str(path)).bodies
        return LaunchOpened.model_validate(parse_json(body, place=str(path)))
    except (DocumentError, ValueError):
        return None  # an empty or a damaged one: whoever reads all of it says which line
