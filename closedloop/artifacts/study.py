"""A study on disk: its identity (study.json) and where everything lies."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.protocol.numbers import MOST_OF_PATH, Name, Rounds
from closedloop.artifacts.recorder import RecorderDescription
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.records.sequence import (
    AMENDMENTS_NAME,
    STUDY_NAME,
    Block,
    BlockSequence,
    block_of_folder,
    read_sequence,
)

STAGES = ("plan", "synthesize", "schedule", "present", "recording", "ingest", "refit", "evaluate", "queue")
"""The stages of a day in their order, each also the name of its folder. The one list of them."""

BROUGHT = ("present", "recording")
"""Stages whose files come from the rig and the recorder in a real study: they cannot be made again."""

QUEUE_STAGE = STAGES[-1]
"""The stage that chooses the images of the next session."""

START = "start"
"""The stage that every study begins with; it belongs to no day."""

INPUTS = "inputs"
"""The folder of what the study is made from and does not hold; no stage, it is there before the first one."""

IMPORTED = "imported"
"""The folder of responses that were recorded elsewhere; no stage, and only where there are any."""

REPORT_PAGES = "report"
"""Folder of the pages, drawn from the documents."""

REPLACED = "replaced"
"""The folder of a day that keeps recordings which gave way to better copies."""

GATES_FOLDER = "gates"
"""The folder of a day that holds what its gates found; it is no stage's."""

METADATA_NAME, CHECKLIST_NAME, ANSWERS_NAME = "metadata.json", "checklist.md", "answers.yaml"
"""What `closedloop new` writes into a study beside what `init` does; no stage reads it."""

REHEARSAL_NAME = "rehearsal.json"
"""The file by which a copy of a study is known for a rehearsal."""

START_DAY = -1
"""Where a day is asked for, the day of the study's start."""


NsxSuffix = Literal[".ns1", ".ns2", ".ns3", ".ns4", ".ns5", ".ns6"]
NSX_SUFFIXES: tuple[NsxSuffix, ...] = get_args(NsxSuffix)


class ArrayFiles(Section):
    """Which of the recorder's files are of one of a study's arrays, where their names do not tell."""

    name: str = Field(min_length=1)
    files: str = Field(min_length=1, description="pattern of their names, capitals aside: LEFT*")


class StudyDocument(Document):
    """study.json: who, simulated or real, which versions. Written once by init."""

    kind: Literal["study"] = "study"
    study_id: Name = Field(description="hash of subject, protocol and seed: marks every session of the study")
    subject: Name
    protocol_name: Name
    protocol_sha256: Name
    code_version: Name = Field(description="closedloop that made the study")
    arrays: tuple[str, ...] = Field(
        description="as init was told, or as they are simulated; empty where only the recording tells (named array1 "
        "before December 2026)"
    )
    array_files: tuple[ArrayFiles, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="in the order of the processors' numbers, from 1; empty where the files' names tell (nsp1, array2)",
    )
    recorder: RecorderDescription | None = Field(
        default=None, exclude_if=operator.not_, description="where it is not Blackrock's; decides ingest alone"
    )
    nsx: tuple[NsxSuffix, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="files that each array's recording has besides its .nev: a day without them is not complete",
    )
    sessions_are_brought: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="of a simulated study: whether its sessions and recordings are brought into it, as an animal's are",
    )
    rounds: Rounds = Field(
        default=1,
        exclude_if=lambda rounds: rounds == 1,
        description="sessions that the protocol cuts each day after day 0 into; what people added or dropped since "
        "stands in amendments.jsonl",
    )
    pool: PoolDescription
    base_model: str = Field(
        max_length=MOST_OF_PATH, description="name of shipped weights or path of the file that was imported"
    )


@dataclass(frozen=True)
class DayPaths:
    """The folders of one recording day."""

    root: Path

    def folder(self, stage: str) -> Path:
        """Return the published folder of a stage."""
        return self.root / stage

    def working(self, stage: str) -> Path:
        """Return the folder a stage writes into before it is published; a killed stage finds its own work there."""
        return self.root / f".{stage}.partial"


@dataclass(frozen=True)
class StudyPaths:
    """Where the files of a study lie, seen from one of its sessions.

    Attributes
    ----------
    root
        The study's folder.
    seen_from
        The second or a further session of a day: that day's number means it here. Every other day's means the first.
    fixed
        The study's sessions as they were when something began that keeps to them; None: as they are when it is asked.
    """

    root: Path
    seen_from: Block | None = None
    fixed: BlockSequence | None = None

    def at(self, block: Block) -> StudyPaths:
        """Return the same seen from one of a day's sessions."""
        return replace(self, seen_from=block if block.number > 1 else None)

    def keeping(self, sequence: BlockSequence) -> StudyPaths:
        """Return the same with the study's sessions as they are now, whatever people decide from here on."""
        return replace(self, fixed=sequence)

    def block(self, day: int) -> Block:
        """Return the session that a day's number means here."""
        seen = self.seen_from
        return seen if seen is not None and seen.day == day else Block(day)

    @property
    def sequence(self) -> BlockSequence:
        """The study's sessions in order.

        Raises
        ------
        DocumentError
            The amendments, or study.json, are damaged.
        """
        return self.fixed if self.fixed is not None else read_sequence(self.root)

    @property
    def protocol(self) -> Path:
        """The protocol as the study was made with."""
        return self.root / "protocol.yaml"

    @property
    def study(self) -> Path:
        """The study's identity."""
        return self.root / STUDY_NAME

    @property
    def metadata(self) -> Path:
        """Animal, arrays and people; where `closedloop new` made the study, or somebody wrote it."""
        return self.root / METADATA_NAME

    @property
    def checklist(self) -> Path:
        """What the first day needs, for people to read."""
        return self.root / CHECKLIST_NAME

    @property
    def answers(self) -> Path:
        """What `closedloop new` was told."""
        return self.root / ANSWERS_NAME

    @property
    def rehearsal(self) -> Path:
        """What the study rehearses, in a copy that `closedloop rehearse` made; no other has it."""
        return self.root / REHEARSAL_NAME

    @property
    def amendments(self) -> Path:
        """What people decided after the study began, a line each."""
        return self.root / AMENDMENTS_NAME

    @property
    def ledger(self) -> Path:
        """The SQLite ledger."""
        return self.root / "ledger.sqlite"

    @property
    def start(self) -> Path:
        """What day 0 starts from: the first queue and model 0."""
        return self.root / START

    @property
    def report(self) -> Path:
        """The pages and sensitivity.csv."""
        return self.root / REPORT_PAGES

    @property
    def inputs(self) -> Path:
        """The list of images and the base model's hash: what the study is made from and does not hold."""
        return self.root / INPUTS

    @property
    def imported(self) -> Path:
        """Responses that were recorded elsewhere, which the study's model begins fitted to; only where there are."""
        return self.root / IMPORTED

    def day(self, day: int) -> DayPaths:
        """Return the folders of a day's session."""
        return DayPaths(self.root / self.block(day).folder_name)

    def found(self) -> tuple[Block, ...]:
        """Return the sessions of which there is a folder, in order; also those that people decided not to have."""
        blocks = (block_of_folder(path.name) for path in self.root.glob("day-[0-9]*") if path.is_dir())
        return tuple(sorted(block for block in blocks if block is not None))

    def handed_on(self, stage: str, day: int) -> Path:
        """Return the published folder from which a day takes what a stage of the session before hands on.

        Images are handed on by a lost session too: it used some. The session before the first is the study's start.

        Parameters
        ----------
        stage
            Which leaves it.
        day
            Which takes it.
        """
        block, sequence = self.block(day), self.sequence
        before = sequence.before_in_images(block) if stage == QUEUE_STAGE else sequence.before(block)
        return self.at(before).folder(stage, before.day)

    def replaced(self, day: int) -> Path:
        """Return where a day's recordings are kept that a better copy took the place of."""
        return self.day(day).root / REPLACED

    def kept(self, day: int, number: int) -> Path:
        """Return where a day's recording is kept that was replaced as the first one, the second one and so on."""
        return self.replaced(day) / f"recording-{number}"

    def folder(self, stage: str, day: int) -> Path:
        """Return the published folder of a stage of a day, or of the study's start."""
        return self.start if day == START_DAY else self.day(day).folder(stage)

    def working(self, stage: str, day: int) -> Path:
        """Return the folder that a stage of a day, or the study's start, writes into before it is published."""
        return DayPaths(self.root).working(stage) if day == START_DAY else self.day(day).working(stage)

    def relative(self, path: Path) -> str:
        """Return a path as the ledger and the manifests name it."""
        return path.relative_to(self.root).as_posix()
