"""`closedloop status`: what is done, what runs, what comes next, from the ledger and the folders alone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from closedloop.artifacts.study import START_DAY, StudyDocument, StudyPaths
from closedloop.errors import StudyError
from closedloop.study.ledger import StageRecord, holder_of, open_ledger


@dataclass(frozen=True)
class Status:
    """A study at a glance.

    Attributes
    ----------
    holder
        host:pid of the loop that works on it now, or None.
    stages
        The ledger's rows.
    """

    study: str
    subject: str
    simulated: bool
    protocol: str
    holder: str | None
    stages: tuple[StageRecord, ...]


def read_status(study: Path) -> Status:
    """Read a study's state.

    Raises
    ------
    StudyError
        The folder is no study.
    """
    paths = StudyPaths(study.resolve())
    if not paths.study.is_file():
        raise StudyError(f"{paths.root}: expected a study folder, found no study.json. Correct the path.")
    document = StudyDocument.read(paths.study)
    records: tuple[StageRecord, ...] = ()
    if paths.ledger.is_file():
        with open_ledger(paths.ledger) as ledger:
            records = tuple(ledger.records())
    return Status(
        study=str(paths.root),
        subject=document.subject,
        simulated=document.simulated,
        protocol=document.protocol_name,
        holder=holder_of(paths.root),
        stages=records,
    )


def status_as_json(status: Status) -> str:
    """Return the state as JSON."""
    return json.dumps(asdict(status), indent=2)


def status_lines(status: Status) -> list[str]:
    """Return the state as text, one line per day."""
    kind = "SIMULATED study" if status.simulated else "study"
    lines = [f"{kind} of {status.subject}, protocol {status.protocol}, in {status.study}"]
    days = sorted({record.day for record in status.stages})
    lines += [_day_line(day, [record for record in status.stages if record.day == day]) for day in days]
    lines += [f"  day {record.day} {record.stage}: {record.error}" for record in status.stages if record.error]
    if not status.stages:
        lines.append("nothing done yet: `closedloop run` begins")
    lines.append(f"a loop is running: {status.holder}" if status.holder else "no loop is running")
    return lines


def _day_line(day: int, records: list[StageRecord]) -> str:
    name = "start " if day == START_DAY else f"day {day:>2}"
    stages = [record.stage if record.state == "done" else f"{record.stage} ({record.state})" for record in records]
    seconds = sum(record.seconds or 0 for record in records)
    return f"  {name}  {' '.join(stages)}  [{seconds:.0f} s]"
