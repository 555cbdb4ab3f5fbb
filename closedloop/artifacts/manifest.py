"""The manifest of a published folder: written last, a promise that its files are these bytes."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.protocol.numbers import MOST_SESSIONS
from closedloop.artifacts.study import BROUGHT, IMPORTED, REPLACED
from closedloop.errors import ManifestError
from closedloop.plain_text.names import fault_in_name, twins
from closedloop.storage import resolved, sha256_file

MANIFEST_NAME = "manifest.json"
_LITTER = {".ds_store", ".directory", ".localized", "thumbs.db", "ehthumbs.db", "desktop.ini"}
_LITTER_FOLDERS = {".spotlight-v100", ".trashes", ".fseventsd", "@eadir", "$recycle.bin", "system volume information"}


class FileEntry(Section):
    """One file of a published folder."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    n_bytes: int = Field(ge=0)


class Manifest(Document):
    """manifest.json: what a stage read and wrote, and with which code."""

    kind: Literal["manifest"] = "manifest"
    stage: str
    day: int | None = Field(description="null for folders that belong to no day")
    block: int = Field(
        default=1,
        ge=1,
        le=MOST_SESSIONS,
        exclude_if=lambda number: number == 1,
        description="which of the day's sessions",
    )
    seed: int
    code_version: str
    protocol_sha256: str
    input_hash: str = Field(description="sha256 over stage, protocol, seed and the inputs' sha256; equal means no work")
    inputs: dict[str, str] = Field(description="sha256 by path, relative to the study")
    decisions: dict[str, str] = Field(
        default={},
        exclude_if=operator.not_,
        description="what people decided of it, by the decision's name, as it stood when the stage ran",
    )
    outputs: dict[str, FileEntry] = Field(description="by path, relative to the folder")
    seconds: float = Field(ge=0)
    peak_memory_mb: float = Field(
        ge=0,
        description="largest resident memory of the loop's process while the stage ran, workers not counted; before "
        "December 2026, and where the system cannot tell, since the process began; 0 where nothing ran",
    )

    @field_validator("inputs", "outputs")
    @classmethod
    def _names_stay_inside(cls, files: dict[str, object]) -> dict[str, object]:
        for name in files:
            if fault := fault_in_name(name):
                raise ValueError(
                    f"expected names of files in the folder, found {fault}: {name!r:.60}. Restore the file"
                )
        return files

    @field_validator("outputs")
    @classmethod
    def _names_differ(cls, files: dict[str, object]) -> dict[str, object]:
        if found := twins(files):
            raise ValueError(
                f"expected names that differ on every disk, found {found[0]!r:.60} and {found[1]!r:.60}. "
                "Restore the file"
            )
        return files


def describe_files(folder: Path, *, known: Mapping[str, str] | None = None) -> dict[str, FileEntry]:
    """Hash every file of a folder but its manifest.

    Parameters
    ----------
    folder
        The folder to describe.
    known
        sha256 by relative path, for files already hashed.

    Raises
    ------
    ManifestError
        A file has a name that is none on another system.
    """
    known = known or {}
    names = relative_files(folder)
    check_names(folder, names)
    return {
        name: FileEntry(sha256=known.get(name) or sha256_file(folder / name), n_bytes=(folder / name).stat().st_size)
        for name in names
    }


def check_names(folder: Path, names: Sequence[str]) -> None:
    """Refuse files whose names no manifest may hold: somebody brought them, and has to rename them.

    Raises
    ------
    ManifestError
        A name is none on another system, or two are one there.
    """
    for name in names:
        if fault := fault_in_name(name):
            raise ManifestError(f"{folder}: expected names that every system takes, found {fault}: {name}. Rename it.")
    if alike := twins(names):
        raise ManifestError(
            f"{folder}: expected names that differ on every disk, found {alike[0]} and {alike[1]}. Rename one of them."
        )


def relative_files(folder: Path) -> list[str]:
    """List the files of a folder but its manifest and what desktops leave, sorted, as posix paths relative to it."""
    files = (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))
    names = sorted(file.relative_to(folder).as_posix() for file in files)
    return [name for name in names if name != MANIFEST_NAME and not is_litter(name)]


def unlisted_files(folder: Path, manifest: Manifest) -> list[str]:
    """List the files of a published folder that its manifest does not name: nobody knows what they are."""
    return [name for name in relative_files(folder) if name not in manifest.outputs]


def is_litter(name: str) -> bool:
    """Return whether a name is what a desktop or a file server leaves in any folder that somebody looks into."""
    *folders, last = (part.lower() for part in name.split("/"))
    return last in _LITTER or last.startswith(("._", ".nfs", "~$")) or bool(_LITTER_FOLDERS & set(folders))


def verify_files(folder: Path, manifest: Manifest, *, only: Iterable[str] | None = None) -> None:
    """Compare the files of a folder with its manifest, byte for byte.

    Parameters
    ----------
    folder
        The published folder.
    manifest
        Its manifest.
    only
        Names of the files to compare; all of them by default.

    Raises
    ------
    ManifestError
        A file is missing or differs.
    """
    for name in only if only is not None else manifest.outputs:
        refuse_link_out(folder, name)
        verify_file(folder / name, manifest.outputs[name])


def refuse_link_out(folder: Path, name: str) -> None:
    """Refuse a published file that is a link to somewhere else, unless people bring this folder's files.

    The folder may be a link itself, to a study on another disk; links within one study stay what they are.

    Parameters
    ----------
    folder
        The published folder.
    name
        Of a file in it.

    Raises
    ------
    ManifestError
        It is.
    """
    path = folder / name
    if folder.name in BROUGHT or not any(part.is_symlink() for part in (path, *path.parents[: name.count("/")])):
        return
    home, target = resolved(folder), resolved(path)
    study = next((above for above in home.parents[:2] if (above / "study.json").is_file()), home)
    if not target.is_relative_to(study):
        raise ManifestError(f"{path}: expected a file of its own, found a link to {target}. Put the file itself there.")


def verify_file(path: Path, entry: FileEntry) -> None:
    """Compare one file with its entry: size first, then the hash.

    Raises
    ------
    ManifestError
        The file is missing or differs.
    """
    remedy = "Restore it from a copy; its stage can run again, in a study, once its folder is moved aside."
    if not path.is_file():
        raise ManifestError(f"{path}: expected a file of {entry.n_bytes} bytes, found none. {remedy}")
    n_bytes = path.stat().st_size
    if n_bytes != entry.n_bytes:
        raise ManifestError(f"{path}: expected {entry.n_bytes} bytes, found {n_bytes}. {remedy}")
    if sha256_file(path) != entry.sha256:
        raise ManifestError(f"{path}: expected the bytes its manifest promises, found others. {remedy}")


def way_back(folder: Path, *, simulated: bool) -> str:
    """Return what to do about a file of a published folder that is not what it was: the last sentence of a message.

    A stage of ours computes its folder again; no stage imports. What a person brought from the rig and the recorder
    cannot be made again: nobody is ever told to remove it. Nor what was kept of a stage that was made again.
    """
    if (folder.name in BROUGHT and not simulated) or folder.parent.name == REPLACED:
        return "Restore it from a copy: it cannot be made again."
    if folder.name == IMPORTED:
        return "Restore it from a copy, or import the responses again as long as no session was shown."
    return f"Restore it from a copy, or move {folder} aside to have the stage run again."


def missing_line(folder: Path, *, simulated: bool) -> str:
    """Return in one line what a published folder misses of its files; empty where all are there, and as long as then.

    No file is read: bytes that changed and kept their number are `verify`'s to find.

    Parameters
    ----------
    folder
        One that was published, as something that was made from it, or the ledger, tells.
    simulated
        Whether its study is.
    """
    back = way_back(folder, simulated=simulated)
    if not folder.is_dir():
        if folder.name not in BROUGHT or simulated:
            back = "Restore it from a copy, or have `closedloop run` make it again."
        return f"{folder}: expected the folder that this stage published, found none. {back}"
    if not (folder / MANIFEST_NAME).is_file():
        return f"{folder}: expected a {MANIFEST_NAME}, found none: nobody knows what was in there. {back}"
    missing = [name for name in read_manifest(folder).outputs if not (folder / name).is_file()]
    if not missing:
        return _cut_line(folder, back=back)
    more = f", and {len(missing) - 1} more are missing" if len(missing) > 1 else ""
    return f"{folder / missing[0]}: expected the file that {MANIFEST_NAME} names, found none{more}. {back}"


def _cut_line(folder: Path, *, back: str) -> str:
    for name, entry in read_manifest(folder).outputs.items():
        n_bytes = (folder / name).stat().st_size
        if n_bytes != entry.n_bytes:
            return (
                f"{folder / name}: expected the {entry.n_bytes} bytes that {MANIFEST_NAME} names, found {n_bytes}: it "
                f"is damaged. {back}"
            )
    return ""


def edited_line(folder: Path, found: str) -> str:
    """Return what a person is told of a manifest that somebody edited, or a disk changed."""
    return (
        f"{folder / MANIFEST_NAME}: expected what was written when the folder was published, found {found}: it was "
        "edited, or the disk failed. Restore it from a copy."
    )


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a published folder.

    Raises
    ------
    DocumentError
        There is none, or it is damaged.
    """
    return Manifest.read(folder / MANIFEST_NAME)
