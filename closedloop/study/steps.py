"""What there is to do and what it is made from: every stage of every day with the hashes of what it reads now."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.artifacts.amended.decided import SAID, decided
from closedloop.artifacts.amended.kept import folders_that_differ, of_folder, outputs_of, source_of
from closedloop.artifacts.amended.protocols import protocol_hashes, protocol_of_day
from closedloop.artifacts.input_hash import input_hash
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.study import BROUGHT, START_DAY, StudyDocument, StudyPaths
from closedloop.study.table import Stage, StageTable

_OF_DAY = re.compile(r"day-(\d+)[./]")

MADE_AGAIN = frozenset({"close_day", "exclude", "include", "reopen_day", "replace_recording"})
"""Kinds of decision that have stages after a session made again, and by them models that later days were made with."""


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
    decisions
        What people decided of it up to now, by the decision's name.
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
    decisions: dict[str, str]
    input_hash: str
    older_input_hash: str | None

    @property
    def name(self) -> str:
        """How a person is told of it."""
        return self.stage.name if self.day == START_DAY else f"day-{self.day:02d} {self.stage.name}"

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
    """

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    table: StageTable
    read: Callable[[Path], tuple[Amendment, ...]] = read_amendments

    def amendments(self) -> tuple[Amendment, ...]:
        """Read what people decided so far."""
        return self.read(self.paths.amendments)

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
        shown_on = step.stage.shown_on(step.day)
        if shown_on is None or not was_shown(self.paths, shown_on):
            return False
        if not any(one.kind in MADE_AGAIN for one in self.amendments()):
            return False
        if any(not _is_of_an_earlier_day(name, shown_on) for name in _differing(manifest.inputs, step.inputs)):
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
            for day in range(self.protocol.days):
                shown_on = stage.shown_on(day)
                if shown_on is not None and was_shown(self.paths, shown_on):
                    yield self.paths.folder(stage.name, day)

    def _is_of_its_inputs(self, step: Step, manifest: Manifest) -> bool:
        """Return whether a manifest is of the inputs and the decisions that it names, by today's protocol."""
        then = tuple(name for name in step.stage.sections if name not in step.stage.undeclared)
        return manifest.input_hash in {
            self._input_hash(step, sections, manifest.inputs, manifest.decisions)
            for sections in (step.stage.deciding(self.study), then)
        }

    def edited(self, step: Step, manifest: Manifest) -> str:
        """Return in a few words what was edited in a manifest that follows; empty where nothing was.

        What its hash is made of has to stand beside it as it was, and so does what follows from the study alone.
        """
        if step.is_of(manifest) and manifest.inputs != step.inputs:  # else it stands as it was shown, see `follows`
            return f"other inputs than its input_hash is made of ({step.what_changed(manifest)})"
        if step.is_of(manifest) and manifest.decisions != step.decisions:
            return f"other decisions than its input_hash is made of ({step.what_changed(manifest)})"
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
        """Return a stage of a day with the hashes of what it reads now, and with what people decided up to now.

        Raises
        ------
        DocumentError
            What it reads is not published, or the study's amendments are damaged.
        """
        amendments = self.amendments()
        protocol = protocol_of_day(self.protocol, amendments, stage.protocol_day(day))
        decisions = decided(amendments, stage.decisions, day=day)
        inputs = {
            f"{self.paths.relative(folder)}/{name}": entry.sha256
            for folder in stage.reads(self.paths, day, decided=bool(decisions))
            for name, entry in read_manifest(folder).outputs.items()
        }
        now = stage.deciding(self.study)
        then = tuple(name for name in stage.sections if name not in stage.undeclared)
        step = Step(
            stage=stage,
            day=day,
            folder=self.paths.folder(stage.name, day),
            working=self.paths.working(stage.name, day),
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
            step.day,
            study=self.study,
            protocol=step.protocol,
            sections=sections,
            inputs=inputs,
            decisions=decisions,
        )


def was_shown(paths: StudyPaths, day: int) -> bool:
    """Return whether anybody brought something of a day's session: an animal has seen it, sealed or not."""
    return any(not file.name.startswith(".") for stage in BROUGHT for file in paths.folder(stage, day).glob("*"))


def _is_of_an_earlier_day(name: str, day: int) -> bool:
    """Return whether a file of the study, by its path in it, is of a day before another."""
    of_day = _OF_DAY.match(name)
    return of_day is not None and int(of_day.group(1)) < day


def _differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name in sorted(set(before) | set(now)) if before.get(name) != now.get(name)]
