"""Pictures of what is shown: rows of a session's images.npy as PNG, pixel for pixel."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from closedloop.artifacts.catalog import SESSION_IMAGES
from closedloop.artifacts.files.session_images import read_session_images
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import DocumentError
from closedloop.service.unchanged import FileState, file_state
from closedloop.stimuli.encoding import png

_KEY: Final = re.compile(r"(?P<day>[0-9]{1,3})(\.(?P<number>[0-9]{1,2}))?-(?P<image>[0-9]{1,7})")
_MOST_KNOWN: Final = 96  # pictures, of 224 px: 15 MB


def picture_key(session: Block, image: int) -> str:
    """Return what a page calls an image: its day and session, and its row of the session's images."""
    return f"{session.seed_name}-{image}"


def session_picture(paths: StudyPaths, key: str) -> bytes | None:
    """Return an image of a day's session as PNG; None where the key is none, or there is no such image.

    Parameters
    ----------
    paths
        The study.
    key
        As `picture_key` returns it: two numbers, never a path.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    session = Block(int(found["day"]), int(found["number"] or 1))
    path = SESSION_IMAGES.published(paths.at(session), session.day)
    try:
        return _picture(path, file_state(path), int(found["image"]))
    except (OSError, DocumentError):
        return None


@lru_cache(maxsize=_MOST_KNOWN)
def _picture(path: Path, _state: FileState, image: int) -> bytes:
    return png(read_session_images(path, [image])[0])
