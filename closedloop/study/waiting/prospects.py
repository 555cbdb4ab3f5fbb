"""When it is worth while to run again, told from a look at what is brought."""

from __future__ import annotations

import re
from dataclasses import dataclass

from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.study.completeness.looks import FolderLook, Patience, memory_name, recall_refusal
from closedloop.study.completeness.waiting import settling_line
from closedloop.study.completeness.watch import BroughtStage, Watch
from closedloop.study.loop import read_identity
from closedloop.study.waiting.scene import Scene

_LATER_S = 0.1  # seconds since 1970 have few digits left behind the point: a run on the very moment may come too early
_PASSING = re.compile(r" \([^()]* ago\)|(?<![\w/.-])\d[\d,.]*\b")
_STAGES: tuple[BroughtStage, ...] = ("present", "recording")


@dataclass(frozen=True)
class Prospect:
    """What is to be expected of what is brought, if nothing changes.

    Attributes
    ----------
    waits_for
        What a person has to do, or what time has to pass, in one line; empty where nothing is brought.
    ready_at
        When a run may take it over, if none was tried since it changed; None where something is missing.
    moments
        When a run may get further than one before, seconds since 1970.
    """

    waits_for: str = ""
    ready_at: float | None = None
    moments: tuple[float, ...] = ()

    def next_after(self, ran_at: float) -> float | None:
        """Return when to run again after a run that began at this time; None: not before something changes."""
        return min((moment for moment in self.moments if moment > ran_at), default=None)


def prospect_of(paths: StudyPaths, scene: Scene, patience: Patience) -> Prospect:
    """Look at what is brought to the day that waits, as the loop does, and remember the look as the loop does.

    Parameters
    ----------
    paths, scene
        The study, and what is there.
    patience
        How long files have to lie unchanged.
    """
    if not scene.brought:
        return Prospect()
    try:
        watch = Watch(paths, *read_identity(paths), patience)
        return _prospect(watch, scene)
    except (ClosedLoopError, OSError) as error:  # of half a copy, perhaps: the loop says it once nothing changes
        return Prospect(str(error), ready_at=patience.now() + patience.settle_s + _LATER_S)


def _prospect(watch: Watch, scene: Scene) -> Prospect:
    awaited = [watch.brought(scene.day, stage) for stage in _STAGES if stage not in scene.sealed]
    for brought in awaited:  # both: they are copied at the same time, and lie unchanged at the same time
        watch.see(brought)
    outlook = watch.look(awaited[0])
    if outlook.missing:
        return Prospect(outlook.missing)
    patience = watch.patience
    return Prospect(
        settling_line(watch, awaited[0]),
        ready_at=patience.now() + (outlook.settles_in_s + _LATER_S if outlook.settles_in_s else 0.0),
        moments=_moments(outlook.look, patience),
    )


def _moments(look: FolderLook, patience: Patience) -> tuple[float, ...]:
    times = (patience.settle_s, patience.doubtful_s)
    return tuple(look.settled_at(patience, wanted_s=wanted_s) + _LATER_S for wanted_s in times)


def is_refused(paths: StudyPaths, scene: Scene, said: str) -> bool:
    """Return whether the loop noted that it refused what is brought as it lies there now, for this reason.

    Parameters
    ----------
    paths, scene
        The study, and what is there.
    said
        Why.
    """
    for stage, files in scene.brought:
        memory = scene.seen_in(paths).day(scene.day).root / memory_name(stage)
        if recall_refusal(FolderLook(files, 0.0), memory, decisions=paths.amendments) == said:
            return True
    return False


def is_same_wait(one: str, other: str) -> bool:
    """Return whether two lines say the same wait: ages, sizes and counts left aside, and how far a copy is.

    Parameters
    ----------
    one, other
        What was waited for, and what is.
    """
    return _lasting(one) == _lasting(other)


def _lasting(text: str) -> str:
    """Return what stays: of a day's files which one is waited for, and not where it ends just now."""
    stays = _PASSING.sub("", text)
    return ": ".join(stays.split(": ")[:2]) if text.startswith("day ") else stays
