"""What a session folder must hold to be shown: `rig check` says it beforehand, `rig present` refuses without it."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

from closedloop.artifacts import catalog
from closedloop.artifacts.day.session_fitness import misfits_of
from closedloop.artifacts.naming import stimulus_id
from closedloop.errors import SessionError, StorageError
from closedloop.storage import storage_errors
from rig.session.folder import SESSION_NAME, Session

JOURNAL_NAME = catalog.JOURNAL.name

_ROW_BYTES = 640  # a presentation's two lines in the journal, with their share of the trial's
_SPARE = 3.0  # journal rows for each planned presentation, breaks and requeued presentations included


def refuse_misfits(session: Session, check: Literal["layout", "duration"]) -> None:
    """Refuse settings that exclude each other.

    Raises
    ------
    SessionError
        Some do.
    """
    for misfit in misfits_of(session.document):
        if misfit.check == check:
            raise SessionError(f"{session.folder / SESSION_NAME}: {misfit.fault}. {misfit.remedy}")


def check_images(session: Session) -> str:
    """Compare every image with the name that the plan knows it by; return how many there are, in words.

    Raises
    ------
    SessionError
        One is another.
    """
    promised = {planned.image_index: planned.stimulus_id for planned in session.planned}
    wrong = [index for index, name in promised.items() if stimulus_id(session.images[index]) != name]
    if wrong:
        raise SessionError(
            f"{session.folder}: expected the images of their stimulus_id, found {len(wrong)} of {len(promised)} images "
            f"are not those of their stimulus_id (first: image {wrong[0]}). Run the schedule stage again and copy the "
            "whole folder."
        )
    return f"{len(promised)} images have the pixels of their stimulus_id"


def journal_bytes(session: Session) -> float:
    """Return how much room a session's journal may take."""
    return len(session.planned) * _SPARE * _ROW_BYTES


def check_writable(out: Path) -> Path:
    """Write into the folder that a journal would go to, or into the one it would be made in; leave nothing.

    Returns
    -------
    Path
        The folder that was tried.

    Raises
    ------
    StorageError
        It takes no file.
    """
    place = next(parent for parent in (out, *out.absolute().parents) if parent.exists())
    with storage_errors(place):
        try:
            with TemporaryFile(dir=place) as file:
                file.write(b"rig")
        except FileNotFoundError as error:  # /proc and the like
            raise StorageError(
                f"{place}: expected a folder that takes new files, found one that does not. Choose another --out."
            ) from error
    journal = out / JOURNAL_NAME
    if journal.exists() and not os.access(journal, os.W_OK):
        raise StorageError(
            f"{journal}: expected a journal that can be gone on with, found one that is read-only. "
            "Give yourself the right to write it, or choose another --out."
        )
    return place
