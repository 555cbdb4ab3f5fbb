"""What there is to do and what it is made from: every stage of every day with the hashes of what it reads now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.amended.sequence import START, Block
from closedloop.artifacts.input_hash import input_hash
from closedloop.artifacts.manifest import Manifest, read_manifest
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.study import START_DAY, StudyDocument, StudyPaths
from closedloop.study.edits.protocol import protocols_gone_by
from closedloop.study.ledger import ledger_key
from closedloop.study.table import Stage, StageTable


@dataclass(frozen=True)
class Step:
    """A stage of a day's session.

    Attributes
    ----------
    paths
        The study seen from the session, with its sessions as they were when the step was made.
    folder
        Where it is published.
    working
        Where it is made.
    inputs
        sha256 of every file it reads now, by path relative to the study.
    input_hash
        sha256 over all that decides its result.
    older_input_hash
        The same as older versions counted it: some stages declared fewer sections, see `Stage`, and what a person
        brings was said to be decided by some. None where they counted as this one.
    """

    stage: Stage
    paths: StudyPaths
    day: int
    folder: Path
    working: Path
    inputs: dict[str, str]
    input_hash: str
    older_input_hash: str | None

    @property
    def block(self) -> Block:
        """Which session."""
        return self.paths.block(self.day)

    @property
    def key(self) -> str:
        """The stage as the ledger names it."""
        return ledger_key(self.stage.name, self.block.number)

    @property
    def name(self) -> str:
        """How a person is told of it."""
        return self.stage.name if self.day == START_DAY else f"{self.block.folder_name} {self.stage.name}"

    def what_changed(self, manifest: Manifest) -> str:
        """Return in a few words which inputs are others than those of a manifest."""
        names = sorted(set(manifest.inputs) | set(self.inputs))
        changed = [name for name in names if manifest.inputs.get(name) != self.inputs.get(name)]
        if not changed:
            return "the protocol or the study changed"
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return f"{changed[0]}{more} changed"


@dataclass(frozen=True)
class Steps:
    """All steps of a study."""

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    table: StageTable

    def in_order(self, n_days: int) -> Iterator[Step]:
        """Yield the steps of the first days, each made when it is asked for: by then what it reads is published.

        Where people decide on another sequence of sessions meanwhile, they come again from the first.
        """
        stages = {stage.name: stage for stage in (self.table.start, *self.table.day)}
        known, yielded = None, set[tuple[Block, str]]()
        while True:
            sequence = self.paths.sequence  # people may decide on sessions while a stage is at work
            if sequence != known:
                known, yielded = sequence, set()
            order = [(START, self.table.start.name), *sequence.due(n_days, [stage.name for stage in self.table.day])]
            ahead = next((one for one in order if one not in yielded), None)
            if ahead is None:
                return
            yielded.add(ahead)
            block, name = ahead
            yield self.step(stages[name], block)

    def follows(self, step: Step, manifest: Manifest) -> bool:
        """Return whether a folder follows from its inputs; older versions declared other sections, see `Step`.

        Where they declared fewer, a folder stands with the whole protocol that it was made with.
        """
        if manifest.input_hash == step.input_hash:
            return True
        same_protocol = manifest.protocol_sha256 == protocol_sha256(self.protocol)
        return (same_protocol or step.stage.is_brought(self.study)) and manifest.input_hash == step.older_input_hash

    def edited(self, step: Step, manifest: Manifest) -> str:
        """Return in a few words what was edited in a manifest that follows; empty where nothing was.

        What its hash is made of has to stand beside it as it was, and so does what follows from the study alone.
        """
        if manifest.inputs != step.inputs:
            return f"other inputs than its input_hash is made of ({step.what_changed(manifest)})"
        return self.edited_identity(manifest, stage=step.stage.name, block=step.block)

    def edited_identity(self, manifest: Manifest, *, stage: str, block: Block) -> str:
        """Return in a few words what was edited in a manifest of what follows from the study alone.

        The protocol of a simulated study may change after a stage that does not see what changed.

        Parameters
        ----------
        manifest
            A published folder's.
        stage, block
            Which folder's.
        """
        seed = derive_seed(self.protocol.seed, self.study.subject, block.seed_name, stage)
        if manifest.seed != seed:
            return f"seed {manifest.seed} for {seed}"
        if not self.study.simulated and manifest.protocol_sha256 not in protocols_gone_by(self.paths, self.study):
            return "a protocol_sha256 that is not the study's"
        if (manifest.day, manifest.block) != (None if block == START else block.day, block.number):
            return f"day {manifest.day}" + (f", block {manifest.block}" if manifest.block != block.number else "")
        return ""

    def step(self, stage: Stage, block: Block) -> Step:
        """Return a stage of a session with the hashes of what it reads now.

        Raises
        ------
        DocumentError
            What it reads is not published.
        """
        paths, day = self.paths.keeping(self.paths.sequence).at(block), block.day
        inputs = {
            f"{paths.relative(folder)}/{name}": entry.sha256
            for folder in stage.inputs(paths, day)
            for name, entry in read_manifest(folder).outputs.items()
        }
        now = stage.deciding(self.study)
        then = tuple(name for name in stage.sections if name not in stage.undeclared)
        return Step(
            stage=stage,
            paths=paths,
            day=day,
            folder=paths.folder(stage.name, day),
            working=paths.working(stage.name, day),
            inputs=inputs,
            input_hash=self._input_hash(stage, block, now, inputs),
            older_input_hash=self._input_hash(stage, block, then, inputs) if then != now else None,
        )

    def _input_hash(self, stage: Stage, block: Block, sections: tuple[str, ...], inputs: dict[str, str]) -> str:
        return input_hash(stage.name, block, study=self.study, protocol=self.protocol, sections=sections, inputs=inputs)
