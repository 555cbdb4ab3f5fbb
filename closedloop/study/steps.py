"""What there is to do and what it is made from: every stage of every day with the hashes of what it reads now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.amended.protocols import protocol_hashes, protocol_of_day
from closedloop.artifacts.input_hash import input_hash
from closedloop.artifacts.manifest import Manifest, read_manifest
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.study import START_DAY, StudyDocument, StudyPaths
from closedloop.study.table import Stage, StageTable


@dataclass(frozen=True)
class Step:
    """A stage of a day.

    Attributes
    ----------
    folder
        Where it is published.
    working
        Where it is made.
    protocol
        The one that it goes by: of its day, with what was amended.
    inputs
        sha256 of every file it reads now, by path relative to the study.
    input_hash
        sha256 over all that decides its result.
    older_input_hash
        The same as older versions counted it: some stages declared fewer sections, see `Stage`, and what a person
        brings was said to be decided by some. None where they counted as this one.
    """

    stage: Stage
    day: int
    folder: Path
    working: Path
    protocol: Protocol
    inputs: dict[str, str]
    input_hash: str
    older_input_hash: str | None

    @property
    def name(self) -> str:
        """How a person is told of it."""
        return self.stage.name if self.day == START_DAY else f"day-{self.day:02d} {self.stage.name}"

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
    """All steps of a study; what was amended is read afresh at each.

    Attributes
    ----------
    protocol
        As in protocol.yaml: that of every day for which nothing was amended.
    read
        How people's decisions are read.
    """

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    table: StageTable
    read: Callable[[Path], tuple[Amendment, ...]] = read_amendments

    def amendments(self) -> tuple[Amendment, ...]:
        """Read what people decided so far."""
        return self.read(self.paths.amendments)

    def protocol_of(self, day: int) -> Protocol:
        """Return the protocol that a day goes by now; the study's start goes by that of day 0."""
        return protocol_of_day(self.protocol, self.amendments(), day)

    def in_order(self, n_days: int) -> Iterator[Step]:
        """Yield the steps of the first days, each made when it is asked for: by then what it reads is published."""
        yield self.step(self.table.start, START_DAY)
        for day in range(n_days):
            for stage in self.table.day:
                if not (stage.name == "queue" and day == n_days - 1):  # no day after it is wanted
                    yield self.step(stage, day)

    def follows(self, step: Step, manifest: Manifest) -> bool:
        """Return whether a folder follows from its inputs; older versions declared other sections, see `Step`.

        Where they declared fewer, a folder stands with the whole protocol that it was made with.
        """
        if manifest.input_hash == step.input_hash:
            return True
        same_protocol = manifest.protocol_sha256 == protocol_sha256(step.protocol)
        return (same_protocol or step.stage.is_brought(self.study)) and manifest.input_hash == step.older_input_hash

    def edited(self, step: Step, manifest: Manifest) -> str:
        """Return in a few words what was edited in a manifest that follows; empty where nothing was.

        What its hash is made of has to stand beside it as it was, and so does what follows from the study alone.
        """
        if manifest.inputs != step.inputs:
            return f"other inputs than its input_hash is made of ({step.what_changed(manifest)})"
        return self.edited_identity(manifest, stage=step.stage.name, day=step.day)

    def edited_identity(self, manifest: Manifest, *, stage: str, day: int) -> str:
        """Return in a few words what was edited in a manifest of what follows from the study alone.

        The protocol of a simulated study may change after a stage that does not see what changed.

        Parameters
        ----------
        manifest
            A published folder's.
        stage, day
            Which folder's.
        """
        seed = derive_seed(self.protocol.seed, self.study.subject, day, stage)
        if manifest.seed != seed:
            return f"seed {manifest.seed} for {seed}"
        if not self.study.simulated and manifest.protocol_sha256 not in self._protocols_gone_by():
            return "a protocol_sha256 that is not the study's"
        if manifest.day != (None if day == START_DAY else day):
            return f"day {manifest.day}"
        return ""

    def _protocols_gone_by(self) -> set[str]:
        return {self.study.protocol_sha256, *protocol_hashes(self.amendments())}

    def step(self, stage: Stage, day: int) -> Step:
        """Return a stage of a day with the hashes of what it reads now.

        Raises
        ------
        DocumentError
            What it reads is not published.
        """
        inputs = {
            f"{self.paths.relative(folder)}/{name}": entry.sha256
            for folder in stage.inputs(self.paths, day)
            for name, entry in read_manifest(folder).outputs.items()
        }
        protocol = self.protocol_of(stage.protocol_day(day))
        now = stage.deciding(self.study)
        then = tuple(name for name in stage.sections if name not in stage.undeclared)

        def hash_of(sections: tuple[str, ...]) -> str:
            return input_hash(stage.name, day, study=self.study, protocol=protocol, sections=sections, inputs=inputs)

        return Step(
            stage=stage,
            day=day,
            folder=self.paths.folder(stage.name, day),
            working=self.paths.working(stage.name, day),
            protocol=protocol,
            inputs=inputs,
            input_hash=hash_of(now),
            older_input_hash=hash_of(then) if then != now else None,
        )
