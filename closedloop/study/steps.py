"""What there is to do and what it is made from: every stage of every day with the hashes of what it reads now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.artifacts.amended.decided import SAID, decided
from closedloop.artifacts.amended.kept import folders_that_differ, of_folder, outputs_of, source_of
from closedloop.artifacts.amended.protocols import protocol_hashes, protocol_of_day
from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.input_hash import input_hash
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import START, Block, BlockSequence, block_of_folder, sequence_of
from closedloop.artifacts.study import BROUGHT, START_DAY, StudyDocument, StudyPaths
from closedloop.study.ledger import ledger_key
from closedloop.study.table import Stage, StageTable

MADE_AGAIN = frozenset({"close_day", "exclude", "include", "reopen_day", "replace_recording"})
"""Kinds of decision that have stages after a session made again, and by them models that later days were made with."""


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
    protocol
        The one that it goes by: of its day, with what was amended.
    inputs
        sha256 of every file it reads now, by path relative to the study.
    decisions
        What people decided of it up to now, by the decision's name.
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
    protocol: Protocol
    inputs: dict[str, str]
    decisions: dict[str, str]
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

    def reads(self) -> list[Path]:
        """Return the published folders that it reads."""
        return self.stage.reads(self.paths, self.day, protocol=self.protocol, decided=bool(self.decisions))

    def is_of(self, manifest: Manifest) -> bool:
        """Return whether a manifest is of what it reads and what is decided now, as this or older versions count."""
        return manifest.input_hash in (self.input_hash, self.older_input_hash)

    def what_changed(self, manifest: Manifest) -> str:
        """Return in a few words which inputs and decisions are others than those of a manifest."""
        changed = [SAID.get(name, name) for name in _differing(manifest.decisions, self.decisions)]
        changed += _differing(manifest.inputs, self.inputs)
        if not changed:
            return "the protocol or the study changed"
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return f"{changed[0]}{more} changed"


@dataclass(frozen=True)
class Steps:
    """All steps of a study; what people decided is read afresh at each.

    Attributes
    ----------
    protocol
        As in protocol.yaml: that of every day for which nothing was amended.
    read
        How people's decisions are read.
    manifest_of
        How the manifest of a folder that a step reads is read.
    """

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    table: StageTable
    read: Callable[[Path], tuple[Amendment, ...]] = read_amendments
    manifest_of: Callable[[Path], Manifest] = read_manifest

    def amendments(self) -> tuple[Amendment, ...]:
        """Read what people decided so far."""
        return self.read(self.paths.amendments)

    def sequence(self) -> BlockSequence:
        """Return which sessions there are now."""
        return sequence_of(standing(self.amendments()), rounds=self.study.rounds)

    def protocol_of(self, stage: Stage, paths: StudyPaths, day: int) -> Protocol:
        """Return the protocol that a stage goes by, with what was amended up to now.

        Parameters
        ----------
        stage
            Which.
        paths, day
            The study, seen from the session.
        """
        return protocol_of_day(self.protocol, self.amendments(), stage.protocol_day(paths, day))

    def in_order(self, n_days: int) -> Iterator[Step]:
        """Yield the steps of the first days, each made when it is asked for: by then what it reads is published.

        Where people decide on another sequence of sessions meanwhile, they come again from the first.
        """
        stages = {stage.name: stage for stage in (self.table.start, *self.table.day)}
        known, yielded = None, set[tuple[Block, str]]()
        while True:
            sequence = self.sequence()  # people may decide on sessions while a stage is at work
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
        same_protocol = manifest.protocol_sha256 == protocol_sha256(step.protocol)
        if (same_protocol or step.stage.is_brought(self.study)) and manifest.input_hash == step.older_input_hash:
            return True
        return self.stands_as_shown(step, manifest)

    def stands_as_shown(self, step: Step, manifest: Manifest) -> bool:
        """Return whether a folder is what a session was shown from, by decisions since then alone no longer followed.

        A decision about earlier days (what is left out of a fit, another recording) may give a model that another
        session would have been made with. What an animal saw stands nevertheless: it is as it was sealed, from the
        inputs and the decisions that its manifest names, by today's protocol; what was made again of its inputs is kept
        as it was; and nothing of its own day changed.

        Parameters
        ----------
        step
            A stage before a session, or in it.
        manifest
            Of its published folder.
        """
        shown_in = step.stage.shown_in(step.paths, step.day)
        if shown_in is None or not was_shown(self.paths.at(shown_in), shown_in.day):
            return False
        if not any(one.kind in MADE_AGAIN for one in self.amendments()):
            return False
        if any(not _is_of_an_earlier_session(name, shown_in) for name in _differing(manifest.inputs, step.inputs)):
            return False
        folders = folders_that_differ(manifest.inputs, step.inputs)
        return self._is_of_its_inputs(step, manifest) and all(
            source_of(self.paths, manifest.inputs, folder) for folder in folders
        )

    def is_to_be_kept(self, step: Step, manifest: Manifest) -> bool:
        """Return whether a folder that is to be made again was what a session was made from that an animal has seen.

        Not where the protocol has another made: then what was made from it is made again too, or refused.

        Parameters
        ----------
        step
            Which no longer follows from its inputs, or from what people decided.
        manifest
            Of its published folder.
        """
        if not any(one.kind in MADE_AGAIN for one in self.amendments()) or not self._is_of_its_inputs(step, manifest):
            return False
        folder, now = self.paths.relative(step.folder), outputs_of(self.paths, step.folder, manifest)
        return any(
            of_folder(read_manifest(shown).inputs, folder) == now
            for shown in self._shown_folders()
            if (shown / MANIFEST_NAME).is_file()
        )

    def _shown_folders(self) -> Iterator[Path]:
        for stage in self.table.day:
            for block in self.paths.found():
                at = self.paths.at(block)
                shown_in = stage.shown_in(at, block.day)
                if shown_in is not None and was_shown(self.paths.at(shown_in), shown_in.day):
                    yield at.folder(stage.name, block.day)

    def _is_of_its_inputs(self, step: Step, manifest: Manifest) -> bool:
        """Return whether a manifest is of the inputs and the decisions that it names, by today's protocol."""
        then = tuple(name for name in step.stage.sections if name not in step.stage.undeclared)
        return manifest.input_hash in {
            self._input_hash(step, sections, manifest.inputs, manifest.decisions)
            for sections in (step.stage.deciding(self.study, self.paths), then)
        }

    def edited(self, step: Step, manifest: Manifest) -> str:
        """Return in a few words what was edited in a manifest that follows; empty where nothing was.

        What its hash is made of has to stand beside it as it was, and so does what follows from the study alone.
        """
        if step.is_of(manifest) and manifest.inputs != step.inputs:  # else it stands as it was shown, see `follows`
            return f"other inputs than its input_hash is made of ({step.what_changed(manifest)})"
        if step.is_of(manifest) and manifest.decisions != step.decisions:
            return f"other decisions than its input_hash is made of ({step.what_changed(manifest)})"
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
        if not self.study.simulated and manifest.protocol_sha256 not in self._protocols_gone_by():
            return "a protocol_sha256 that is not the study's"
        if (manifest.day, manifest.block) != (None if block == START else block.day, block.number):
            return f"day {manifest.day}" + (f", block {manifest.block}" if manifest.block != block.number else "")
        return ""

    def _protocols_gone_by(self) -> set[str]:
        return {self.study.protocol_sha256, *protocol_hashes(self.amendments())}

    def step(self, stage: Stage, block: Block) -> Step:
        """Return a stage of a session with the hashes of what it reads now, and with what people decided up to now.

        Raises
        ------
        DocumentError
            What it reads is not published, or the study's amendments are damaged.
        """
        amendments = self.amendments()
        paths, day = self.paths.keeping(self.sequence()).at(block), block.day
        protocol = protocol_of_day(self.protocol, amendments, stage.protocol_day(paths, day))
        decisions = decided(amendments, stage.decisions, session=block, rounds=self.study.rounds)
        inputs = {
            f"{paths.relative(folder)}/{name}": entry.sha256
            for folder in stage.reads(paths, day, protocol=protocol, decided=bool(decisions))
            for name, entry in self.manifest_of(folder).outputs.items()
        }
        now = stage.deciding(self.study, paths)
        then = tuple(name for name in stage.sections if name not in stage.undeclared)
        step = Step(
            stage=stage,
            paths=paths,
            day=day,
            folder=paths.folder(stage.name, day),
            working=paths.working(stage.name, day),
            protocol=protocol,
            inputs=inputs,
            decisions=decisions,
            input_hash="",
            older_input_hash=None,
        )
        return replace(
            step,
            input_hash=self._input_hash(step, now, inputs, decisions),
            older_input_hash=self._input_hash(step, then, inputs, decisions) if then != now else None,
        )

    def _input_hash(
        self, step: Step, sections: tuple[str, ...], inputs: Mapping[str, str], decisions: Mapping[str, str]
    ) -> str:
        return input_hash(
            step.stage.name,
            step.block,
            study=self.study,
            protocol=step.protocol,
            sections=sections,
            inputs=inputs,
            decisions=decisions,
        )


def was_shown(paths: StudyPaths, day: int) -> bool:
    """Return whether anybody brought something of a day's session: an animal has seen it, sealed or not."""
    return any(not file.name.startswith(".") for stage in BROUGHT for file in paths.folder(stage, day).glob("*"))


def _is_of_an_earlier_session(name: str, block: Block) -> bool:
    """Return whether a file of the study, by its path in it, is of a session before another."""
    of = block_of_folder(name.partition("/")[0])
    return of is not None and of < block


def _differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name in sorted(set(before) | set(now)) if before.get(name) != now.get(name)]
