"""All that lets a study go on when it changes: what a person brings to the day that waits, and what people decide."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.study import BROUGHT, StudyPaths
from closedloop.study.completeness.looks import SeenFile, list_files


@dataclass(frozen=True)
class Scene:
    """What a look at a study found, from names, sizes and times alone.

    Attributes
    ----------
    day
        The day whose session is scheduled and waits, or the last one that was; -1 where none is yet.
    sealed
        Which of its `BROUGHT` stages are taken over.
    brought
        The files of those that are not, by stage.
    decided
        The files in which people decide.
    """

    day: int
    sealed: tuple[str, ...]
    brought: tuple[tuple[str, tuple[SeenFile, ...]], ...]
    decided: tuple[SeenFile, ...]

    @property
    def awaited(self) -> str:
        """The first stage that is not taken over; empty where all is."""
        return self.brought[0][0] if self.brought else ""

    @property
    def files(self) -> tuple[SeenFile, ...]:
        """All of them."""
        return (*self.decided, *(file for _stage, files in self.brought for file in files))

    def is_decided_as(self, other: Scene) -> bool:
        """Return whether nothing but files that are brought differs between two looks."""
        return (self.day, self.sealed, self.decided) == (other.day, other.sealed, other.decided)


def look_around(paths: StudyPaths) -> Scene:
    """Look at a study; nothing is written, nothing opened."""
    day = _scheduled_day(paths)
    folders = {stage: paths.folder(stage, day) for stage in BROUGHT} if day >= 0 else {}
    sealed = tuple(stage for stage, folder in folders.items() if (folder / MANIFEST_NAME).is_file())
    return Scene(
        day=day,
        sealed=sealed,
        brought=tuple((stage, list_files(folder)) for stage, folder in folders.items() if stage not in sealed),
        decided=tuple(_seen(path) for path in (paths.study, paths.protocol, paths.amendments) if path.exists()),
    )


def folders_of(paths: StudyPaths, scene: Scene) -> list[Path]:
    """Return the folders in which a change of a scene shows; what is a link is where it leads.

    Parameters
    ----------
    paths, scene
        The study, and a look at it.
    """
    folders = [paths.root]
    if scene.day >= 0:
        folders.append(paths.day(scene.day).root)
    for stage, _files in scene.brought:
        folders += sorted(Path(inside) for inside, _, _ in os.walk(paths.folder(stage, scene.day)))
    return [folder.resolve() for folder in folders]


def _scheduled_day(paths: StudyPaths) -> int:
    """Return the first scheduled day that waits for something that is brought, or the last scheduled one."""
    day = -1
    while (paths.folder("schedule", day + 1) / MANIFEST_NAME).is_file():
        day += 1
        if not all((paths.folder(stage, day) / MANIFEST_NAME).is_file() for stage in BROUGHT):
            break
    return day


def _seen(path: Path) -> SeenFile:
    status = path.stat()
    return SeenFile(path.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
