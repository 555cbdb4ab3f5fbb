"""`closedloop verify`: everything a study promises, read again; a line for every fault."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer

from closedloop.artifacts.study import StudyPaths
from closedloop.commands.days import count
from closedloop.commands.interrupts import interruptible
from closedloop.execution.progress import bar
from closedloop.plain_text.printed import printed
from closedloop.storage import resolved
from closedloop.study.verification.study import Verification, verify_study


def verify(study: Path, *, as_json: bool) -> None:
    """Read a study and print what is wrong with it.

    Raises
    ------
    ClosedLoopError
        There is no study to read.
    typer.Exit
        There is a fault: code 1; or interrupted: code 130.
    """
    with interruptible("Stopped. Nothing was written; run the same command again."), bar("reading") as progress:
        found = verify_study(StudyPaths(resolved(study)), progress=progress)
    typer.echo(json.dumps(asdict(found), indent=2) if as_json else printed(_lines(found)))
    if found.faults:
        raise typer.Exit(1)


def _lines(found: Verification) -> list[str]:
    read = f"{count(found.n_files, 'file')}, {found.n_bytes / 1e9:.3f} GB read"
    return [
        *(fault.message for fault in found.faults),
        *(f"note: {note}" for note in found.notes),
        f"{found.study}: {read}: {count(len(found.faults), 'fault')}.",
    ]
