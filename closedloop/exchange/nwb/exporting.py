"""A session of a study as a file in a folder: written whole, inspected, and only then named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from closedloop.artifacts.commands.exported_files import ExportedFile
from closedloop.errors import RecordingError, StudyError
from closedloop.exchange.nwb.argument_checks import remembered_checks
from closedloop.exchange.nwb.assembling import AssembledFile, assemble
from closedloop.exchange.nwb.inspection import findings
from closedloop.exchange.nwb.kept import ExportFolder, bytes_of, made_from, note_file
from closedloop.exchange.nwb.naming import file_name, session_id
from closedloop.exchange.nwb.pictures import add_images, pictures_of
from closedloop.exchange.nwb.session import ExportedSession
from closedloop.exchange.nwb.tables import Storage
from closedloop.exchange.nwb.writing import write_nwb, write_zarr
from closedloop.execution.progress import ProgressCallback
from closedloop.storage import make_folder, remove_file, remove_folder, rename, storage_errors, sync_tree
from closedloop.storage.folders import sync_file

_MESSAGES = "_with-messages"  # of a file that archives would not take
_IDENTIFIER_DIGITS = 32


@dataclass(frozen=True)
class SessionExport:
    """What became of a session.

    Attributes
    ----------
    path
        Its file.
    n_bytes
        Of it.
    assembled
        What was written.
    messages
        What the inspector and the validator say.
    """

    path: Path
    n_bytes: int
    assembled: AssembledFile
    messages: tuple[str, ...] = ()


def export_session(
    session: ExportedSession, folder: ExportFolder, *, key: str, started: datetime | None, progress: ProgressCallback
) -> SessionExport:
    """Write a session's file, have it inspected, and give it its name, or one that says that it has messages.

    Parameters
    ----------
    session
        The session.
    folder
        Where its file is to lie.
    key
        What it is made from, by `made_from`.
    started
        When its recording began, where its files do not say; None: they do.
    progress
        Called with (bytes written, bytes in all).

    Raises
    ------
    RecordingError
        Nothing says when the recording began.
    StudyError
        The session was made again meanwhile.
    """
    path = folder.out / file_name(session, suffix=folder.suffix)
    refused = path.with_name(f"{path.name.removesuffix(folder.suffix)}{_MESSAGES}{folder.suffix}")
    working = path.with_name(f".{path.name.removesuffix(folder.suffix)}.partial{folder.suffix}")
    with storage_errors(path), remembered_checks():
        make_folder(path.parent)
        for left in (working, refused):
            _remove(left)
        identifier = f"{session_id(session)}-{key[:_IDENTIFIER_DIGITS]}"
        file = assemble(
            session,
            _start(session, started),
            identifier=identifier,
            voltage=folder.voltage,
            storage=Storage(progress, zarr=folder.zarr),
        )
        if folder.zarr:
            write_zarr(file.content, working)
        else:
            pictures = partial(add_images, pictures=pictures_of(session), after=file.images, identifier=identifier)
            write_nwb(file.content, working, then=pictures)
        messages = findings(working)
        if made_from(session, folder, started=started) != key:
            _remove(working)
            raise StudyError(
                f"{session.files.paths.root}: expected a session that stays what it is while it is exported, found "
                "that it was made again. Export again when `closedloop run` is done."
            )
        sync_tree(working) if working.is_dir() else sync_file(working)
        final = refused if messages else path
        _remove(path)
        rename(working, final)
    sha256, n_bytes = bytes_of(final)
    if not messages:
        note_file(session, folder, path, ExportedFile(sha256=sha256, n_bytes=n_bytes, made_from=key))
    return SessionExport(final, n_bytes, file, messages)


def _start(session: ExportedSession, told: datetime | None) -> datetime:
    found = session.started or told
    if found is None:
        raise RecordingError(
            f"{session.files.paths.folder('recording', session.block.day)}: expected when the recording began, found "
            "it neither in the recorder's files nor in the rig's journal. Say it: --day N --started "
            "2026-11-30T09:00:00+00:00."
        )
    return found


def _remove(path: Path) -> None:
    (remove_folder if path.is_dir() else remove_file)(path)
