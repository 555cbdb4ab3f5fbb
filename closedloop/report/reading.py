"""What a study holds so far, read once for all pages. A stage that has not finished leaves None."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from closedloop.artifacts.day.evaluation import PAIRS, SENSITIVITY, EvaluationReport
from closedloop.artifacts.day.fit import FitReport
from closedloop.artifacts.day.journal import SessionSummary
from closedloop.artifacts.day.plan import DayPlan
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.day.stimuli import STIMULUS_AUDIT
from closedloop.artifacts.documents import Document
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.study import STAGES, DayPaths, StudyDocument, StudyPaths
from closedloop.artifacts.tables import Columns, TableLayout, is_simulated, read_table
from closedloop.errors import StudyError

AnyDocument = TypeVar("AnyDocument", bound=Document)


@dataclass(frozen=True)
class SensitivityRow:
    """One row of a day's sensitivity table (`days.SENSITIVITY`)."""

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


@dataclass(frozen=True)
class DayRecord:
    """What one day has written so far.

    Attributes
    ----------
    images
        The stimulus set's images.h5, to read single pictures from; None before *synthesize*.
    audit
        Columns of `days.STIMULUS_AUDIT`; None before *synthesize*, and for a day that an older version synthesized.
    sensitivity
        All rows of the day; empty before *evaluate*.
    pairs
        Columns of `days.PAIRS`; None before *evaluate*.
    manifests
        By finished stage, in the loop's order.
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


@dataclass(frozen=True)
class StudyRecord:
    """A study's identity and its days, ascending."""

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    days: tuple[DayRecord, ...]

    @property
    def evaluated(self) -> tuple[DayRecord, ...]:
        """The days that have been evaluated."""
        return tuple(day for day in self.days if day.evaluation is not None)


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
    days = tuple(_read_day(paths, day, simulated=study.simulated) for day in _day_numbers(paths))
    return StudyRecord(paths=paths, study=study, protocol=read_protocol(paths.protocol), days=days)


def read_sensitivity(paths: StudyPaths) -> tuple[SensitivityRow, ...]:
    """Read the sensitivity rows of all evaluated days, ascending by day."""
    simulated = StudyDocument.read(paths.study).simulated
    days = [paths.day(day) for day in _day_numbers(paths)]
    return tuple(row for day in days for row in _sensitivity(day, simulated=simulated))


def _day_numbers(paths: StudyPaths) -> list[int]:
    names = (folder.name.removeprefix("day-") for folder in paths.root.glob("day-*") if folder.is_dir())
    return sorted(int(name) for name in names if name.isdecimal())


def _read_day(paths: StudyPaths, number: int, *, simulated: bool) -> DayRecord:
    day = paths.day(number)
    synthesized = day.folder("synthesize")
    return DayRecord(
        day=number,
        plan=_document(DayPlan, day.folder("plan") / "plan.json", simulated=simulated),
        images=synthesized / "images.h5" if synthesized.is_dir() else None,
        audit=_audit(synthesized / "audit.parquet", simulated=simulated),
        summary=_document(SessionSummary, day.folder("present") / "summary.json", simulated=simulated),
        quality=_document(IngestQuality, day.folder("ingest") / "quality.json", simulated=simulated),
        fit=_document(FitReport, day.folder("refit") / "fit.json", simulated=simulated),
        evaluation=_document(EvaluationReport, day.folder("evaluate") / "evaluation.json", simulated=simulated),
        sensitivity=_sensitivity(day, simulated=simulated),
        pairs=_table(day.folder("evaluate") / "pairs.parquet", PAIRS, simulated=simulated),
        manifests=_manifests(day),
    )


def _document(kind: type[AnyDocument], path: Path, *, simulated: bool) -> AnyDocument | None:
    """Read a document of a stage, or None where the stage has not been published."""
    if not path.parent.is_dir():
        return None
    document = kind.read(path)
    _same_mark(path, found=document.simulated, study=simulated)
    return document


def _table(path: Path, layout: TableLayout, *, simulated: bool) -> Columns | None:
    if not path.parent.is_dir():
        return None
    columns = read_table(path, layout)
    _same_mark(path, found=is_simulated(path), study=simulated)
    return columns


def _audit(path: Path, *, simulated: bool) -> Columns | None:
    return _table(path, STIMULUS_AUDIT, simulated=simulated) if path.exists() else None


def _same_mark(path: Path, *, found: bool, study: bool) -> None:
    names = {True: "simulated", False: "real"}
    if found != study:
        raise StudyError(
            f"{path}: expected {names[study]} data as in study.json, found {names[found]} data. "
            "Remove the foreign file's folder and run its stage again."
        )


def _sensitivity(day: DayPaths, *, simulated: bool) -> tuple[SensitivityRow, ...]:
    columns = _table(day.folder("evaluate") / "sensitivity.parquet", SENSITIVITY, simulated=simulated)
    if columns is None:
        return ()
    rows: list[tuple[Any, ...]] = list(zip(*(columns[name].tolist() for name in SENSITIVITY.columns), strict=True))
    return tuple(SensitivityRow(**dict(zip(SENSITIVITY.columns, row, strict=True))) for row in rows)


def _manifests(day: DayPaths) -> dict[str, Manifest]:
    folders = {stage: day.folder(stage) for stage in STAGES}
    return {stage: read_manifest(folder) for stage, folder in folders.items() if (folder / MANIFEST_NAME).is_file()}
