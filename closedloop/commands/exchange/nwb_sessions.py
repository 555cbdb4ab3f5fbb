"""`closedloop export nwb`: one session after the other; what is whole is kept, and pynwb loaded for the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from closedloop.artifacts import catalog
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.commands.exchange.nwb_asked import NwbRequest
from closedloop.commands.interrupts import interruptible
from closedloop.devices.device import Device
from closedloop.errors import StorageError
from closedloop.exchange.nwb.kept import ExportFolder, KeptFile, made_from, whole_file
from closedloop.exchange.nwb.session import ExportedSession
from closedloop.execution.progress import bar
from closedloop.plain_text.printed import capitalized
from closedloop.stages.ingest.recording import read_day_devices
from closedloop.stages.ingest.sites import number_on_day_0
from closedloop.storage import folder_held_alone

if TYPE_CHECKING:
    from closedloop.exchange.nwb.exporting import SessionExport


def export_sessions(request: NwbRequest) -> Iterator[tuple[Block, KeptFile | SessionExport]]:
    """Export the sessions that are asked for, one after the other, and yield what became of each.

    Raises
    ------
    ClosedLoopError
        A file of the study is missing or damaged.
    """
    folder = ExportFolder(request.out, request.zarr, request.voltage)
    at_work = f"{request.out}: expected no other export into this folder, found one at work. Wait for its end."
    with folder_held_alone(request.out, refusal=StorageError(at_work), leaves_lock=False):
        yield from _export_each(request, folder)


def _export_each(request: NwbRequest, folder: ExportFolder) -> Iterator[tuple[Block, KeptFile | SessionExport]]:
    for session in request.sessions:
        key = made_from(session, folder, started=request.started)
        whole = whole_file(session, folder, key=key)
        yield session.block, whole if whole is not None else _export(session, folder, request, key)


def _export(session: ExportedSession, folder: ExportFolder, request: NwbRequest, key: str) -> SessionExport:
    from closedloop.exchange.nwb.exporting import export_session  # noqa: PLC0415 - pynwb

    name = in_a_word(session.block)
    again = f"Stopped; {name} was not exported. Run the same command again: what is whole is kept."
    with interruptible(again), bar(f"{name}: NWB") as progress:
        whole = replace(session, devices=devices_of(session))
        return export_session(whole, folder, key=key, started=request.started, progress=progress)


def in_a_word(block: Block) -> str:
    """Return what a session is called: its day, and its number where the day has more."""
    return f"day {block.day}" + (f", session {block.number}" if block.number > 1 else "")


def devices_of(session: ExportedSession) -> tuple[Device, ...]:
    """Read a session's recording as ingest read it, without looking for the photodiode's edges again."""
    files, day = session.files, session.block.day
    wanted = files.protocol_of(day).recording
    first = files.read(catalog.SITES, FIRST.day) if session.block != FIRST else None
    return read_day_devices(
        files.paths.folder("recording", day),
        arrays=tuple(one.files for one in files.study.array_files),
        photodiode=None,
        bridge_ms=wanted.bridge_ms,
        count_noise_unit=wanted.count_noise_unit,
        session_id=session.document.session_id,
        simulated=session.simulated,
        numbered=number_on_day_0(first if first is not None else session.sites),
        recorder=files.study.recorder,
    )


def told(block: Block, done: KeptFile | SessionExport) -> Iterator[str]:
    """Yield what a person is told of a session's file.

    Parameters
    ----------
    block
        The session.
    done
        What became of it.
    """
    name, size = capitalized(in_a_word(block)), f"{done.n_bytes / 1e6:,.1f} MB"
    if isinstance(done, KeptFile):
        yield f"{name}: {done.path} is there and whole ({size})"
        return
    held = done.assembled
    yield (
        f"{name}: {done.path} ({size}): {held.n_spikes:,} spikes, {held.n_trials:,} presentations, {held.n_images:,} "
        f"images; {f'{len(done.messages)} messages' if done.messages else 'inspected and validated without a message'}"
    )
    yield from (f"  left out: {one}" for one in held.left_out)
    yield from (f"  left out by people, and marked: {one}" for one in held.marked)
    yield from (f"  {one}" for one in done.messages)
