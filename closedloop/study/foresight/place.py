"""A study's folder that is there whole or not at all: made under a hidden name, taken away again where making it fails.

A hidden folder whose maker was killed is removed by the next one; a lock on it, which the kernel gives back, tells the
dead from the living.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from closedloop.artifacts.study import INPUTS, DayPaths, StudyPaths
from closedloop.errors import StudyError
from closedloop.plain_text.printed import quoted
from closedloop.storage import make_folder, storage_errors, sync_folder, sync_tree

_HIDDEN = ".init-"  # then the process's number; after the study's name where it lies beside it
_NO_PLACE = frozenset({errno.ENAMETOOLONG, errno.ENOENT, errno.ELOOP})
_UNSPEAKABLE = frozenset({"Cc", "Cs"})  # control characters, bytes that are not UTF-8: no line of text can name them


def refuse_place(root: Path) -> None:
    """Refuse a place where no study can be made, before anything is read.

    Raises
    ------
    StudyError
        There is a study, or are files, it lies inside a study, or no line of text can name it.
    """
    with _no_such_place(root):
        _refuse_place(root)


def _refuse_place(root: Path) -> None:
    if any(unicodedata.category(letter) in _UNSPEAKABLE for letter in str(root)):
        named = str(root).encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise StudyError(
            f"{named.encode('unicode_escape').decode()}: expected a path that can be written in a line of text, found "
            "control characters or bytes that are not UTF-8. Choose another name."
        )
    paths = StudyPaths(root)
    if paths.study.exists():
        raise StudyError(
            f"{root}: expected a new folder, found a study. Go on with it by `closedloop run {quoted(root)}`, "
            "or choose another folder."
        )
    around = next((above for above in root.parents if StudyPaths(above).study.is_file()), None)
    if around is not None:
        raise StudyError(
            f"{root}: expected a place outside of other studies, found it in the study {around}. Choose another folder."
        )
    if root.is_dir() and any(
        not _is_hidden(path, root) for path in root.iterdir() if path not in _older_leftovers(paths)
    ):
        raise StudyError(f"{root}: expected a new or empty folder, found files. Choose another folder.")
    if root.exists() and not root.is_dir():
        raise StudyError(f"{root}: expected a folder, found a file. Choose another name.")


@contextmanager
def new_folder(root: Path) -> Iterator[Path]:
    """Yield a hidden folder to make a study in; it becomes `root` when the block ends well, else nothing is left.

    Raises
    ------
    StorageError
        The disk is full or the place cannot be written.
    StudyError
        Somebody else made a study there in the meantime.
    """
    is_there = root.is_dir()  # a person's own, perhaps the only place that may be written
    parent = root if is_there else root.parent
    made = _missing(parent)
    with storage_errors(root), _no_such_place(root):
        try:
            make_folder(parent)
            _remove_dead(parent, root)
            with _locked_folder(parent / f"{_prefix(parent, root)}{os.getpid()}") as building:
                yield building
                _publish(building, root, into=is_there)
        except BaseException:
            for folder in made:
                with suppress(OSError):  # somebody else uses it by now
                    folder.rmdir()
            raise


@contextmanager
def _no_such_place(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if (
            error.errno not in _NO_PLACE
            or error.filename is None
            or not str(error.filename).startswith(str(root.parent))
        ):
            raise
        raise StudyError(
            f"{root}: expected a place that takes a folder of this name, found {os.strerror(error.errno)}. Choose "
            "another name or place."
        ) from error


@contextmanager
def _locked_folder(folder: Path) -> Iterator[Path]:
    """Make a folder and lock it while the block runs; whatever happens, it is not there afterwards."""
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks: such folders are never taken for dead ones
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _publish(building: Path, root: Path, *, into: bool) -> None:
    """Give a finished folder its name; into one that a person made before, all is moved, study.json last."""
    sync_tree(building)
    if not into:
        try:
            building.rename(root)
        except OSError as error:
            if root.exists():
                raise StudyError(
                    f"{root}: expected a new folder, found one that was made meanwhile. Look at it."
                ) from error
            raise
        sync_folder(root.parent)
        return
    for left in _older_leftovers(StudyPaths(root)):
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    last = StudyPaths(building).study
    for path in [*(one for one in sorted(building.iterdir()) if one != last), last]:
        sync_folder(root)
        path.rename(root / path.name)
    sync_folder(root)


def _missing(folder: Path) -> list[Path]:
    """Return the folders that have to be made for a folder, the innermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    return missing


def _prefix(parent: Path, root: Path) -> str:
    return _HIDDEN if parent == root else f".{root.name}{_HIDDEN}"


def _is_hidden(path: Path, root: Path) -> bool:
    return path.name.startswith(_prefix(path.parent, root)) and path.is_dir()


def _remove_dead(parent: Path, root: Path) -> None:
    """Remove what killed processes left of studies that they were to make here."""
    for path in parent.iterdir():
        if not _is_hidden(path, root):
            continue
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue  # its maker lives, or nobody can know
        finally:
            os.close(descriptor)


def _older_leftovers(paths: StudyPaths) -> set[Path]:
    """Return what can be left of a study in its own place by one who was killed, all but study.json, which comes last.

    Versions that made a study in its place left its protocol and inputs; who is killed as a finished one is moved
    there, whatever lies beside them too: the hidden folder that it came from is there then.
    """
    found = {paths.protocol, paths.inputs, DayPaths(paths.root).working(INPUTS)}
    was_moved = paths.root.is_dir() and any(_is_hidden(path, paths.root) for path in paths.root.iterdir())
    return found | ({paths.metadata, paths.answers} if was_moved else set())
