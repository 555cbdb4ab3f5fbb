"""What one rig at a time may use: a session, a screen. Who comes second is told who holds it, and since when.

A hold is a locked file in a folder of the account's own, which the system empties when the computer starts. The lock
goes with the process, however it ends; the file, which says who holds it, goes at a clean end alone, so that the next
rig learns that the last one died.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.documents import Section
from closedloop.errors import ClosedLoopError, DocumentError, SessionError, StorageError, visible
from closedloop.plain_text.json_text import parse_json
from closedloop.storage import make_folder, read_bytes, sha256_bytes, storage_errors
from rig.session.folder import SESSION_NAME, Session, plan_sha256
from rig.session.lock import PATIENCE_S, open_locked, remove_locked

SCREEN_PATIENCE_S = 2.0
"""A window is closed at once; the same session's last rig was waited for before."""

_FOLDER = "closedloop-rig"
_SHOWN = 12  # digits of a hash
_LONGEST = 160  # characters of a file's name; systems take 255 bytes
_ODD = re.compile(r"[^A-Za-z0-9.:-]+")
_LOCAL_SERVER = re.compile(r"(?:unix)?(:\d+)(?:\.\d+)?")  # `:0`, `:0.0` and `unix:0.0` are one


class Holder(Section):
    """The rig that holds something."""

    pid: int
    host: str
    since: str
    session_id: str
    out: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, which shows {self.session_id} into {self.out} since {self.since}"


def new_holder(session_id: str, out: Path) -> Holder:
    """Return this process as a holder, from now on.

    Parameters
    ----------
    session_id
        What it shows.
    out
        Where its journal goes.
    """
    now = datetime.now(UTC)
    return Holder(
        pid=os.getpid(),
        host=platform.node(),
        since=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        session_id=session_id,
        out=visible(str(out.absolute())),  # the system's names need not be text
    )


def account_folder() -> Path:
    """Return the folder for what the account's rigs tell each other; it may not be there."""
    named = os.environ.get("XDG_RUNTIME_DIR")
    if named and Path(named).is_dir():
        return Path(named, _FOLDER)
    if sys.platform == "win32":
        return Path(tempfile.gettempdir(), _FOLDER)
    usual = Path("/run/user", str(os.getuid()))  # the same where somebody has logged in without the variable
    return usual / _FOLDER if os.access(usual, os.W_OK) else Path(tempfile.gettempdir(), f"{_FOLDER}-{os.getuid()}")


def screen_name(screen: int) -> str:
    """Return the name by which rigs of one account hold a screen of this desktop.

    Parameters
    ----------
    screen
        Counted from 0, as in session.json.
    """
    server = os.environ.get("DISPLAY", "")
    local = _LOCAL_SERVER.fullmatch(server)
    return f"screen {screen} of {local[1] if local else server}" if server else f"screen {screen}"


def session_name(session: Session, *, is_real: bool) -> str:
    """Return the name by which rigs hold a session: an animal sees a plan once, from whichever copy of the folder.

    Parameters
    ----------
    session
        The opened folder.
    is_real
        Whether it is really shown; else only this very folder is meant, as dry runs of one plan go on side by side.
    """
    key = plan_sha256(session.folder) if is_real else sha256_bytes(os.fsencode(session.folder.resolve()))
    return _name_of(session.document.session_id, key)


def _name_of(session_id: str, key: str) -> str:
    return f"session {session_id} ({key[:_SHOWN]})"


def out_of_last_rig(folder: Path) -> Path | None:
    """Return where the journal goes of the rig that holds a session or was killed at it; None where none is known.

    Parameters
    ----------
    folder
        The session's.
    """
    try:
        name = _name_of(SessionDocument.read(folder / SESSION_NAME).session_id, plan_sha256(folder))
    except (ClosedLoopError, OSError):
        return None
    holder = _read(account_folder() / f"{_file_name(name)}.lock")
    return Path(holder.out) if holder is not None else None


@contextmanager
def hold(what: str, holder: Holder, *, patience_s: float = PATIENCE_S) -> Iterator[Holder | None]:
    """Hold something while the block runs.

    Parameters
    ----------
    what
        Its name, which is the same for all who mean the same.
    holder
        Who holds it.
    patience_s
        How long to wait for a rig that is just ending.

    Yields
    ------
    Holder or None
        The rig that held it before and ended without a word: killed, or the power was cut.

    Raises
    ------
    SessionError
        Another rig holds it.
    StorageError
        The account's folder cannot be written.
    """
    path = account_folder() / f"{_file_name(what)}.lock"

    def refusal() -> str:
        return (
            f"{what}: expected no other rig at work on it, found {_read(path) or 'one'}. "
            "Wait for it to end, or stop it, then run the same command again."
        )

    with storage_errors(path):
        _make_account_folder(path.parent)
        file = open_locked(path, patience_s=patience_s, refusal=refusal)
    with file:
        died = _read(path)
        with storage_errors(path):
            file.truncate(0)
            file.write(holder.model_dump_json().encode())
        try:
            yield died
        finally:
            remove_locked(file, path)


def hold_screen(session: Session, out: Path) -> AbstractContextManager[Holder | None]:
    """Hold the screen of a session while a block runs, see `hold`: whatever opens a window there does so first.

    Parameters
    ----------
    session
        What is shown there.
    out
        Where its journal goes.
    """
    name = screen_name(session.document.screen.screen)
    return hold(name, new_holder(session.document.session_id, out), patience_s=SCREEN_PATIENCE_S)


def _file_name(what: str) -> str:
    """Return what a file may be called for it: a session's name alone may be as long as the longest name of a file."""
    name = _ODD.sub("-", what)
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}-{sha256_bytes(what.encode())[:_SHOWN]}"


def _make_account_folder(folder: Path) -> None:
    """Make the folder; in a folder of everybody's, somebody else may have made it before."""
    make_folder(folder)
    if sys.platform == "win32":
        return
    if folder.stat().st_uid != os.getuid():
        raise SessionError(f"{folder}: expected a folder of one's own, found somebody else's. Set XDG_RUNTIME_DIR.")
    folder.chmod(0o700)


def _read(path: Path) -> Holder | None:
    """Read who holds something; for an instant nobody has written a name."""
    try:
        return Holder.model_validate(parse_json(read_bytes(path), place=str(path)))
    except (DocumentError, StorageError, OSError, ValueError):
        return None
