"""What a session that was shown was made from, where that was made again since: told in the report and by `status`."""

from __future__ import annotations

from typing import Final

from closedloop.artifacts.amended.kept import of_folder, outputs_of
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.records.sequence import Block, block_of_folder
from closedloop.artifacts.study import StudyPaths

_BEFORE: Final = ("plan", "synthesize", "schedule")
_NAMES: Final = {
    "ingest": "responses",
    "refit": "model",
    "evaluate": "evaluation",
    "queue": "queue of images",
}


def made_from_older(paths: StudyPaths, day: int) -> tuple[str, ...]:
    """Return the folders, by their paths in the study, that a day's session was made from and that are others now.

    Parameters
    ----------
    paths
        The study.
    day
        Whose session; one whose session is not made has none.
    """
    older: list[str] = []
    for stage in _BEFORE:
        folder = paths.folder(stage, day)
        if not (folder / MANIFEST_NAME).is_file():
            continue
        inputs = read_manifest(folder).inputs
        for name in sorted({name.rpartition("/")[0] for name in inputs}):
            place = paths.root / name
            if (place / MANIFEST_NAME).is_file():
                now = outputs_of(paths, place, read_manifest(place))
                if of_folder(inputs, name) != now and name not in older:
                    older.append(name)
    return tuple(older)


def said_of_older(session: Block, folders: tuple[str, ...]) -> str:
    """Return in a sentence what a shown session was made from; empty where that is what is there now.

    Parameters
    ----------
    session
        Which.
    folders
        Of `made_from_older`.
    """
    if not folders:
        return ""
    what = [_named(folder) for folder in folders]
    were, them = ("it was", "it") if len(what) == 1 else ("they were", "them")
    return (
        f"The session of {session.said} stands as it was shown: it was made with {' and '.join(what)} as {were} before "
        f"a decision had {them} made again."
    )


def _named(folder: str) -> str:
    name, _, stage = folder.partition("/")
    session = block_of_folder(name)
    return f"the {_NAMES.get(stage, stage)} of {session.said if session else name}"
