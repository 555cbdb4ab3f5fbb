"""`closedloop export nwb`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.amending.options import StudyFolder
from closedloop.commands.extras import require_extra
from closedloop.errors import visible


def export_nwb(
    study: StudyFolder,
    *,
    day: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="one recording day, from 0  [default: all]")
    ] = None,
    session: Annotated[
        int | None, typer.Option(min=1, metavar="K", help="with --day: one of its sessions, from 1  [default: all]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="where the files go  [default: STUDY-nwb, beside the study]")
    ] = None,
    subject: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="YAML with animal, arrays and people  [default: the study's metadata.json]"),
    ] = None,
    voltage: Annotated[bool, typer.Option("--voltage", help="also the raw voltage: as large as the recording")] = False,
    truth: Annotated[
        bool, typer.Option("--truth", help="also what the hidden cortex of a simulated study did, marked as such")
    ] = False,
    zarr: Annotated[bool, typer.Option("--zarr", help="Zarr stores in place of HDF5 files")] = False,
    started: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="with --day: when the recording began, where its files do not say"),
    ] = None,
) -> None:
    """Write each recorded session as an NWB file, named as DANDI wants it, inspected and validated.

    Run the same command again to resume: files that are whole are kept. Exits with 1 where the inspector or the
    validator has a message; the file's name says so then.
    """
    for extra in ("lab", "nwb", *(("zarr",) if zarr else ())):
        require_extra(extra)
    from closedloop.commands.exchange.nwb_asked import check_request  # noqa: PLC0415 - pandas

    asked = check_request(
        study,
        day=day,
        number=session,
        out=out,
        subject=subject,
        started=started,
        voltage=voltage,
        truth=truth,
        zarr=zarr,
    )
    from closedloop.commands.exchange.nwb_sessions import export_sessions, told  # noqa: PLC0415 - once all fits

    clean = True
    for block, done in export_sessions(asked):
        for line in told(block, done):
            typer.echo(visible(line))
        clean = clean and not done.messages
    if not clean:
        raise typer.Exit(1)
