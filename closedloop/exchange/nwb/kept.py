"""Which files of an export are there, whole, and what would be written: they are not made again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.commands.exported_files import ExportedFile, ExportedFiles
from closedloop.artifacts.manifest import describe_files, missing_line
from closedloop.errors import ManifestError, StudyError
from closedloop.exchange.nwb.naming import file_name
from closedloop.exchange.nwb.session import ExportedSession
from closedloop.storage import sha256_bytes, sha256_file

RECORD = "exported.json"
"""The file in the folder of an export that says which files in it are whole, and what they were made from."""

_HDF5, _ZARR = ".nwb", ".nwb.zarr"


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
class KeptFile:
    """A file that was there, whole, and is what would be written."""

    path: Path
    n_bytes: int
    messages: tuple[str, ...] = ()


def made_from(session: ExportedSession, folder: ExportFolder, *, started: datetime | None = None) -> str:
    """Return the hash of all that a session's file depends on.

    Parameters
    ----------
    session
        The session.
    folder
        Where its file is to lie.
    started
        When its recording began, as a person says; None: nobody does.

    Raises
    ------
    ManifestError
        A file of the session is missing or was cut.
    """
    told = [f"closedloop {__version__}", repr((session.truth, folder.voltage, folder.zarr))]
    told.append(session.metadata.model_dump_json(exclude={"rig"}))
    told += [f"started {started.isoformat()}"] if started is not None else []
    told += [f"left out: {line}" for line in session.said_of_left_out]
    told += [f"ended early: {session.said_of_its_end}"] if session.said_of_its_end else []
    for place, manifest in session.manifests():
        if line := missing_line(place, simulated=session.simulated):
            raise ManifestError(line)
        told += [f"{place.name}/{name} {entry.sha256}" for name, entry in sorted(manifest.outputs.items())]
    return sha256_bytes("\n".join(told).encode())


def whole_file(session: ExportedSession, folder: ExportFolder, *, key: str) -> KeptFile | None:
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
    sha256, n_bytes = bytes_of(path)
    return KeptFile(path, n_bytes) if sha256 == entry.sha256 else None


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


def note_file(session: ExportedSession, folder: ExportFolder, path: Path, entry: ExportedFile) -> None:
    """Note that a file is whole.

    Parameters
    ----------
    session, folder
        Whose file, and where it lies.
    path, entry
        The file, and what is to be known of it.
    """
    before = read_record(folder, simulated=session.simulated)
    name = path.relative_to(folder.out).as_posix()
    before.model_copy(update={"files": {**before.files, name: entry}}).write(folder.record)


def bytes_of(path: Path) -> tuple[str, int]:
    """Return the hash and the size of a file, or of a Zarr store's files."""
    if path.is_file():
        return sha256_file(path), path.stat().st_size
    found = describe_files(path)
    lines = (f"{name} {entry.sha256}" for name, entry in sorted(found.items()))
    return sha256_bytes("\n".join(lines).encode()), sum(entry.n_bytes for entry in found.values())
