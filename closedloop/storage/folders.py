"""Making, publishing and removing folders. A name is durable once the folder that holds it is synced.

That goes for a new folder's name too: whoever makes a folder here has its parent synced.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from closedloop.storage.faults import no_folder_sync, storage_errors


def sync_file(path: Path) -> None:
    """Make a file's bytes (or a folder's names) durable; to read is enough, so that one nobody may write is synced."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable (a rename is not, until its folder is synced)."""
    try:
        sync_file(folder)
    except OSError as error:
        if not no_folder_sync(error):
            raise


def sync_tree(folder: Path) -> None:
    """Make everything in a folder durable: its files' bytes, and the names in it and in the folders below."""
    for parent, _folders, files in os.walk(folder, topdown=False):
        for name in files:
            sync_file(Path(parent, name))
        sync_folder(Path(parent))


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each with a durable name; one that is there already stays as it is."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        sync_folder(new.parent)


def rename(old: Path, new: Path) -> None:
    """Give a file or folder another name, durably, also where it changes folders."""
    with storage_errors(new):
        old.rename(new)
        sync_folder(new.parent)
        if old.parent != new.parent:
            sync_folder(old.parent)


def link_folder(link: Path, target: Path) -> None:
    """Let a name lead to a folder elsewhere, durably; one that leads there already stays, and nothing is removed."""
    with storage_errors(link):
        if not link.is_symlink():
            link.symlink_to(target, target_is_directory=True)
            sync_folder(link.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder and all that is in it, if it is there."""
    with storage_errors(folder), suppress(FileNotFoundError):
        shutil.rmtree(folder)


def sweep(working: Path) -> None:
    """Remove what is hidden in a finished working folder: names of half-written files, left where a writer was killed.

    What is published is listed in a manifest, and that lists no hidden file: it would travel with the folder for good.
    """
    for path in sorted(working.rglob(".*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def publish_folder(working: Path, final: Path, *, is_durable: bool = False) -> None:
    """Rename a finished folder to its public name, replacing an older one.

    The older folder is moved aside before and removed after, so that a crash in between leaves either the old folder
    under its name, or the new one, or (for an instant) the new one still under its working name: never half of one.

    Parameters
    ----------
    working, final
        The folder, and its public name.
    is_durable
        Whether all that is in it is synced already.
    """
    with storage_errors(final):
        if not is_durable:
            sync_tree(working)
        retired = retired_name(final)
        shutil.rmtree(retired, ignore_errors=True)
        if final.exists():
            final.rename(retired)
        working.rename(final)
        sync_folder(final.parent)
        sync_folder(final.parent.parent)  # a kill may have come between its mkdir and its sync
        shutil.rmtree(retired, ignore_errors=True)


def retired_name(final: Path) -> Path:
    """Return what an older folder is called for the instant in which a newer one takes its name."""
    return final.with_name(f".{final.name}.retired")
