"""How a session and its file are called, as DANDI wants it: letters, digits and hyphens, `sub-` and `ses-`."""

from __future__ import annotations

import re
import uuid
from typing import Any

from closedloop.exchange.nwb.session import ExportedSession

_OTHER = re.compile(r"[^A-Za-z0-9]+")
_NAMESPACE = uuid.UUID("0c8d3b54-6a1c-5c6e-9f0f-3f6f2f5b7b11")  # of the files' objects: any, always the same


def plain(name: str) -> str:
    """Return a name of letters, digits and hyphens alone."""
    return _OTHER.sub("-", name).strip("-") or "unnamed"


def session_id(session: ExportedSession) -> str:
    """Return the session's name: study, day, and the number of a day's further session."""
    return plain(session.document.session_id)


def subject_id(session: ExportedSession) -> str:
    """Return the animal's name."""
    return plain(session.metadata.animal.subject_id)


def file_name(session: ExportedSession, *, suffix: str) -> str:
    """Return where the file lies in the folder of the export, as DANDI organizes it.

    Parameters
    ----------
    session
        The session.
    suffix
        .nwb or .nwb.zarr.
    """
    subject = subject_id(session)
    return f"sub-{subject}/sub-{subject}_ses-{session_id(session)}_ecephys+image{suffix}"


def place_of(container: Any) -> str:
    """Return where an object lies in its file, by kinds and names."""
    above = place_of(container.parent) if container.parent is not None else ""
    return f"{above}/{type(container).__name__}:{container.name}"


def object_id(identifier: str, place: str) -> str:
    """Return the id of an object of a file: the same whenever the file is made from the same.

    Parameters
    ----------
    identifier
        Of the file.
    place
        Of the object in it.
    """
    return str(uuid.uuid5(_NAMESPACE, f"{identifier}:{place}"))
