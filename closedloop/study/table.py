"""The day as an ordered table of stages: what each reads, which parts of the protocol decide it, where its code is."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.day_files import model_folder, queue_folder
from closedloop.artifacts.study import StudyPaths
from closedloop.stages.context import StageContext

START_DAY = -1
"""The ledger's day of the study's start, which belongs to none."""

BEFORE_THE_SESSION = ("plan", "synthesize", "schedule")
BY_A_PERSON = ("present", "recording")
"""Stages that a person and an animal do in a real study; the loop adopts what they left."""


@dataclass(frozen=True)
class Stage:
    """One row of the table.

    Attributes
    ----------
    name
        Also the folder's name.
    module
        Where `run(context)` is; imported when it is needed, so that looking at a study costs no torch.
    sections
        Parts of the protocol that decide the result: a change elsewhere leaves the stage as it is.
    inputs
        Published folders it reads, given the study and the day.
    """

    name: str
    module: str
    sections: tuple[str, ...]
    inputs: Callable[[StudyPaths, int], list[Path]]

    def run(self, context: StageContext) -> None:
        """Do the stage's work, into `context.working`."""
        work: Callable[[StageContext], None] = importlib.import_module(self.module).run
        work(context)


def _today(*stages: str) -> Callable[[StudyPaths, int], list[Path]]:
    return lambda paths, day: [paths.day(day).folder(stage) for stage in stages]


def _nothing(_paths: StudyPaths, _day: int) -> list[Path]:
    return []


def _site_table(paths: StudyPaths, day: int) -> list[Path]:
    """Sites are chosen on day 0; later days read that choice."""
    return [paths.day(0).folder("ingest")] if day > 0 else []


def _plan(paths: StudyPaths, day: int) -> list[Path]:
    return [queue_folder(paths, day), *_site_table(paths, day)]


def _synthesize(paths: StudyPaths, day: int) -> list[Path]:
    return [*_today("plan")(paths, day), model_folder(paths, day)]


def _ingest(paths: StudyPaths, day: int) -> list[Path]:
    return [*_today("synthesize", "schedule", "present", "recording")(paths, day), *_site_table(paths, day)]


def _refit(paths: StudyPaths, day: int) -> list[Path]:
    """All days so far: the model is refitted on everything (section 3.1)."""
    days = [folder for past in range(day + 1) for folder in _today("synthesize", "ingest")(paths, past)]
    return [model_folder(paths, day), *days]


def _evaluate(paths: StudyPaths, day: int) -> list[Path]:
    """Artificial units are attacked once, on day 0: later days read those rows."""
    return [*_today("synthesize", "ingest")(paths, day), *([paths.day(0).folder("evaluate")] if day > 0 else [])]


def _queue(paths: StudyPaths, day: int) -> list[Path]:
    return [queue_folder(paths, day), *_today("plan", "evaluate")(paths, day)]


START = Stage("start", "closedloop.stages.start", ("images", "procedural", "sites", "base_model"), _nothing)

DAY: tuple[Stage, ...] = (
    Stage("plan", "closedloop.stages.plan", ("images", "sites", "attack", "controls", "trial", "presentation"), _plan),
    Stage("synthesize", "closedloop.stages.synthesize", ("attack",), _synthesize),
    Stage("schedule", "closedloop.stages.schedule", ("presentation", "trial", "simulation"), _today("synthesize")),
    Stage("present", "closedloop.stages.present", (), _today("schedule")),
    Stage("recording", "closedloop.stages.record", ("recording", "simulation"), _today("schedule", "present")),
    Stage("ingest", "closedloop.stages.ingest.run", ("recording", "sites"), _ingest),
    Stage("refit", "closedloop.stages.refit", ("fit",), _refit),
    Stage("evaluate", "closedloop.stages.evaluate.run", ("evaluation", "simulation"), _evaluate),
    Stage("queue", "closedloop.stages.queue", ("images",), _queue),
)
