"""A day's stages, made again in a folder that is laid out as a study."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.manifest import MANIFEST_NAME, FileEntry, read_manifest, verify_files
from closedloop.artifacts.records.replay import ChangedFile
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import BROUGHT, StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError, DocumentError, ExecutionError, ManifestError, StorageError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers
from closedloop.stages.context import StageContext, declared_sections
from closedloop.storage import resolved, sha256_file, storage_errors
from closedloop.study.ledger import open_ledger
from closedloop.study.loop import Reporter
from closedloop.study.memory import forget_peak, peak_mb
from closedloop.study.publishing import Publisher
from closedloop.study.replay.trees import Tree
from closedloop.study.steps import Step, Steps
from closedloop.study.table import STAGE_TABLE, Stage, StageTable


@dataclass(frozen=True)
class MadeStage:
    """A stage of a session that was made, or why it was not: today's code refuses what it reads."""

    session: Block
    stage: str
    refused: str = ""


@dataclass
class PublishedFolders:
    """What the study holds, looked at before it is used: a file is what its manifest promises, or it is told.

    What people brought is used as it is and told: made again, a day shows what follows from it. A folder of ours that
    was changed is refused where it is read: nobody knows what it was made from.
    """

    study: StudyPaths
    changed: list[ChangedFile] = field(default_factory=list)
    looked_at: set[Path] = field(default_factory=set)

    def look_at_brought(self, folder: Path, progress: ProgressCallback) -> None:
        """Read what people brought to its end, and note what is not what its manifest promises.

        Parameters
        ----------
        folder
            A published one.
        progress
            Called with (bytes read, all bytes).
        """
        manifest = read_manifest(folder)
        n_read, n_bytes = 0, sum(entry.n_bytes for entry in manifest.outputs.values())

        def advance(n: int) -> None:
            nonlocal n_read
            n_read += n
            progress(n_read, n_bytes)

        for name, entry in manifest.outputs.items():
            found = _change(folder / name, entry, advance)
            if found:
                self.changed.append(ChangedFile(path=self.study.relative(folder / name), found=found))

    def look(self, folder: Path) -> None:
        """Compare a folder that nobody brought with its manifest, once.

        Raises
        ------
        ManifestError
            A file is missing or differs.
        """
        if folder not in self.looked_at:
            verify_files(folder, read_manifest(folder))
            self.looked_at.add(folder)


def _change(path: Path, entry: FileEntry, progress: Callable[[int], None]) -> str:
    if not path.is_file():
        return "no file"
    found = sha256_file(path, progress=progress)
    return "" if found == entry.sha256 else f"other bytes, sha256 {found}"


def make_stages(
    tree: Tree,
    study: StudyDocument,
    published: PublishedFolders,
    reporter: Reporter,
    *,
    workers: Workers | None,
    table: StageTable = STAGE_TABLE,
) -> Iterator[MadeStage]:
    """Make the stages of a tree in their order, and yield each; what was made before, from the same, stands.

    Parameters
    ----------
    tree
        Laid out.
    study
        The published study's identity.
    published
        Remembers what was looked at.
    reporter
        Told what happens.
    workers
        Who does what can be shared out; this machine by default.
    table
        The stages; another one in tests.

    Raises
    ------
    ManifestError
        A published file that is read is not what its manifest promises.
    StorageError
        The disk is full, or fails.
    """
    steps = Steps(tree.paths, study, tree.protocol, table, read=tree.amendments)
    with open_ledger(tree.paths.ledger) as ledger:
        maker = _Maker(steps, Publisher(tree.paths, study, ledger), published, reporter, workers)
        for session in sorted(tree.made):
            for stage in table.day:
                if stage.name in tree.made[session]:
                    yield maker.make(stage, session)


@dataclass(frozen=True)
class _Maker:
    steps: Steps
    publisher: Publisher
    published: PublishedFolders
    reporter: Reporter
    workers: Workers | None

    def make(self, stage: Stage, session: Block) -> MadeStage:
        paths, day = self.steps.paths.at(session), session.day
        protocol = self.steps.protocol_of(stage, paths, day)
        reads = stage.reads(paths, day, protocol=protocol, decided=True)
        lacking = [one for one in reads if not (one / MANIFEST_NAME).is_file()]
        if lacking:
            return MadeStage(session, stage.name, f"{paths.relative(lacking[0])} was not made")
        step = self.steps.step(stage, session)
        progress = self.reporter.begin(day, stage.name, 1, block=session.number)
        for folder in step.reads():
            if folder.is_symlink() and folder.name not in BROUGHT:
                self.published.look(resolved(folder))
        if _stands(step):
            return MadeStage(session, stage.name)
        started = time.monotonic()
        try:
            with storage_errors(step.working):
                self._make(step, progress)
        except (StorageError, ExecutionError):
            raise  # of the machine, not of what is made again
        except ClosedLoopError as error:
            return MadeStage(session, stage.name, str(error))
        self.reporter.end(day, stage.name, time.monotonic() - started, block=session.number)
        return MadeStage(session, stage.name)

    def _make(self, step: Step, progress: ProgressCallback) -> None:
        started = time.monotonic()
        forget_peak()
        if self.publisher.is_ready(step):
            self.publisher.publish(step)
            return
        self.publisher.prepare(step)
        step.stage.work(self._context(step, progress))
        self.publisher.finish(step, seconds=time.monotonic() - started, peak_memory_mb=peak_mb())

    def _context(self, step: Step, progress: ProgressCallback) -> StageContext:
        return StageContext(
            paths=step.paths,
            study=self.steps.study,
            protocol=declared_sections(step.protocol, step.stage.seen(step.paths), stage=step.stage.name),
            day=step.day,
            stage=step.stage.name,
            working=step.working,
            progress=progress,
            workers=self.workers,
            inputs=(
                *step.reads(),
                *((step.paths.inputs,) if step.stage.opens_inputs else ()),
            ),
            decided=step.decisions,
        )


def _stands(step: Step) -> bool:
    """Return whether a replay that was interrupted made it already, with this version and from the same."""
    if not (step.folder / MANIFEST_NAME).is_file():
        return False
    try:
        manifest = read_manifest(step.folder)
        verify_files(step.folder, manifest)
    except (DocumentError, ManifestError):
        return False
    return manifest.input_hash == step.input_hash and manifest.code_version == __version__
