"""Where another terminal reaches a running rig: a Unix socket, no port; for the account that started the rig alone.

The socket lies in the account's own folder for rigs, under the identity of the session folder and of OUT: two names of
one folder are one, and nothing but what was made of the session is in OUT.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from closedloop.artifacts.day.journal_rows import CommandName
from closedloop.errors import SessionError
from rig.operator.channel import Channel
from rig.operator.commands import Command
from rig.session.hold import account_folder

_MOST_WAITING = 32  # who asks and does not read is let go
_COMMANDS: tuple[CommandName, ...] = ("pause", "continue", "reward", "skip", "recalibrate", "shift", "quit")
_PEER = struct.Struct("3i")


def key_of(folder: Path) -> str:
    """Return the identity of a folder on this computer."""
    found = folder.stat()
    return f"{found.st_dev:x}.{found.st_ino:x}"


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """Yield what to call a socket while the block runs: its path may be longer than the system takes for one.

    Parameters
    ----------
    path
        Where it lies.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder for sockets that another account could reach.

    Raises
    ------
    SessionError
        It belongs to another, or others may enter it.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise SessionError(
            f"{folder}: expected a folder of this account alone, found one that another can reach or owns. "
            "Ask who made it; until then `rig tell` reaches no rig here, and the keys of the rig's windows do."
        )


class Mailbox:
    """The rig's end.

    Parameters
    ----------
    session
        The session folder.
    out
        Where its journal is written: the rig that holds it is the only one, so that an older socket is a dead one's.
    folder
        The account's, for sockets; None for the one of all its rigs.

    Raises
    ------
    SessionError
        There is no place for a socket.
    """

    def __init__(self, session: Path, out: Path, *, folder: Path | None = None) -> None:
        folder = folder if folder is not None else account_folder()
        self._path = folder / f"{key_of(session)}-{key_of(out)}"
        self._waiting: list[tuple[Channel, str]] = []
        self._arriving: list[Channel] = []
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            refuse_foreign(folder)
            self._path.unlink(missing_ok=True)
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with address_of(self._path) as address:
                self._socket.bind(address)
            self._socket.listen()
            self._socket.setblocking(False)
        except OSError as error:
            raise SessionError(
                f"{self._path}: expected a place for a socket, found none ({error.strerror}). "
                "`rig tell` does not reach this rig; the keys of its windows do."
            ) from error

    def poll(self, status: Callable[[], str]) -> tuple[Command, ...]:
        """Return what was asked since the last call, oldest first; never waits.

        Parameters
        ----------
        status
            Writes down the session as it is now, as JSON; called where somebody asks for it.
        """
        self._accept()
        commands = [command for channel in self._arriving for command in self._read(channel, status)]
        self._arriving = [channel for channel in self._arriving if channel.is_open]
        return tuple(commands)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # nobody, or somebody who has gone
                return
            channel = Channel(connection)
            uid = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[1]
            if uid != os.getuid():
                _answer(channel, "refused", "this rig was started by another account")
                channel.close()
            elif len(self._arriving) >= _MOST_WAITING:
                channel.close()
            else:
                self._arriving.append(channel)

    def _read(self, channel: Channel, status: Callable[[], str]) -> list[Command]:
        commands = []
        for message in channel.receive():
            if not channel.is_open:  # who asked was told that nobody answers: it is not done behind the operator's back
                break
            asked = message.get("ask")
            if asked == "status":
                channel.send(status())
            elif asked in _COMMANDS:
                _answer(channel, "received", "")
                commands.append(self._command(_COMMANDS[_COMMANDS.index(asked)], channel))
            else:
                _answer(channel, "refused", f"this rig knows no {str(asked)[:40]!r}")
        return commands

    def _command(self, name: CommandName, channel: Channel) -> Command:
        self._waiting = [*self._waiting[-_MOST_WAITING:], (channel, name)]

        def answer(outcome: str, words: str) -> None:
            self._waiting = [(other, asked) for other, asked in self._waiting if other is not channel]
            _answer(channel, outcome, words)

        return Command(name, "terminal", partial(answer, "done"), partial(answer, "refused"))

    def close(self, words: str) -> None:
        """Tell who still waits what became of the session, and take the socket away."""
        for channel, name in self._waiting:
            # Who asked for the end has it; whatever else was asked was not done.
            _answer(channel, "done" if name == "quit" else "ended", words)
        for channel in self._arriving:
            channel.close()
        with suppress(OSError):
            self._path.unlink()
        self._socket.close()


def _answer(channel: Channel, outcome: str, words: str) -> None:
    channel.send(json.dumps({"outcome": outcome, "words": words}))
