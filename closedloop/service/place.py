"""Where the service keeps what is its own: outside of every study, readable by the account alone.

A study's folder holds what `verify` reads and what is published; a log or a token is neither. So they lie where the
system keeps an account's state: ``$XDG_STATE_HOME/closedloop``, or ``~/.local/state/closedloop``.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import StudyError
from closedloop.service.children.log import LoopLog
from closedloop.storage import make_folder, open_to_read, read_bytes, sha256_bytes, storage_errors, write_bytes

_OF_THE_ACCOUNT, _FOLDER_OF_THE_ACCOUNT, _OF_OTHERS = 0o600, 0o700, 0o077
_MOST_CHARACTERS = 400  # of a process's number
_TOKEN_BYTES = 24
_TOKEN = re.compile(rb"[A-Za-z0-9_-]{32,64}")


@dataclass(frozen=True)
class ServicePlace:
    """The service's own folder."""

    root: Path

    def token(self) -> str:
        """Return the secret that whoever changes something has to know; the same one after a restart."""
        file = self.root / "token"
        self._make()
        content = read_bytes(file).strip() if file.is_file() else b""
        if not _TOKEN.fullmatch(content) or file.stat().st_mode & _OF_OTHERS:
            content = secrets.token_urlsafe(_TOKEN_BYTES).encode()  # also where others could read the one of before
            write_bytes(file, content + b"\n")
        with storage_errors(file):
            file.chmod(_OF_THE_ACCOUNT)
        return content.decode()

    def of(self, root: Path) -> StudyPlace:
        """Return the folder of a study, by its absolute path."""
        readable = re.sub(r"[^A-Za-z0-9._-]", "_", root.name)[:60]
        folder = self.root / "studies" / f"{readable}-{sha256_bytes(os.fsencode(root))[:12]}"
        return StudyPlace(self, folder)

    def _make(self) -> None:
        make_folder(self.root)
        with storage_errors(self.root):
            self.root.chmod(_FOLDER_OF_THE_ACCOUNT)


@dataclass(frozen=True)
class StudyPlace:
    """What the service keeps of one study.

    Attributes
    ----------
    service
        The service's own folder.
    root
        The study's in it.
    """

    service: ServicePlace
    root: Path

    @property
    def log(self) -> LoopLog:
        """Return what its loops printed."""
        return LoopLog(self.root / "log.txt")

    @property
    def told(self) -> Path:
        """Return the file of what was told."""
        return self.root / "told.json"

    @property
    def port(self) -> Path:
        """Return the file of the port at which a page was served last."""
        return self.root / "port"

    def last_port(self) -> int:
        """Return the port at which a page was served last; 0 where there is none."""
        try:
            with open_to_read(self.port) as stream:
                word = stream.read(8).strip()
        except FileNotFoundError:
            return 0
        return int(word) if word.isdigit() and int(word) < 65_536 else 0

    def remember_port(self, port: int) -> None:
        """Keep the port: pages that are open find the service again when it was restarted."""
        make_folder(self.root)
        write_bytes(self.port, f"{port}\n".encode())

    @contextmanager
    def held(self, study: Path) -> Iterator[None]:
        """Hold a study: one service keeps its loop running. The kernel gives it back however the service ends.

        Held are a file here, which says who does, and the study's folder itself, in which nothing is written: another
        service of this account may keep its own elsewhere, and would take this one's loop for a leftover.

        Raises
        ------
        StudyError
            Another service holds it.
        """
        self.service._make()
        make_folder(self.root)
        path = self.root / "serve.lock"
        with storage_errors(path), path.open("a+", errors="backslashreplace") as file, _folder(study) as folder:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _hold_folder(folder)
            except BlockingIOError as error:
                file.seek(0)
                holder = file.read(_MOST_CHARACTERS).strip()
                raise StudyError(
                    f"{study}: expected no other service on this study, found "
                    f"{f'process {holder}' if holder.isdecimal() else 'another process'} serving it. "
                    "Open its page, or end it first."
                ) from error
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield


def service_place() -> ServicePlace:
    """Return the service's own folder of this account."""
    given = os.environ.get("XDG_STATE_HOME", "")
    state = Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state"
    return ServicePlace(state / "closedloop")


@contextmanager
def _folder(study: Path) -> Iterator[int | None]:
    """Open a folder to be held; None where it cannot be opened, as whoever needs it says."""
    try:
        number = os.open(study, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield None
        return
    try:
        yield number
    finally:
        os.close(number)


def _hold_folder(folder: int | None) -> None:
    if folder is None:
        return
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a network file system that locks no folders
        return
