"""What tells where a study is, read again only when it changed: its documents, its ledger, what is to be made again."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.service.unchanged import while_unchanged
from closedloop.study.ledger import StageRecord, read_records
from closedloop.study.outdated.stages import outdated_now
from closedloop.study.outdated.told import Outdated


@while_unchanged()
def read_document(path: Path) -> StudyDocument:
    """Read a study's identity.

    Raises
    ------
    DocumentError
        It is damaged.
    """
    return StudyDocument.read(path)


@while_unchanged()
def read_served_protocol(path: Path) -> Protocol:
    """Read a study's protocol.

    Raises
    ------
    DocumentError
        It is damaged.
    """
    return read_protocol(path)


def _with_log(ledger: Path) -> tuple[Path, ...]:
    return ledger, ledger.with_name(f"{ledger.name}-wal")


@while_unchanged(files=_with_log)
def read_ledger(path: Path) -> tuple[StageRecord, ...]:
    """Read a study's ledger.

    Raises
    ------
    DocumentError
        It is damaged.
    """
    return read_records(path)


def _that_decide(root: Path) -> tuple[Path, ...]:
    """Return the files by which a change of what is published, or decided, shows."""
    paths = StudyPaths(root)
    return paths.amendments, paths.protocol, paths.study, *_with_log(paths.ledger)


@while_unchanged(files=_that_decide)
def read_outdated(root: Path) -> tuple[Outdated, ...]:
    """Return what the next run makes again in a study.

    Raises
    ------
    ClosedLoopError
        Something is damaged by which that is known.
    """
    paths = StudyPaths(root)
    return outdated_now(paths, read_document(paths.study)) if paths.amendments.exists() else ()
