"""Where a study writes, it writes into itself: a link in the place of a folder of its own would lead elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from closedloop.artifacts.study import GATES_FOLDER, IMPORTED, INPUTS, REPLACED, STAGES, START, DayPaths, StudyPaths
from closedloop.errors import StudyError


def refuse_links_out(root: Path) -> None:
    """Refuse a study of which something that is written to is a link out of it: files of others would be overwritten.

    Published folders may be links, to another disk: nothing is written into them. So may what a person brings.

    Raises
    ------
    StudyError
        One is.
    """
    home = os.path.realpath(root)
    for path in _written(StudyPaths(root)):
        if not path.is_symlink():
            continue
        target = os.path.realpath(path)
        if os.path.commonpath([home, target]) != home:
            raise StudyError(
                f"{path}: expected a place of the study's own, to write to, found a link to {target}, outside of it. "
                "Move the link away; what it leads to stays as it is."
            )


def _written(paths: StudyPaths) -> Iterator[Path]:
    yield from (paths.report, paths.inputs, paths.imported, paths.amendments, paths.ledger)
    yield from (paths.root / name for name in (".loop.lock", ".wait.lock"))
    yield from (paths.ledger.with_name(f"{paths.ledger.name}-{ending}") for ending in ("wal", "shm"))
    for name in (START, INPUTS, IMPORTED):
        yield from _half_done(DayPaths(paths.root).working(name))
    for day in paths.root.glob("day-*"):
        yield day
        yield day / REPLACED
        yield day / GATES_FOLDER
        for stage in STAGES:
            yield from _half_done(DayPaths(day).working(stage))


def _half_done(working: Path) -> Iterator[Path]:
    yield working
    for parent, folders, _files in os.walk(working):  # which does not follow links
        yield from (Path(parent, name) for name in folders)
