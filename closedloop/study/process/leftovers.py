"""What a killed process left beside the stages' folders, removed when the next loop begins."""

from __future__ import annotations

import os
import re
from pathlib import Path

from closedloop.artifacts.study import GATES_FOLDER, REPLACED, StudyPaths
from closedloop.storage import remove_file, remove_folder

_HALF_WRITTEN = re.compile(r"\..+\.(\d+)\.tmp")  # what `storage.atomic_file` calls a file until it is whole
_OURS = re.compile(r"\..+\.(retired|progress\.json|progress\.json\.tmp)")


def is_leftover(path: Path) -> bool:
    """Return whether a name is one that only a killed process leaves: of a half-written file, say."""
    half = _HALF_WRITTEN.fullmatch(path.name)
    return not _runs(int(half[1])) if half else bool(_OURS.fullmatch(path.name))


def sweep_leftovers(paths: StudyPaths) -> None:
    """Remove what was left in a study's folder, its days', its gates' and its report's; nobody else works on it now."""
    for copying in paths.root.glob(f"day-*/{REPLACED}/.*.partial"):
        remove_folder(copying)
    gates = paths.root.glob(f"day-*/{GATES_FOLDER}")
    for folder in (paths.root, paths.report, *paths.root.glob("day-*"), *gates):
        for path in sorted(folder.glob(".*")) if folder.is_dir() else ():
            if is_leftover(path):
                remove_folder(path) if path.is_dir() else remove_file(path)


def _runs(process: int) -> bool:
    """Return whether a process of that number runs here: `closedloop report` writes pages without the study's lock."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
