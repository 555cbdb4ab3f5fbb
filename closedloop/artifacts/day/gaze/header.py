"""Whose gaze a file holds, and whether it goes on to its end, seen from its ends."""

from __future__ import annotations

import math
from pathlib import Path

from closedloop.artifacts.day.gaze.layout import ENDS, HEADER_BYTES, RECORD, GazeHeader
from closedloop.artifacts.documents import refuse_newer, validate
from closedloop.errors import DocumentError
from closedloop.plain_text.json_text import parse_json
from closedloop.storage import open_to_read

REMEDY = "Copy it again; if it is damaged for good, move it out of the folder: the session stands without it."


def read_header(path: Path) -> GazeHeader:
    """Read whose gaze a file holds.

    Raises
    ------
    DocumentError
        It is no file of gaze samples, or of a newer version.
    StorageError
        It may not be read, or the disk fails.
    """
    with open_to_read(path) as file:
        head = file.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES or not head.startswith(b"{") or not head.endswith(b"\n"):
        raise DocumentError(f"{path}: expected gaze samples of the rig, found another file. {REMEDY}")
    content = parse_json(head, place=str(path))
    refuse_newer(path, content)
    return validate(GazeHeader, content, place=str(path))


def is_ended(path: Path) -> bool:
    """Return whether a file goes on to the end of a launch's samples: the rig writes that before the session's end."""
    with open_to_read(path) as file:
        n_bytes = file.seek(0, 2)
        if n_bytes < HEADER_BYTES + RECORD.size or (n_bytes - HEADER_BYTES) % RECORD.size:
            return False
        file.seek(-RECORD.size, 2)
        time_s, _launch, what = RECORD.unpack(file.read(RECORD.size))
    return math.isnan(time_s) and what == ENDS
