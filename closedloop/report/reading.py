"""What a study holds so far, read once for all pages. A stage that has not finished leaves None."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.protocols import protocol_of_day
from closedloop.artifacts.amended.shown import made_from_older, said_of_older
from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.day.doubts import taken_despite
from closedloop.artifacts.day.evaluation import EvaluationReport
from closedloop.artifacts.day.fit import FitReport
from closedloop.artifacts.day.identity import IdentityTable
from closedloop.artifacts.day.journal import SessionSummary
from closedloop.artifacts.day.plan import DayPlan
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.documents import Document
from closedloop.artifacts.files.kinds import DocumentFile, StudyFile, TableFile
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest
from closedloop.artifacts.protocol.evolution.section import EVOLUTION_KINDS
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import Block, said_of_sessions
from closedloop.artifacts.study import STAGES, DayPaths, StudyDocument, StudyPaths
from closedloop.artifacts.tables import Columns, is_simulated
from closedloop.errors import StudyError

AnyDocument = TypeVar("AnyDocument", bound=Document)


@dataclass(frozen=True)
class SensitivityRow:
    """One row of a day's sensitivity table (`day.evaluation.SENSITIVITY`)."""

    day: int
    epsilon: float
    estimate: str
    truth: bool
    image_set: str
    site: str
    mean: float
    standard_error: float
    n_images: int
    n_sites: int
    interval_low: float = math.nan
    interval_high: float = math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean; days evaluated before December 2026 have none, and get the normal one."""
        if math.isfinite(self.interval_low):
            return self.interval_low, self.interval_high
        half_width = 1.96 * self.standard_error
        return self.mean - half_width, self.mean + half_width


@dataclass(frozen=True)
class DayRecord:
    """What one session has written so far: a day's only one, or one of several.

    Attributes
    ----------
    images
        The stimulus set's images.h5, to read single pictures from; None before *synthesize*.
    audit
        Columns of `day.stimuli.STIMULUS_AUDIT`; None before *synthesize*, and for a day that an older version
        synthesized.
    sensitivity
        All rows of the day up to this session; empty before *evaluate*.
    pairs
        Columns of `day.evaluation.PAIRS`, of the day up to this session; None before *evaluate*.
    manifests
        By finished stage, in the loop's order.
    despite
        What makes the session no data of an animal, with who took it nevertheless, a sentence each.
    as_shown
        What its session was made from, where that was made again since, in a sentence; else empty.
    identity
        Which electrode still is the one it was; None on day 0, and for a day that an older version ingested.
    block
        Which of the day's sessions.
    intervals, slopes
        Columns of `day.evaluation.INTERVALS` and `SLOPES`; None before *evaluate*, and for a day that an older version
        evaluated.
    image_curves
        Columns of `day.evaluation.IMAGE_CURVES`; None of a day that shows no image many times.
    arms, arms_foretold, arm_objectives, arm_allocation
        Columns of `day.arms.tables.ARM_EFFECTS`, `ARM_FORETOLD`, `ARM_OBJECTIVE_EFFECTS` and `ARM_ALLOCATION`; None of
        a day without any.
    stimuli
        Columns of `day.stimuli.STIMULI`; None before *synthesize*.
    objectives, objective_estimates
        Columns of `day.objectives.tables.OBJECTIVE_EFFECTS` and `OBJECTIVE_ESTIMATES`; None of a day without any.
    evolution, evolution_gains
        Columns of `day.evolution.tables.EVOLUTION_EFFECTS` and `EVOLUTION_GAINS`; None of a session without any.
    evolution_planned
        Outputs of the model for which such images were planned.
    decided
        That the day was skipped or the session added, by whom and why; empty where nobody decided that.
    is_skipped
        Whether the day was.
    """

    day: int
    plan: DayPlan | None
    images: Path | None
    audit: Columns | None
    summary: SessionSummary | None
    quality: IngestQuality | None
    fit: FitReport | None
    evaluation: EvaluationReport | None
    sensitivity: tuple[SensitivityRow, ...]
    pairs: Columns | None
    manifests: dict[str, Manifest]
    despite: tuple[str, ...] = ()
    as_shown: str = ""
    block: int = 1
    decided: str = ""
    is_skipped: bool = False
    identity: IdentityTable | None = None
    intervals: Columns | None = None
    slopes: Columns | None = None
    image_curves: Columns | None = None
    stimuli: Columns | None = None
    objectives: Columns | None = None
    objective_estimates: Columns | None = None
    evolution: Columns | None = None
    evolution_gains: Columns | None = None
    evolution_planned: frozenset[int] = frozenset()
    arms: Columns | None = None
    arms_foretold: Columns | None = None
    arm_objectives: Columns | None = None
    arm_allocation: Columns | None = None

    @property
    def session(self) -> Block:
        """Which session it is."""
        return Block(self.day, self.block)


@dataclass(frozen=True)
class StudyRecord:
    """A study's identity and its days, ascending, each session of a day for itself.

    Attributes
    ----------
    protocol
        As in protocol.yaml: that of every day for which nothing was amended.
    amendments
        What people decided, a line each.
    dropped
        Sessions that people decided not to have after all, a line each.
    """

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    days: tuple[DayRecord, ...]
    amendments: tuple[Amendment, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def evaluated(self) -> tuple[DayRecord, ...]:
        """The days that have been evaluated, each by its last session that was: it has the numbers of all of them."""
        last = {day.day: day for day in self.days if day.evaluation is not None}
        return tuple(last.values())

    def protocol_of(self, day: int) -> Protocol:
        """Return the protocol that a day goes by."""
        return protocol_of_day(self.protocol, self.amendments, day)


def read_study(paths: StudyPaths) -> StudyRecord:
    """Read every document the pages need.

    Raises
    ------
    DocumentError
        A published file is missing, damaged, or of a newer version.
    StudyError
        A document's mark of simulated data is not the study's.
    """
    study = StudyDocument.read(paths.study)
    amendments = read_amendments(paths.amendments)
    said, sessions = said_of_sessions(standing(amendments)), reported_sessions(paths)
    days = tuple(
        replace(
            _read_day(paths.at(block), block.day, simulated=study.simulated),
            decided=said.get(block, ""),
            is_skipped=block.day in paths.sequence.skipped,
        )
        for block in sessions
    )
    return StudyRecord(
        paths=paths,
        study=study,
        protocol=read_protocol(paths.protocol),
        days=days,
        amendments=amendments,
        dropped=tuple(line for block, line in said.items() if block not in sessions),
    )


def read_sensitivity(paths: StudyPaths) -> tuple[SensitivityRow, ...]:
    """Read the sensitivity rows of all evaluated days, ascending by day; those of a day are of all its sessions."""
    simulated = StudyDocument.read(paths.study).simulated
    by_day: dict[int, tuple[SensitivityRow, ...]] = {}
    for block in reported_sessions(paths):
        rows = PublishedDay(paths.at(block), block.day, simulated=simulated).sensitivity()
        by_day[block.day] = rows or by_day.get(block.day, ())
    return tuple(row for rows in by_day.values() for row in rows)


def reported_sessions(paths: StudyPaths) -> tuple[Block, ...]:
    """Return the sessions that have a folder, ascending: a skipped day's too, no further session that was dropped."""
    sequence = paths.sequence
    return tuple(block for block in paths.found() if block.number == 1 or block in sequence.of_day(block.day))


def _read_day(paths: StudyPaths, number: int, *, simulated: bool) -> DayRecord:
    day = PublishedDay(paths, number, simulated=simulated)
    images = catalog.IMAGES.published(paths, number)
    quality = day.document(catalog.QUALITY)
    taken = quality.despite if quality else taken_despite(read_amendments(paths.amendments), block=paths.block(number))
    evolution = day.table(catalog.EVOLUTION_EFFECTS)
    return DayRecord(
        day=number,
        plan=day.document(catalog.DAY_PLAN),
        images=images if images.parent.is_dir() else None,
        audit=day.table(catalog.AUDIT),
        summary=day.document(catalog.SUMMARY),
        quality=quality,
        fit=day.document(catalog.FIT),
        evaluation=day.document(catalog.EVALUATION),
        sensitivity=day.sensitivity(),
        pairs=day.table(catalog.PAIRS),
        manifests=_manifests(paths.day(number)),
        despite=tuple(taken.values()),
        block=paths.block(number).number,
        as_shown=said_of_older(paths.block(number), made_from_older(paths, number)),
        identity=day.document(catalog.IDENTITY),
        intervals=day.table(catalog.INTERVALS),
        slopes=day.table(catalog.SLOPES),
        image_curves=day.table(catalog.IMAGE_CURVES),
        objectives=day.table(catalog.OBJECTIVE_EFFECTS),
        objective_estimates=day.table(catalog.OBJECTIVE_ESTIMATES),
        evolution=evolution,
        evolution_gains=day.table(catalog.EVOLUTION_GAINS),
        evolution_planned=day.planned(*EVOLUTION_KINDS) if evolution is not None else frozenset(),
        arms=day.table(catalog.ARM_EFFECTS),
        arms_foretold=day.table(catalog.ARM_FORETOLD),
        arm_objectives=day.table(catalog.ARM_OBJECTIVE_EFFECTS),
        arm_allocation=day.table(catalog.ARM_ALLOCATION),
        stimuli=day.table(catalog.STIMULI) if catalog.STIMULI.published(paths, number).exists() else None,
    )


@dataclass(frozen=True)
class PublishedDay:
    """A day's published files, each None where its stage has not been published."""

    paths: StudyPaths
    number: int
    simulated: bool

    def document(self, file: DocumentFile[AnyDocument]) -> AnyDocument | None:
        """Read a document."""
        path = self._path(file)
        if path is None:
            return None
        document = file.read(path)
        _same_mark(path, found=document.simulated, study=self.simulated)
        return document

    def table(self, file: TableFile) -> Columns | None:
        """Read a table."""
        path = self._path(file)
        if path is None:
            return None
        columns = file.read(path)
        _same_mark(path, found=is_simulated(path), study=self.simulated)
        return columns

    def planned(self, *kinds: str) -> frozenset[int]:
        """Return the outputs of the model for which images of some kinds were planned."""
        items = self.table(catalog.PLANNED_ITEMS)
        return frozenset(items["site_index"][np.isin(items["kind"], kinds)].tolist() if items else ())

    def sensitivity(self) -> tuple[SensitivityRow, ...]:
        """Read all rows of the day's sensitivity table; none before *evaluate*."""
        columns = self.table(catalog.SENSITIVITY)
        if columns is None:
            return ()
        names = list(catalog.SENSITIVITY.layout.columns)
        rows: list[tuple[Any, ...]] = list(zip(*(columns[name].tolist() for name in names), strict=True))
        return tuple(SensitivityRow(**dict(zip(names, row, strict=True))) for row in rows)

    def _path(self, file: StudyFile) -> Path | None:
        """Return where a file lies; a missing one of a published stage is an error, unless it is optional."""
        path = self.paths.day(self.number).folder(file.stage) / file.name
        # A folder without a manifest is one that a person is filling: what the rig left there is not taken over yet.
        missing = not path.exists() if file.optional else not (path.parent / MANIFEST_NAME).is_file()
        return None if missing else path


def _same_mark(path: Path, *, found: bool, study: bool) -> None:
    names = {True: "simulated", False: "real"}
    if found != study:
        raise StudyError(
            f"{path}: expected {names[study]} data as in study.json, found {names[found]} data. "
            "Move the foreign file out of the study."
        )


def _manifests(day: DayPaths) -> dict[str, Manifest]:
    folders = {stage: day.folder(stage) for stage in STAGES}
    return {stage: read_manifest(folder) for stage, folder in folders.items() if (folder / MANIFEST_NAME).is_file()}
