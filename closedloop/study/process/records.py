"""What is done of a study: the ledger's rows, or what the folders tell where it cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from closedloop.artifacts.amended.kept import recordings_to_seal
from closedloop.artifacts.manifest import MANIFEST_NAME, missing_line, read_manifest
from closedloop.artifacts.records.amendments import whole_amendments
from closedloop.artifacts.records.sequence import START as NO_SESSION
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import STAGES, START, StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.study.ledger import StageRecord, read_records


@contextmanager
def noted(damaged: list[str]) -> Iterator[None]:
    """Note what cannot be read in the block, and go on after it."""
    try:
        yield
    except ClosedLoopError as error:
        if str(error) not in damaged:  # several look at the same file
            damaged.append(str(error))


def known_records(paths: StudyPaths, damaged: list[str]) -> tuple[StageRecord, ...]:
    """Return the ledger's rows, or what the published folders tell where it cannot be read.

    Parameters
    ----------
    paths
        The study.
    damaged
        Grows by a line for what cannot be read.
    """
    if paths.ledger.exists() or paths.ledger.is_symlink():
        with noted(damaged):
            if records := read_records(paths.ledger):
                return records
    published = tuple(_published(paths, damaged))
    if published and not damaged:
        damaged.append(
            f"{paths.ledger}: expected the ledger of what the folders hold, found none. "
            "`closedloop run` writes a new one."
        )
    return published


def missing_of(
    paths: StudyPaths, records: Sequence[StageRecord], damaged: list[str], *, simulated: bool
) -> tuple[str, ...]:
    """Return what is not there of stages that are done: the ledger remembers that they were published, no more.

    Parameters
    ----------
    paths, records
        The study, and what is known of it.
    damaged
        Grows by a line for what cannot be read.
    simulated
        Whether the study is.
    """
    lines = []
    to_seal = recordings_to_seal(paths, whole_amendments(paths.amendments))
    for record in records:
        if record.state == "done" and (folder := _folder(paths, record)) not in to_seal:
            with noted(damaged):
                lines.append(missing_line(folder, simulated=simulated))
    return tuple(filter(None, lines))


def _folder(paths: StudyPaths, record: StageRecord) -> Path:
    return paths.at(Block(record.day, record.block)).folder(record.stage, record.day)


def _published(paths: StudyPaths, damaged: list[str]) -> Iterator[StageRecord]:
    folders = [
        (NO_SESSION, START, paths.start),
        *((block, stage, paths.at(block).folder(stage, block.day)) for block in paths.found() for stage in STAGES),
    ]
    for block, stage, folder in folders:
        if (folder / MANIFEST_NAME).is_file():
            with noted(damaged):
                manifest = read_manifest(folder)
                made = manifest.input_hash, "", 0, None, manifest.seconds
                yield StageRecord(block.day, stage, "done", *made, block=block.number)
