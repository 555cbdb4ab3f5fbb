"""The loop: runs what is missing, in order, and stops where a person is needed. Killed at any point, it runs again.

What is done is told by the published folders: a stage stands when its manifest names the inputs that are there now and
its files are the bytes the manifest promises. Everything else is run, or said.
"""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol as Port

from closedloop import __version__
from closedloop.artifacts.manifest import MANIFEST_NAME, FileEntry, Manifest, read_manifest, relative_files
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256, read_protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError, ManifestError, ProtocolError, StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers
from closedloop.stages.context import StageContext, declared_sections
from closedloop.storage import publish_folder, sha256_bytes, storage_errors
from closedloop.study.handover import adopt, awaited
from closedloop.study.ledger import Ledger, open_ledger, study_lock
from closedloop.study.table import STAGE_TABLE, START_DAY, Stage, StageTable

_INPUT_HASH_NAME = ".input_hash"


class Reporter(Port):
    """Who is told what the loop does: the console, or nobody."""

    def begin(self, day: int, stage: str, attempt: int) -> ProgressCallback:
        """Say that a stage begins; the result is called with (done, total) as it goes."""

    def end(self, day: int, stage: str, seconds: float) -> None:
        """Say that a stage is published."""

    def say(self, text: str) -> None:
        """Say anything else, in one line."""


@dataclass(frozen=True)
class Outcome:
    """Where the loop stopped.

    Attributes
    ----------
    waiting_for
        What a person has to do; None when every day is done.
    day
        The day it stopped on, or the last one.
    """

    waiting_for: str | None
    day: int


@dataclass(frozen=True)
class _Step:
    """A stage of a day, with the hashes of what it reads now."""

    stage: Stage
    day: int
    folder: Path
    working: Path
    inputs: dict[str, str]
    input_hash: str

    @property
    def name(self) -> str:
        return self.stage.name if self.day == START_DAY else f"day-{self.day:02d} {self.stage.name}"


def read_identity(paths: StudyPaths) -> tuple[StudyDocument, Protocol]:
    """Read a study's identity and protocol.

    Raises
    ------
    StudyError
        The folder is no study.
    """
    if not paths.study.is_file():
        raise StudyError(
            f"{paths.root}: expected a study folder, found no study.json. "
            "Make one with `closedloop init` or `closedloop dry-run`, or correct the path."
        )
    return StudyDocument.read(paths.study), read_protocol(paths.protocol)


def run_study(
    paths: StudyPaths,
    reporter: Reporter,
    *,
    days: int | None = None,
    workers: Workers | None = None,
    table: StageTable = STAGE_TABLE,
) -> Outcome:
    """Advance a study until a person is needed or all days are done.

    Parameters
    ----------
    days
        Days to run, at most the protocol's; all of them by default.
    workers
        Who does what can be shared out; this machine by default. No result depends on it.
    table
        The stages; another one in tests.

    Raises
    ------
    ClosedLoopError
        Something a person can mend; what was published before stands.
    """
    study, protocol = read_identity(paths)
    _check_protocol_is_the_study_s(study, protocol, paths)
    n_days = protocol.days if days is None else min(days, protocol.days)
    with study_lock(paths.root), open_ledger(paths.ledger) as ledger:
        return _Loop(paths, study, protocol, ledger, reporter, workers, table).advance(n_days)


@dataclass(frozen=True)
class _Loop:
    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    ledger: Ledger
    reporter: Reporter
    workers: Workers | None
    table: StageTable

    def advance(self, n_days: int) -> Outcome:
        outcome = self._advance(n_days)
        self._write_report()
        return outcome

    def _advance(self, n_days: int) -> Outcome:
        for stage, day in self._stages(n_days):
            step = self._step(stage, day)
            if self._stands(step):
                continue
            if stage.place == "in the session" and not self.study.simulated:
                waiting_for = self._adopt(step)
                if waiting_for:
                    return Outcome(waiting_for, day)
            else:
                self._run(step)
        return Outcome(None, n_days - 1)

    def _stages(self, n_days: int) -> Iterator[tuple[Stage, int]]:
        yield self.table.start, START_DAY
        for day in range(n_days):
            for stage in self.table.day:
                if not (stage.name == "queue" and day == n_days - 1):  # no day after it is wanted
                    yield stage, day

    def _step(self, stage: Stage, day: int) -> _Step:
        inputs = {
            f"{self.paths.relative(folder)}/{name}": entry.sha256
            for folder in stage.inputs(self.paths, day)
            for name, entry in read_manifest(folder).outputs.items()
        }
        input_hash = self._input_hash(stage, day, stage.sections, inputs)
        if day == START_DAY:
            return _Step(stage, day, self.paths.start, self.paths.root / ".start.partial", inputs, input_hash)
        folders = self.paths.day(day)
        return _Step(stage, day, folders.folder(stage.name), folders.working(stage.name), inputs, input_hash)

    def _input_hash(self, stage: Stage, day: int, sections: tuple[str, ...], inputs: dict[str, str]) -> str:
        said = self.protocol.model_dump(mode="json", exclude_defaults=True)
        content = [stage.name, day, self.protocol.seed, self.study.subject, self.study.simulated]
        content += [{name: said[name] for name in sections}, inputs]
        if stage is self.table.start:
            content += [self.study.pool.model_dump(mode="json"), self.study.base_model]
        return sha256_bytes(json.dumps(content, sort_keys=True).encode())

    def _is_of_these_inputs(self, step: _Step, manifest: Manifest) -> bool:
        """Tell whether a folder follows from its inputs; an older version declared fewer sections, see `Stage`."""
        if manifest.input_hash == step.input_hash:
            return True
        then = tuple(name for name in step.stage.sections if name not in step.stage.undeclared)
        return (
            bool(step.stage.undeclared)
            and manifest.protocol_sha256 == protocol_sha256(self.protocol)
            and manifest.input_hash == self._input_hash(step.stage, step.day, then, step.inputs)
        )

    def _stands(self, step: _Step) -> bool:
        """Return whether a published stage still follows from its inputs; a checksum mismatch raises ManifestError."""
        if not (step.folder / MANIFEST_NAME).is_file():
            return False
        manifest = read_manifest(step.folder)
        self._verify(step, manifest)
        if self._is_of_these_inputs(step, manifest):
            return True
        why = _what_changed(manifest, step)
        self.ledger.mark_stale(step.day, step.stage.name, step.input_hash, why)
        if not self.study.simulated:
            self._refuse_to_lose_a_recording(step, why)
        self.reporter.say(f"{step.name} is stale ({why}); it runs again, and so does what follows from it.")
        return False

    def _verify(self, step: _Step, manifest: Manifest) -> None:
        for name, entry in manifest.outputs.items():
            path = step.folder / name
            if not path.is_file() or self.ledger.checked_sha256(path, self.paths.relative(path)) != entry.sha256:
                found = "other bytes" if path.is_file() else "no file"
                raise ManifestError(
                    f"{path}: expected the bytes that {MANIFEST_NAME} beside it promises, found {found}. "
                    f"Restore the file from a copy, or remove {step.folder} to have the stage run again."
                )

    def _refuse_to_lose_a_recording(self, step: _Step, why: str) -> None:
        day = max(step.day, 0)  # the start is what day 0 was recorded with
        recorded = (self.paths.day(day).folder("recording") / MANIFEST_NAME).is_file()
        if step.stage.place != "after the session" and recorded:
            raise StudyError(
                f"{step.folder}: expected what day {day} was recorded with, found it stale ({why}). "
                "A recording cannot be made again: restore what changed."
            )

    def _run(self, step: _Step) -> None:
        attempt = self.ledger.begin(step.day, step.stage.name, step.input_hash)
        progress = self.reporter.begin(step.day, step.stage.name, attempt)
        started = time.monotonic()
        try:
            with storage_errors(step.working):
                _prepare_working(step)
                step.stage.work(self._context(step, progress))
                self._publish(step, seconds=time.monotonic() - started)
        except ClosedLoopError as error:
            self.ledger.fail(step.day, step.stage.name, step.input_hash, str(error))
            raise
        self._finish(step, seconds=time.monotonic() - started)

    def _context(self, step: _Step, progress: ProgressCallback) -> StageContext:
        return StageContext(
            paths=self.paths,
            study=self.study,
            protocol=declared_sections(self.protocol, step.stage.sections, stage=step.stage.name),
            day=step.day,
            stage=step.stage.name,
            working=step.working,
            progress=progress,
            workers=self.workers,
        )

    def _publish(self, step: _Step, *, seconds: float) -> None:
        shutil.rmtree(step.working / ".scratch", ignore_errors=True)
        (step.working / _INPUT_HASH_NAME).unlink()
        self._write_manifest(step, step.working, seconds=seconds)
        publish_folder(step.working, step.folder)

    def _write_manifest(self, step: _Step, folder: Path, *, seconds: float) -> None:
        outputs = {}
        for name in relative_files(folder):
            path = folder / name
            digest = self.ledger.checked_sha256(path, self.paths.relative(step.folder / name))
            outputs[name] = FileEntry(sha256=digest, n_bytes=path.stat().st_size)
        Manifest(
            simulated=self.study.simulated,
            stage=step.stage.name,
            day=None if step.day == START_DAY else step.day,
            seed=derive_seed(self.protocol.seed, self.study.subject, step.day, step.stage.name),
            code_version=__version__,
            protocol_sha256=protocol_sha256(self.protocol),
            input_hash=step.input_hash,
            inputs=step.inputs,
            outputs=outputs,
            seconds=round(seconds, 3),
            peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        ).write(folder / MANIFEST_NAME)

    def _finish(self, step: _Step, *, seconds: float) -> None:
        self.ledger.finish(step.day, step.stage.name, step.input_hash, seconds=seconds)
        self.reporter.end(step.day, step.stage.name, seconds)

    def _write_report(self) -> None:
        """Draw the pages once, at the end: they cost seconds, and are there whenever the loop has stopped by itself."""
        evaluated = sorted(self.paths.root.glob(f"day-*/evaluate/{MANIFEST_NAME}"))
        page = self.paths.report / "index.html"
        if not evaluated or (page.is_file() and page.stat().st_mtime > max(f.stat().st_mtime for f in evaluated)):
            return
        from closedloop.report.pages import write_report  # noqa: PLC0415 - matplotlib is not needed to look at a study

        write_report(self.paths)

    def _adopt(self, step: _Step) -> str | None:
        """Seal what a person put into the folder; tell what is missing where it is not complete."""
        missing = awaited(self.paths, step.day, step.stage.name)
        if missing:
            self.ledger.wait(step.day, step.stage.name, step.input_hash, missing)
            return missing
        adopt(self.paths, self.study, day=step.day, stage=step.stage.name)
        self._write_manifest(step, step.folder, seconds=0.0)
        self._finish(step, seconds=0.0)
        return None


def _prepare_working(step: _Step) -> None:
    """Keep half-done work that began with the same inputs; throw away any other."""
    mark = step.working / _INPUT_HASH_NAME
    if not (mark.is_file() and mark.read_text() == step.input_hash):
        shutil.rmtree(step.working, ignore_errors=True)
        step.working.mkdir(parents=True)
        mark.write_text(step.input_hash)


def _what_changed(manifest: Manifest, step: _Step) -> str:
    names = sorted(set(manifest.inputs) | set(step.inputs))
    changed = [name for name in names if manifest.inputs.get(name) != step.inputs.get(name)]
    if not changed:
        return "the protocol or the study changed"
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    return f"{changed[0]}{more} changed"


def _check_protocol_is_the_study_s(study: StudyDocument, protocol: Protocol, paths: StudyPaths) -> None:
    """Refuse a real study whose protocol.yaml is not the one it was made with."""
    if not study.simulated and protocol_sha256(protocol) != study.protocol_sha256:
        raise ProtocolError(
            f"{paths.protocol}: expected the protocol this study began with, found another. "
            "Restore it; a different experiment is a new study."
        )
