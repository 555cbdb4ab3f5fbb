"""Reading the header of gaze.bin."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.day.gaze.layout import HEADER_BYTES, GazeHeader
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
