"""One subject of a sweep: its study from its making to its last evaluation, and the small file that is left of it."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import AlignmentError, RecordingError, StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.shards import made_once, shard_name
from closedloop.execution.workers import HERE
from closedloop.storage import remove_folder
from closedloop.studies.sweep.documents import JudgedEstimate, JudgedTest, SweptSubject
from closedloop.studies.sweep.judging import judge_study
from closedloop.study.create import Request, create_study
from closedloop.study.loop import run_study
from closedloop.study.table import STAGE_TABLE

_FORMAT = "sweep 1"


@dataclass(frozen=True)
class SweepPiece:
    """A subject's study.

    Attributes
    ----------
    protocol_name, protocol_sha256, content
        The protocol: what it calls itself, its hash, and its YAML.
    subject
        Name of the simulated subject, which decides its sites and tuning.
    shards, studies
        Folders for what is left of it, and for the study itself.
    keep
        Whether the study stays.
    """

    protocol_name: str
    protocol_sha256: str
    content: bytes
    subject: str
    shards: Path
    studies: Path
    keep: bool

    @property
    def name(self) -> str:
        """What its result depends on, as a hash."""
        return shard_name(_FORMAT, __version__, self.protocol_sha256, self.subject)

    @property
    def path(self) -> Path:
        """The file that is left of it."""
        return self.shards / f"{self.name}.json"

    @property
    def study(self) -> Path:
        """The study's folder; another protocol's of the same name has another."""
        return self.studies / f"{self.subject}-{self.name[:8]}"


def leave_subject(piece: SweepPiece) -> None:
    """Run a subject's study, or what is missing of it, and leave what it came to; then remove it, unless it is kept.

    Raises
    ------
    ClosedLoopError
        The study cannot be made or run. Where its recording is of no use, that is what is left of it.
    """
    if not piece.path.exists():
        before_s, ended_by = _processor_s(), ""
        estimates, tests = tuple[JudgedEstimate, ...](), tuple[JudgedTest, ...]()
        try:
            _run(piece)
            estimates, tests = judge_study(piece.study)
        except (RecordingError, AlignmentError) as error:  # of this subject: the others tell as much
            ended_by = str(error).replace(f"{piece.study}/", "")
        found = SweptSubject(
            simulated=True,
            code_version=__version__,
            protocol_name=piece.protocol_name,
            protocol_sha256=piece.protocol_sha256,
            subject=piece.subject,
            cpu_s=round(_processor_s() - before_s, 1),
            ended_by=ended_by,
            estimates=estimates,
            tests=tests,
        )
        made_once(piece.path, found.write)
    if not piece.keep:
        remove_folder(piece.study)


def _run(piece: SweepPiece) -> None:
    if not (piece.study / "study.json").is_file():
        create_study(Request(piece.study, piece.subject, True, piece.protocol_name, content=piece.content))
    outcome = run_study(StudyPaths(piece.study), _Nobody(), workers=HERE, table=replace(STAGE_TABLE, report=_no_pages))
    if outcome.waiting_for is not None or outcome.held_by:
        held = outcome.waiting_for or outcome.held_by[0]
        raise StudyError(
            f"{piece.study}: expected a study that runs by itself, found that day {outcome.day} waits ({held}). Sweep "
            "a protocol that `closedloop dry-run` runs to its end."
        )


class _Nobody:
    """Hears what the loop does, and says nothing: there are many of it at once."""

    def begin(self, day: int, stage: str, attempt: int, *, block: int = 1) -> ProgressCallback:  # noqa: ARG002
        return lambda _done, _total: None

    def end(self, day: int, stage: str, seconds: float, *, block: int = 1) -> None: ...

    def say(self, text: str) -> None: ...


def _no_pages(_paths: StudyPaths, _outdated: Mapping[Block, Sequence[str]], /) -> None:
    """Draw none: nobody looks at the pages of a study that is removed."""


def _processor_s() -> float:
    """Return the processor time of this process and of those it waited for."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
