"""What the days of a study have measured so far, read again only where a file changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.uncounted import ALL_COUNTS, Uncounted, uncounted
from closedloop.artifacts.day.evaluation import EvaluationReport
from closedloop.artifacts.day.fit import FitReport
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.day.responses import SiteTable
from closedloop.artifacts.documents import Document
from closedloop.artifacts.files.kinds import DocumentFile
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.records.amendments import whole_amendments
from closedloop.artifacts.records.sequence import FIRST, Block, block_of_folder, readable_sequence
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.artifacts.tables import Columns
from closedloop.errors import ClosedLoopError
from closedloop.report.reading import DayRecord, PublishedDay, SensitivityRow, reported_sessions
from closedloop.service.unchanged import while_unchanged

AnyDocument = TypeVar("AnyDocument", bound=Document)
Found = TypeVar("Found")

_READ = (catalog.QUALITY, catalog.SITES, catalog.FIT, catalog.EVALUATION, catalog.SENSITIVITY, catalog.PAIRS)


@dataclass(frozen=True)
class DayNumbers:
    """What a day has measured so far; None, or no row, where a stage has not been published or cannot be read.

    Attributes
    ----------
    pairs
        What every pair of images did; see `report.reading.DayRecord`.
    faults
        What could not be read, a line each.
    block
        Which of the day's sessions.
    uncounted
        What of the session counts in no part of the work.
    """

    day: int
    quality: IngestQuality | None
    sites: SiteTable | None
    fit: FitReport | None
    evaluation: EvaluationReport | None
    sensitivity: tuple[SensitivityRow, ...]
    pairs: Columns | None = None
    faults: tuple[str, ...] = ()
    block: int = 1
    uncounted: Uncounted = ALL_COUNTS

    @property
    def session(self) -> Block:
        """Which session."""
        return Block(self.day, self.block)

    def record(self) -> DayRecord:
        """Return the day as the report's tables take it."""
        return DayRecord(
            day=self.day,
            plan=None,
            images=None,
            audit=None,
            summary=None,
            quality=self.quality,
            fit=self.fit,
            evaluation=self.evaluation,
            sensitivity=self.sensitivity,
            pairs=self.pairs,
            manifests={},
            block=self.block,
        )


@dataclass(frozen=True)
class StudyNumbers:
    """A study's days, ascending; `study` and `protocol` are None where they cannot be read.

    A day is told by its last session that was evaluated, which has the numbers of all.
    """

    study: StudyDocument | None
    protocol: Protocol | None
    days: tuple[DayNumbers, ...]
    faults: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        """Whether no animal was recorded."""
        return self.study is not None and self.study.simulated


def read_numbers(paths: StudyPaths) -> StudyNumbers:
    """Read what the days have measured; what cannot be read is said, and the rest is there all the same."""
    study, fault = study_of(paths)
    protocol, protocol_fault = _protocol(paths.protocol)
    sessions: tuple[DayNumbers, ...] = ()
    if study is not None:
        looked_at = paths.keeping(readable_sequence(paths.root))
        amendments = whole_amendments(paths.amendments)
        sessions = tuple(
            replace(_day(paths.at(one).day(one.day).root), uncounted=uncounted(amendments, one))
            for one in reported_sessions(looked_at)
        )
    by_day: dict[int, DayNumbers] = {}
    for one in sessions:
        if one.day not in by_day or one.evaluation is not None:
            by_day[one.day] = one
    faults = [line for line in (fault, protocol_fault) if line]
    lines = (*faults, *(line for one in sessions for line in one.faults))
    return StudyNumbers(study, protocol, tuple(by_day.values()), lines)


def study_of(paths: StudyPaths) -> tuple[StudyDocument | None, str]:
    """Return the study's identity, or None and why it cannot be read."""
    return _study(paths.study)


@while_unchanged()
def _study(path: Path) -> tuple[StudyDocument | None, str]:
    return attempt(lambda: StudyDocument.read(path))


@while_unchanged()
def _protocol(path: Path) -> tuple[Protocol | None, str]:
    return attempt(lambda: read_protocol(path))


def attempt(read: Callable[[], Found]) -> tuple[Found | None, str]:
    """Return what is read and no words, or None and why it cannot be read."""
    try:
        return read(), ""
    except (ClosedLoopError, OSError, ValueError) as error:
        return None, str(error)


def files_of_day(folder: Path) -> Iterable[Path]:
    """Return the files by which a session's numbers change."""
    stages = dict.fromkeys(file.stage for file in _READ)
    yield folder.parent / "study.json"
    yield from (folder / stage / MANIFEST_NAME for stage in stages)
    yield from (folder / file.stage / file.name for file in _READ)


@while_unchanged(files=files_of_day)
def _day(folder: Path) -> DayNumbers:
    number, block = session = block_of_folder(folder.name) or FIRST
    paths = StudyPaths(folder.parent).at(session)
    study, _ = study_of(paths)
    published = PublishedDay(paths, number, simulated=study is not None and study.simulated)
    faults: list[str] = []

    def document(file: DocumentFile[AnyDocument]) -> AnyDocument | None:
        found, fault = attempt(lambda: published.document(file))
        faults.extend([fault] if fault else [])
        return found

    rows, fault = attempt(published.sensitivity)
    faults.extend([fault] if fault else [])
    pairs, fault = attempt(lambda: published.table(catalog.PAIRS))
    faults.extend([fault] if fault else [])
    return DayNumbers(
        day=number,
        quality=document(catalog.QUALITY),
        sites=document(catalog.SITES),
        fit=document(catalog.FIT),
        evaluation=document(catalog.EVALUATION),
        sensitivity=rows or (),
        pairs=pairs,
        faults=tuple(faults),
        block=block,
    )
