"""The day as an ordered table of stages: what each reads, which parts of the protocol decide it, where its code is."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from typing import Protocol as Port

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.decided import DecisionName
from closedloop.artifacts.amended.imported import is_imported
from closedloop.artifacts.amended.kept import sites_as_shown
from closedloop.artifacts.input_hash import INGEST_SECTIONS
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.artifacts.study import START, START_DAY, StudyDocument, StudyPaths
from closedloop.stages.context import StageContext
from closedloop.study.foresight.before import refuse_impossible
from closedloop.study.foresight.duration import say_duration
from closedloop.study.foresight.ports import Foresight, SaysDuration, SaysWait
from closedloop.study.foresight.waits import say_wait
from closedloop.study.gates.checkpoints import GATE_KEEPER, GateKeeper
from closedloop.study.pages import draw_pages_if_due

StageWork = Callable[[StageContext], None]


class DrawsPages(Port):
    """Who draws the pages."""

    def __call__(self, paths: StudyPaths, outdated: Mapping[Block, Sequence[str]], /) -> None:
        """See `study.pages`."""


Place = Literal["before the session", "in the session", "after the session"]


@dataclass(frozen=True)
class Stage:
    """One row of the table.

    Attributes
    ----------
    name
        Also the folder's name.
    work
        What it does, into `context.working`.
    sections
        Parts of the protocol that it sees and that decide the result: a change elsewhere leaves the stage as it is.
    inputs
        Published folders it reads, given the study and the day.
    place
        What is in the session is done by a person and an animal in a real study: the loop takes over what they left,
        and no section decides what that is.
        What comes before it is never made again once there is a recording of it.
    opens_inputs
        Whether it reads the study's images or its base model. Their list (`artifacts.records.inputs`) decides nothing
        as long as they are what was listed, so that it is no part of what makes a stage stale.
    for_next_day
        Whether it makes what the day after shows, and goes by the protocol of that day.
    undeclared
        Sections that versions before November 2026 read without declaring them. A folder of such a version stands
        while the whole protocol is the one it was made with.
    decisions
        What people decide after the study began that decides its result, where they did.
    decided_inputs
        Published folders that it reads besides where they did.
    asked_inputs
        Published folders that it reads besides where the protocol asks for it.
    imported_sections
        Sections that it sees, and that decide its result, where the study begins with responses recorded elsewhere.
    """

    name: str
    work: StageWork
    sections: tuple[str, ...]
    inputs: Callable[[StudyPaths, int], list[Path]]
    place: Place = "after the session"
    opens_inputs: bool = False
    for_next_day: bool = False
    undeclared: tuple[str, ...] = ()
    decisions: tuple[DecisionName, ...] = ()
    decided_inputs: Callable[[StudyPaths, int], list[Path]] = lambda _paths, _day: []
    asked_inputs: Callable[[Protocol, StudyPaths, int], list[Path]] = lambda _protocol, _paths, _day: []
    imported_sections: tuple[str, ...] = ()

    def is_brought(self, study: StudyDocument) -> bool:
        """Return whether a person brings it, as they and an animal left it, instead of a program that makes it."""
        return self.place == "in the session" and (not study.simulated or study.sessions_are_brought)

    def reads(self, paths: StudyPaths, day: int, *, protocol: Protocol, decided: bool) -> list[Path]:
        """Return the published folders that it reads.

        Parameters
        ----------
        paths, day
            Of which study, on which day.
        protocol
            The one that it goes by.
        decided
            Whether people decided something of it.
        """
        of_decisions = self.decided_inputs(paths, day) if decided else []
        return [*self.inputs(paths, day), *of_decisions, *self.asked_inputs(protocol, paths, day)]

    def deciding(self, study: StudyDocument, paths: StudyPaths) -> tuple[str, ...]:
        """Return the sections of the protocol that decide it in a study."""
        return () if self.is_brought(study) else self.seen(paths)

    def seen(self, paths: StudyPaths) -> tuple[str, ...]:
        """Return the sections of the protocol that it sees."""
        return (*self.sections, *(self.imported_sections if _imported(paths) else ()))

    def shown_in(self, paths: StudyPaths, day: int) -> Block | None:
        """Return the session in which what it makes is shown; None where it is made from the session.

        Parameters
        ----------
        paths, day
            The study, seen from the session that the stage is of.
        """
        if self.for_next_day:
            return paths.sequence.shows_images_of(paths.block(day))
        return None if self.place == "after the session" else max(paths.block(day), FIRST)

    def protocol_day(self, paths: StudyPaths, day: int) -> int:
        """Return the day whose protocol it goes by on a day; the study's start goes by that of day 0.

        Parameters
        ----------
        paths, day
            The study, seen from the session.
        """
        if day == START_DAY:
            return day + 1
        follows = any(one > paths.block(day) for one in paths.sequence.of_day(day))
        return day + 1 if self.for_next_day and not follows else day


@dataclass(frozen=True)
class StageTable:
    """All that a study does: once at its start, on every day, in order, and whenever the loop stops by itself.

    Attributes
    ----------
    report
        Draws the pages where they are due.
    foresee
        Refuses what a day, or the study, would end in, before anything is made of it.
    say_duration
        Says how long the attacks of a planned day take.
    say_wait
        Says how long the animal waits after a session, where the day is cut into rounds.
    gates
        Says what the gates find at a checkpoint of a day, and writes it down.
    """

    start: Stage
    day: tuple[Stage, ...]
    report: DrawsPages = draw_pages_if_due
    foresee: Foresight = refuse_impossible
    say_duration: SaysDuration = say_duration
    say_wait: SaysWait = say_wait
    gates: GateKeeper = GATE_KEEPER


def work_of(module: str) -> StageWork:
    """Return the ``run`` of a module, imported when it works: looking at a study costs no torch."""

    def work(context: StageContext) -> None:
        run: StageWork = importlib.import_module(module).run
        run(context)

    return work


def _today(*stages: str) -> Callable[[StudyPaths, int], list[Path]]:
    return lambda paths, day: [paths.day(day).folder(stage) for stage in stages]


def _nothing(_paths: StudyPaths, _day: int) -> list[Path]:
    return []


def _queue_folder(paths: StudyPaths, day: int) -> Path:
    return catalog.QUEUE.published(paths, day).parent


def _model_folder(paths: StudyPaths, day: int) -> Path:
    return catalog.MODEL.published(paths, day).parent


def _of_the_first(stage: str, paths: StudyPaths, day: int) -> list[Path]:
    return [paths.at(FIRST).folder(stage, FIRST.day)] if paths.block(day) != FIRST else []


def _site_table(paths: StudyPaths, day: int) -> list[Path]:
    """Sites are chosen in the first session; later ones read that choice."""
    return _of_the_first("ingest", paths, day)


def _imported(paths: StudyPaths) -> list[Path]:
    """Return the responses that were recorded elsewhere, where the study begins with some."""
    return [paths.imported] if is_imported(paths) else []


def _plan(paths: StudyPaths, day: int) -> list[Path]:
    return [_queue_folder(paths, day), *_site_table(paths, day)]


def _synthesize(paths: StudyPaths, day: int) -> list[Path]:
    return [*_today("plan")(paths, day), _model_folder(paths, day)]


def _ingest(paths: StudyPaths, day: int) -> list[Path]:
    as_shown = sites_as_shown(paths) if paths.block(day) == FIRST else None
    chosen = [as_shown] if as_shown else _site_table(paths, day)
    return [*_today("synthesize", "schedule", "present", "recording")(paths, day), *chosen]


def _refit(paths: StudyPaths, day: int) -> list[Path]:
    """All sessions so far: the model is refitted on everything (section 3.1)."""
    so_far = paths.sequence.until(paths.block(day))
    folders = [folder for block in so_far for folder in _today("synthesize", "ingest")(paths.at(block), block.day)]
    return [_model_folder(paths, day), *folders]


def _evaluate(paths: StudyPaths, day: int) -> list[Path]:
    """All sessions of the day, evaluated together, and the study's first, in which artificial units are attacked."""
    of_the_day = (block for block in paths.sequence.until(paths.block(day)) if block.day == day)
    folders = [folder for block in of_the_day for folder in _today("synthesize", "ingest")(paths.at(block), day)]
    return [*folders, *_of_the_first("evaluate", paths, day)]


def _queue(paths: StudyPaths, day: int) -> list[Path]:
    """Of a session whose recording is lost there is no evaluation."""
    is_lost = paths.block(day) in paths.sequence.lost
    return [_queue_folder(paths, day), *_today("plan", *(() if is_lost else ("evaluate",)))(paths, day)]


def _yesterdays_attacks(protocol: Protocol, paths: StudyPaths, day: int) -> list[Path]:
    """Return the stimuli of the day before, where its attacks are shown again as a control."""
    if not protocol.controls.yesterday:
        return []
    before = paths.sequence.of_day_before(paths.block(day))
    return [paths.at(block).folder("synthesize", block.day) for block in before]


def _before_planning(protocol: Protocol, paths: StudyPaths, day: int) -> list[Path]:
    """Return what is shown again of the day before, and what decides how much each arm attacks."""
    deciding = [one for one in paths.sequence.until(paths.block(day)) if protocol.arms.decides(one.day, of=day)]
    evaluations = [paths.at(one).folder("evaluate", one.day) for one in deciding]
    return [*_yesterdays_attacks(protocol, paths, day), *evaluations]


def _earlier_days(protocol: Protocol, paths: StudyPaths, day: int) -> list[Path]:
    """Return what is shown again of the day before, what a decoder is fitted to, and what images evolve by.

    Images that evolve are not made again where a recording is lost: which they were stands with its session's stimuli.
    """
    folders = _yesterdays_attacks(protocol, paths, day)
    evolves = bool(protocol.evolution.n_shown(day))
    if protocol.population.n_made(day) or evolves:
        own = paths.block(day)  # a lost session is not among those until itself
        before = [one for one in paths.sequence.until(own) if one < own and (evolves or one.day < day)]
        folders += [folder for one in before for folder in _today("synthesize", "ingest")(paths.at(one), one.day)]
        lost = sorted(one for one in paths.sequence.lost if one < own and evolves)
        folders += [paths.at(one).folder("synthesize", one.day) for one in lost]
    return list(dict.fromkeys(folders))


def _category_days(protocol: Protocol, paths: StudyPaths, day: int) -> list[Path]:
    """Return the sessions so far, where the next one shows images of the categories that sites prefer, and imports."""
    shows = paths.sequence.shows_images_of(paths.block(day))
    if not (protocol.preference.images_on(shows.day) and paths.sequence.measures(shows)):
        return _imported(paths)
    so_far = paths.sequence.until(paths.block(day))
    folders = [folder for block in so_far for folder in _today("synthesize", "ingest")(paths.at(block), block.day)]
    return [*folders, *_imported(paths)]


def _category_choice(protocol: Protocol, paths: StudyPaths, day: int) -> list[Path]:
    """Return the day's queue, where it says which categories were chosen."""
    return [_queue_folder(paths, day)] if protocol.preference.images_on(day) else []


_BEFORE: Place = "before the session"
_SESSION: Place = "in the session"

_START = Stage(
    START,
    work_of("closedloop.stages.start"),
    ("images", "procedural", "sites", "base_model", "ensemble", "probes", "preference", "arms"),
    _nothing,
    _BEFORE,
    opens_inputs=True,
    asked_inputs=lambda _protocol, paths, _day: _imported(paths),
    imported_sections=("fit",),
)

_DAY: tuple[Stage, ...] = (
    Stage(
        "plan",
        work_of("closedloop.stages.plan"),
        (
            "images",
            "sites",
            "attack",
            "controls",
            "trial",
            "presentation",
            "population",
            "probes",
            "ensemble",
            "rounds",
            "image_sensitivity",
            "plane",
            "preference",
            "objectives",
            "arms",
            "evolution",
        ),
        _plan,
        _BEFORE,
        decisions=("not_attacked", "anchors_taken_over"),
        asked_inputs=_before_planning,
    ),
    Stage(
        "synthesize",
        work_of("closedloop.stages.synthesize"),
        ("attack", "population", "probes", "plane", "objectives", "arms", "evolution"),
        _synthesize,
        _BEFORE,
        opens_inputs=True,
        asked_inputs=_earlier_days,
    ),
    Stage(
        "schedule",
        work_of("closedloop.stages.schedule"),
        ("presentation", "trial", "simulation", "images"),
        _today("synthesize"),
        _BEFORE,
        undeclared=("images",),
    ),
    Stage("present", work_of("closedloop.stages.present"), (), _today("schedule"), _SESSION),
    Stage(
        "recording",
        work_of("closedloop.stages.record"),
        ("recording", "simulation"),
        _today("schedule", "present"),
        _SESSION,
    ),
    Stage(
        "ingest",
        work_of("closedloop.stages.ingest.run"),
        INGEST_SECTIONS,
        _ingest,
        decisions=("closed",),
        asked_inputs=lambda _protocol, paths, day: _imported(paths) if paths.block(day) == FIRST else [],
    ),
    Stage(
        "refit",
        work_of("closedloop.stages.refit"),
        ("fit", "recording", "arms"),
        _refit,
        undeclared=("recording",),
        decisions=("left_out_of_fit", "closed_until"),
        asked_inputs=lambda _protocol, paths, _day: _imported(paths),
    ),
    Stage(
        "evaluate",
        work_of("closedloop.stages.evaluate.run"),
        ("evaluation", "simulation", "attack", "images", "recording", "preference"),
        _evaluate,
        undeclared=("attack", "images", "recording"),
        decisions=("left_out_of_evaluation",),
        asked_inputs=_category_choice,
    ),
    Stage(
        "queue",
        work_of("closedloop.stages.queue"),
        ("images", "probes", "rounds", "image_sensitivity", "plane", "preference"),
        _queue,
        opens_inputs=True,
        for_next_day=True,
        decisions=("closed", "images_added"),
        decided_inputs=_today("synthesize", "ingest"),
        asked_inputs=_category_days,
    ),
)

STAGE_TABLE = StageTable(_START, _DAY)
