"""The loop: runs what is missing, in order, and stops where a person is needed. Killed at any point, it runs again.

What is done is told by the published folders: a stage stands when its manifest names the inputs that are there now and
its files are the bytes the manifest promises. Everything else is run, or said.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Literal
from typing import Protocol as Port

from closedloop.artifacts.amended.moved import as_moved
from closedloop.artifacts.catalog import SESSION, STIMULI
from closedloop.artifacts.gates.held import Held, held_before, holds_by_gates
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, edited_line, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError, ManifestError, StorageError, StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers
from closedloop.stages.context import StageContext, declared_sections
from closedloop.storage import remove_file, storage_errors
from closedloop.study.amending.rigs import note_another_rig
from closedloop.study.amending.sessions import refuse_shown_though_skipped
from closedloop.study.completeness.late import refuse_late_files
from closedloop.study.completeness.looks import Patience, forget_sealed, list_files, remember_refusal
from closedloop.study.completeness.waiting import wait_until_whole
from closedloop.study.completeness.watch import Brought, Watch
from closedloop.study.edits.protocol import accept_edits
from closedloop.study.gates.checkpoints import CHECKPOINT_AFTER
from closedloop.study.gates.telling import passed_by_itself
from closedloop.study.handover import adopt
from closedloop.study.inputs import (
    are_recorded,
    check_pictures_already_shown,
    compare_inputs,
    record_inputs_later,
    refuse_other_imports,
)
from closedloop.study.ledger import Ledger, open_ledger
from closedloop.study.memory import forget_peak, peak_mb
from closedloop.study.no_study import no_study_line
from closedloop.study.outdated.stages import outdated_stages
from closedloop.study.outdated.told import by_session
from closedloop.study.process.leftovers import sweep_leftovers
from closedloop.study.process.lock import study_lock
from closedloop.study.process.notes import Noting, forget_note
from closedloop.study.publishing import Publisher
from closedloop.study.replacement import finish_replacements
from closedloop.study.session_checks import refuse_at_once
from closedloop.study.steps import Step, Steps
from closedloop.study.table import STAGE_TABLE, StageTable

_DURATION = "how long attacks take"


class Reporter(Port):
    """Who is told what the loop does: the console, or nobody."""

    def begin(self, day: int, stage: str, attempt: int, *, block: int = 1) -> ProgressCallback:
        """Hear that a stage begins.

        Parameters
        ----------
        day, stage
            Which; the study's start is of day -1.
        attempt
            Which attempt with these inputs it is, from 1.
        block
            Of which of the day's sessions.

        Returns
        -------
        ProgressCallback
            Called with (done, total) as it goes.
        """

    def end(self, day: int, stage: str, seconds: float, *, block: int = 1) -> None:
        """Hear that a stage is published.

        Parameters
        ----------
        day, stage
            Which.
        seconds
            How long it took.
        block
            Of which of the day's sessions.
        """

    def say(self, text: str) -> None:
        """Hear anything else, in one line."""


@dataclass(frozen=True)
class Outcome:
    """Where the loop stopped.

    Attributes
    ----------
    waiting_for
        What a person has to do; None when every day is done, or a gate holds.
    day
        The day it stopped on, or the last one.
    held_by
        What holds the day's session; empty where nothing does.
    """

    waiting_for: str | None
    day: int
    held_by: tuple[Held, ...] = ()


def read_identity(paths: StudyPaths) -> tuple[StudyDocument, Protocol]:
    """Read a study's identity and protocol.

    Raises
    ------
    StudyError
        The folder is no study.
    """
    if not paths.study.is_file():
        raise StudyError(no_study_line(paths.root))
    return StudyDocument.read(paths.study), read_protocol(paths.protocol)


def run_study(
    paths: StudyPaths,
    reporter: Reporter,
    *,
    days: int | None = None,
    workers: Workers | None = None,
    table: StageTable = STAGE_TABLE,
    patience: Patience | None = None,
) -> Outcome:
    """Advance a study until a person is needed or all days are done.

    Parameters
    ----------
    paths
        The study.
    reporter
        Told what happens.
    days
        Days to run, at most the protocol's; all of them by default.
    workers
        Who does what can be shared out; this machine by default. No result depends on it.
    table
        The stages; another one in tests.
    patience
        How long what a person brings has to lie unchanged before it is taken over; a minute by default.

    Raises
    ------
    ClosedLoopError
        Something a person can repair; what was published before stands.
    """
    study, protocol = read_identity(paths)
    n_days = protocol.days if days is None else min(days, protocol.days)
    with study_lock(paths.root), open_ledger(paths.ledger) as ledger:
        refuse_other_imports(paths)
        edited = accept_edits(paths, study, protocol, table=table, ledger=ledger)
        if edited:
            reporter.say(edited)
        steps = Steps(paths, study, protocol, table)
        publisher = Publisher(paths, study, ledger)
        watch = Watch(paths, study, protocol, patience or Patience())
        sweep_leftovers(paths)
        finish_replacements(paths)
        forget_sealed(paths.root)
        return _Loop(steps, publisher, ledger, reporter, workers, watch).advance(n_days)


@dataclass(frozen=True)
class _Loop:
    steps: Steps
    publisher: Publisher
    ledger: Ledger
    reporter: Reporter
    workers: Workers | None
    watch: Watch
    said: set[str] = field(default_factory=set)

    def advance(self, n_days: int) -> Outcome:
        with storage_errors(self.steps.paths.root):
            while True:
                decided = self.steps.amendments()
                outcome = self._go_through(n_days)
                if outcome is not None:
                    steps = self.steps
                    outdated = outdated_stages(steps.paths, steps.study, steps.protocol, table=steps.table)
                    steps.table.report(steps.paths, by_session(outdated))
                    if self.steps.amendments() == decided:  # else what is waited for is asked anew
                        return outcome

    def _go_through(self, n_days: int) -> Outcome | None:
        """Go through the days in order; None where people decided something meanwhile: what stands is asked anew."""
        decided = self.steps.amendments()
        for step in self.steps.in_order(n_days):
            if self.steps.amendments() != decided:
                return None
            if not self._stands(step):
                step = self.steps.step(step.stage, step.block)  # noqa: PLW2901 - what was kept may be among what it reads
                if held_by := self._held_before(step):
                    return Outcome(None, step.day, held_by)
                if step.stage.is_brought(self.steps.study):
                    waiting_for = self._adopt(step)
                    if waiting_for:
                        return Outcome(waiting_for, step.day)
                else:
                    self._run(step, n_days)
            self._ask_gates(step)
        return Outcome(None, n_days - 1)

    def _ask_gates(self, step: Step) -> None:
        """Have what the gates find after a stage written down, where that is missing or of another state."""
        checkpoint = CHECKPOINT_AFTER.get(step.stage.name)
        if checkpoint is not None:
            steps = self.steps
            steps.table.gates.ask(step.paths, steps.study, step.protocol, day=step.day, checkpoint=checkpoint)

    def _held_before(self, step: Step) -> tuple[Held, ...]:
        """Return what holds a session that is to be made or shown; say what a simulated study goes past by itself."""
        paths, name = step.paths, step.stage.name
        if name not in ("schedule", "present"):
            return ()
        refuse_shown_though_skipped(paths, before=step.block)
        until: Literal["schedule", "present"] = "schedule" if name == "schedule" else "present"
        by_gates = holds_by_gates(self.steps.study, step.protocol)
        if not by_gates:
            for line in passed_by_itself(paths, step.day, until=until):
                self._say_once(line)
        return held_before(paths, step.day, by_gates=by_gates, until=until)

    def _stands(self, step: Step) -> bool:
        """Return whether a published stage still follows from its inputs; a checksum mismatch raises ManifestError."""
        if not (step.folder / MANIFEST_NAME).is_file():
            return False
        manifest = read_manifest(step.folder)
        if step.stage.is_brought(self.steps.study):
            refuse_late_files(step.paths, step.day, step.stage.name, manifest)
        self.publisher.verify(step, manifest)
        if self.steps.follows(step, manifest):
            self._refuse_edited(step, manifest)
            self.ledger.recall(step.day, step.key, step.input_hash, seconds=manifest.seconds)
            return True
        why = step.what_changed(manifest)
        self.ledger.mark_stale(step.day, step.key, step.input_hash, why)
        if not self.steps.study.simulated:
            self._refuse_to_lose_a_recording(step, why)
        if self.steps.is_to_be_kept(step, manifest):
            self.publisher.keep(step)
        self.reporter.say(f"{step.name} is stale ({why}); it runs again, and so does what follows from it.")
        return False

    def _refuse_edited(self, step: Step, manifest: Manifest) -> None:
        edited = self.steps.edited(step, manifest)
        if edited:
            raise ManifestError(edited_line(step.folder, edited))

    def _refuse_to_lose_a_recording(self, step: Step, why: str) -> None:
        day = max(step.day, 0)  # the start is what day 0 was recorded with
        recorded = (step.paths.folder("recording", day) / MANIFEST_NAME).is_file()
        if step.stage.place != "after the session" and recorded:
            raise StudyError(
                f"{step.folder}: expected what day {day} was recorded with, found it stale ({why}). "
                "A recording cannot be made again: restore what changed."
            )

    def _run(self, step: Step, n_days: int) -> None:
        attempt = self.ledger.begin(step.day, step.key, step.input_hash)
        progress = self.reporter.begin(step.day, step.stage.name, attempt, block=step.block.number)
        progress = note = Noting(progress, step.paths, day=step.day, stage=step.stage.name)
        started = time.monotonic()
        forget_peak()
        try:
            with storage_errors(step.working):
                if step.stage.opens_inputs:
                    self._open_inputs(progress)
                if step.stage.place == "before the session":
                    self._foresee(step, n_days)
                self.publisher.read_inputs(step, progress)
                if not self.publisher.is_ready(step):
                    self.publisher.bring_back(step)
                if self.publisher.is_ready(step):
                    self.publisher.publish(step)
                else:
                    self.publisher.prepare(step)
                    note.begin_work()
                    step.stage.work(self._context(step, progress))
                    self.publisher.finish(step, seconds=time.monotonic() - started, peak_memory_mb=peak_mb())
        except ClosedLoopError as error:
            self.ledger.fail(step.day, step.key, step.input_hash, str(error))
            raise
        self._finish(step, seconds=time.monotonic() - started)

    def _foresee(self, step: Step, n_days: int) -> None:
        """Refuse what would fail after hours of attacks: a look ahead costs a second at most."""
        steps = self.steps
        steps.table.foresee(step.paths, steps.study, step.protocol, day=step.day, n_days=n_days)
        if step.stage.name == STIMULI.stage and _DURATION not in self.said:
            said = steps.table.say_duration(step.paths, step.protocol, self.workers, day=step.day)
            if said:
                self.said.add(_DURATION)  # of the first day that has any: the others are like it
                self.reporter.say(said)
        if step.stage.name == SESSION.stage and (
            said := steps.table.say_wait(step.paths, steps.study, step.protocol, day=step.day)
        ):
            self._say_once(said)

    def _open_inputs(self, progress: ProgressCallback) -> None:
        """Say what is another in the study's folder of images; a study of an older version is given its list first."""
        paths, study = self.steps.paths, self.steps.study
        if not are_recorded(paths):
            check_pictures_already_shown(paths, study)
            record_inputs_later(paths, study, self.steps.protocol, progress=progress)
            self.reporter.say(
                f"{paths.inputs}: the study had no list of its images and base model; it has one now, of today."
            )
        said = compare_inputs(paths, study)
        if said:
            self._say_once(said)

    def _say_once(self, text: str) -> None:
        if text not in self.said:
            self.said.add(text)
            self.reporter.say(text)

    def _context(self, step: Step, progress: ProgressCallback) -> StageContext:
        return StageContext(
            paths=step.paths,
            study=as_moved(self.steps.study, self.steps.amendments()),
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

    def _finish(self, step: Step, *, seconds: float) -> None:
        self.ledger.finish(step.day, step.key, step.input_hash, seconds=seconds)
        forget_note(step.paths, step.day, step.stage.name)
        self.reporter.end(step.day, step.stage.name, seconds, block=step.block.number)

    def _adopt(self, step: Step) -> str | None:
        """Seal what a person put into the folder; return what is missing where it is not complete."""
        watch = replace(self.watch, paths=step.paths)
        brought = watch.brought(step.day, "present" if step.stage.name == "present" else "recording")
        try:
            missing = self._seal(step, brought, watch)
        except StorageError:
            raise  # of the disk, not of the files
        except ClosedLoopError as error:
            decisions = self.steps.paths.amendments
            remember_refusal(brought.folder, brought.memory, str(error), decisions=decisions)
            raise
        if missing:
            self.ledger.wait(step.day, step.key, step.input_hash, missing)
            return missing
        remove_file(brought.memory)
        self._finish(step, seconds=0.0)
        return None

    def _seal(self, step: Step, brought: Brought, watch: Watch) -> str:
        paths = step.paths
        if brought.stage == "present":  # both are copied at the same time: they lie unchanged at the same time
            watch.see(watch.brought(step.day, "recording"))
            refuse_at_once(paths, day=step.day)
        progress = self.reporter.begin(step.day, step.stage.name, 1, block=step.block.number)
        outlook = wait_until_whole(
            watch,
            brought,
            sha256_of=lambda name: self.ledger.read_sha256(step.folder / name, paths.relative(step.folder / name)),
            tell=self.reporter.say,
            progress=progress,
        )
        if outlook.missing:
            return outlook.missing
        adopt(paths, self.steps.study, day=step.day, stage=step.stage.name)
        self.publisher.seal(step)
        if list_files(step.folder) != outlook.look.files:
            remove_file(step.folder / MANIFEST_NAME)
            return watch.changed(brought, watch.see(brought)).missing
        if brought.stage == "present" and (noted := note_another_rig(paths, self.steps.study, day=step.day)):
            self.reporter.say(noted)
        return ""
