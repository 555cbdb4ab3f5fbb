"""All that lets a study go on when it changes: what a person brings to the day that waits, and what people decide."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.records.sequence import START, Block, readable_sequence
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
    block
        Which of the day's sessions.
    """

    day: int
    sealed: tuple[str, ...]
    brought: tuple[tuple[str, tuple[SeenFile, ...]], ...]
    decided: tuple[SeenFile, ...]
    block: int = 1

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
        mine, others = ((one.day, one.block, one.sealed, one.decided) for one in (self, other))
        return mine == others

    def seen_in(self, paths: StudyPaths) -> StudyPaths:
        """Return a study seen from the session."""
        return paths.at(Block(self.day, self.block))


def look_around(paths: StudyPaths) -> Scene:
    """Look at a study; nothing is written, and nothing opened but what people decided on its sessions."""
    day, number = block = _scheduled(paths)
    folders = {stage: paths.at(block).folder(stage, day) for stage in BROUGHT} if block != START else {}
    sealed = tuple(stage for stage, folder in folders.items() if (folder / MANIFEST_NAME).is_file())
    return Scene(
        day=day,
        sealed=sealed,
        brought=tuple((stage, list_files(folder)) for stage, folder in folders.items() if stage not in sealed),
        decided=tuple(_seen(path) for path in (paths.study, paths.protocol, paths.amendments) if path.exists()),
        block=number,
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
        folders.append(scene.seen_in(paths).day(scene.day).root)
    for stage, _files in scene.brought:
        folders += sorted(Path(inside) for inside, _, _ in os.walk(scene.seen_in(paths).folder(stage, scene.day)))
    return [folder.resolve() for folder in folders]


def _scheduled(paths: StudyPaths) -> Block:
    """Return the first scheduled session that waits for something that is brought, or the last scheduled one."""
    sequence, last = readable_sequence(paths.root), START
    for block in paths.found():
        if block not in sequence.of_day(block.day):
            continue
        folders = {stage: paths.at(block).folder(stage, block.day) for stage in ("schedule", *BROUGHT)}
        if not (folders["schedule"] / MANIFEST_NAME).is_file():
            break
        last = block
        if not all((folders[stage] / MANIFEST_NAME).is_file() for stage in BROUGHT):
            break
    return last


def _seen(path: Path) -> SeenFile:
    status = path.stat()
    return SeenFile(path.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
