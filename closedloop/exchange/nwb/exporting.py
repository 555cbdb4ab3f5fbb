"""Sessions of a study as files in a folder: each is made once, inspected, and named when it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.commands.exported_files import ExportedFile, ExportedFiles
from closedloop.artifacts.manifest import describe_files, missing_line
from closedloop.errors import ManifestError, RecordingError, StudyError
from closedloop.exchange.nwb.assembling import AssembledFile, assemble
from closedloop.exchange.nwb.inspection import findings
from closedloop.exchange.nwb.naming import file_name, session_id
from closedloop.exchange.nwb.results import manifests
from closedloop.exchange.nwb.session import ExportedSession
from closedloop.exchange.nwb.tables import Tally
from closedloop.exchange.nwb.writing import write_nwb, write_zarr
from closedloop.execution.progress import ProgressCallback
from closedloop.storage import (
    make_folder,
    remove_file,
    remove_folder,
    rename,
    sha256_bytes,
    sha256_file,
    storage_errors,
    sync_tree,
)
from closedloop.storage.folders import sync_file

RECORD = "exported.json"
"""The file in the folder of an export that says which files in it are whole, and what they were made from."""

_MESSAGES = "_with-messages"  # of a file that archives would not take
_HDF5, _ZARR = ".nwb", ".nwb.zarr"
_IDENTIFIER_DIGITS = 32


@dataclass(frozen=True)
class ExportFolder:
    """Where files are to lie, and of which kind.

    Attributes
    ----------
    out
        The folder.
    zarr
        Whether each is a Zarr store, not an HDF5 file.
    voltage
        Whether the raw voltage goes into them.
    """

    out: Path
    zarr: bool = False
    voltage: bool = False

    @property
    def suffix(self) -> str:
        """What the files' names end in."""
        return _ZARR if self.zarr else _HDF5

    @property
    def record(self) -> Path:
        """Which of the files are whole."""
        return self.out / RECORD


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
        What was written; None of a file that was there, whole, and is what would be written.
    messages
        What the inspector and the validator say.
    """

    path: Path
    n_bytes: int
    assembled: AssembledFile | None = None
    messages: tuple[str, ...] = ()


def made_from(session: ExportedSession, folder: ExportFolder) -> str:
    """Return the hash of all that a session's file depends on.

    Parameters
    ----------
    session
        The session.
    folder
        Where its file is to lie.

    Raises
    ------
    ManifestError
        A file of the session is missing or was cut.
    """
    told = [f"closedloop {__version__}", repr((session.truth, folder.voltage, folder.zarr))]
    told.append(session.metadata.model_dump_json(exclude={"rig"}))
    for place, manifest in manifests(session):
        if line := missing_line(place, simulated=session.simulated):
            raise ManifestError(line)
        told += [f"{place.name}/{name} {entry.sha256}" for name, entry in sorted(manifest.outputs.items())]
    return sha256_bytes("\n".join(told).encode())


def whole_file(session: ExportedSession, folder: ExportFolder, *, key: str) -> SessionExport | None:
    """Return a session's file that is there already, byte for byte, and is what would be written; else None.

    Parameters
    ----------
    session
        The session.
    folder
        Where its file is to lie.
    key
        What it is made from, by `made_from`.
    """
    name = file_name(session, suffix=folder.suffix)
    entry = read_record(folder, simulated=session.simulated).files.get(name)
    path = folder.out / name
    if entry is None or entry.made_from != key or not path.exists():
        return None
    sha256, n_bytes = _bytes_of(path)
    return SessionExport(path, n_bytes) if sha256 == entry.sha256 else None


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
    with storage_errors(path):
        make_folder(path.parent)
        for left in (working, refused):
            _remove(left)
        file = assemble(
            session,
            _start(session, started),
            identifier=f"{session_id(session)}-{key[:_IDENTIFIER_DIGITS]}",
            voltage=folder.voltage,
            tally=Tally(progress),
        )
        (write_zarr if folder.zarr else write_nwb)(file.content, working)
        messages = findings(working)
        if made_from(session, folder) != key:
            _remove(working)
            raise StudyError(
                f"{session.files.paths.root}: expected a session that stays what it is while it is exported, found "
                "that it was made again. Export again when `closedloop run` is done."
            )
        sync_tree(working) if working.is_dir() else sync_file(working)
        final = refused if messages else path
        _remove(path)
        rename(working, final)
    sha256, n_bytes = _bytes_of(final)
    if not messages:
        _record(session, folder, path, ExportedFile(sha256=sha256, n_bytes=n_bytes, made_from=key))
    return SessionExport(final, n_bytes, file, messages)


def read_record(folder: ExportFolder, *, simulated: bool) -> ExportedFiles:
    """Return which files of the folder are whole.

    Parameters
    ----------
    folder
        Of an export.
    simulated
        Whether the study is.

    Raises
    ------
    StudyError
        The folder has files of studies of the other kind.
    """
    if not folder.record.is_file():
        return ExportedFiles(simulated=simulated)
    found = ExportedFiles.read(folder.record)
    if found.simulated != simulated:
        kinds = {True: "simulated", False: "real"}
        raise StudyError(
            f"{folder.out}: expected files of {kinds[simulated]} studies, found {kinds[not simulated]} ones. The two "
            "never mix: choose another --out."
        )
    return found


def _record(session: ExportedSession, folder: ExportFolder, path: Path, entry: ExportedFile) -> None:
    before = read_record(folder, simulated=session.simulated)
    name = path.relative_to(folder.out).as_posix()
    before.model_copy(update={"files": {**before.files, name: entry}}).write(folder.record)


def _start(session: ExportedSession, told: datetime | None) -> datetime:
    found = session.started or told
    if found is None:
        raise RecordingError(
            f"{session.files.paths.folder('recording', session.block.day)}: expected when the recording began, found "
            "it neither in the recorder's files nor in the rig's journal. Say it: --day N --started "
            "2026-11-30T09:00:00+00:00."
        )
    return found


def _bytes_of(path: Path) -> tuple[str, int]:
    """Return the hash and the size of a file, or of a Zarr store's files."""
    if path.is_file():
        return sha256_file(path), path.stat().st_size
    found = describe_files(path)
    lines = (f"{name} {entry.sha256}" for name, entry in sorted(found.items()))
    return sha256_bytes("\n".join(lines).encode()), sum(entry.n_bytes for entry in found.values())


def _remove(path: Path) -> None:
    (remove_folder if path.is_dir() else remove_file)(path)
