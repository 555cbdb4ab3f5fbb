"""The table of readers: a row for every kind of file that a command is given.

A reader is added by a row of a module here: who makes sound files, and a function that reads one as the command does.
"""

from __future__ import annotations

from tools.fuzz.reader import Reader
from tools.fuzz.readers import documents, gaze, other_makers, pictures, recordings, sessions, study_files

_ROOMS = (documents, gaze, other_makers, pictures, recordings, sessions, study_files)
READERS: dict[str, Reader] = {reader.name: reader for room in _ROOMS for reader in room.READERS}
