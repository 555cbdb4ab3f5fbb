"""Another terminal's end: asks a running rig for something, and says what became of it."""

from __future__ import annotations

import errno
import json
import select
import socket
import time
from collections import deque
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import Journal, read_journal
from closedloop.artifacts.day.journal_rows import CommandName
from closedloop.errors import SessionError
from closedloop.plain_text.printed import command_line
from rig.operator.channel import Channel, Message
from rig.operator.mailbox import address_of, key_of
from rig.operator.state import PanelState, state_from
from rig.operator.wording import Quiet, counts, headline, mark_words, progress, time_left
from rig.session.hold import account_folder, out_of_last_rig
from rig.session.lock import is_held

_TAKEN_S = 10.0  # a trial looks for commands at every frame; a start or a synchronised disk may take seconds
_DONE_S = 60.0


@dataclass(frozen=True)
class Told:
    """What became of it.

    Attributes
    ----------
    outcome
        "ended": the session ended before it was done.
    words
        In the rig's words.
    """

    outcome: Literal["done", "ended", "refused"]
    words: str


def tell(session: Path, out: Path | None, name: CommandName, *, folder: Path | None = None) -> Told:
    """Ask the rig at work on a session for something, and wait until it has said what became of it.

    Parameters
    ----------
    session
        The session folder.
    out
        Where its journal is written; None for the one rig that shows this session.
    name
        What is asked for.
    folder
        The account's, for sockets; None for the one of all its rigs.

    Raises
    ------
    SessionError
        No rig is at work on it, or it does not answer.
    """
    with closing(_reach(session, out, folder)) as channel:
        return _ask(channel, session, name)


def _ask(channel: Channel, session: Path, name: CommandName) -> Told:
    channel.send(json.dumps({"ask": name}))
    answers = _Conversation(channel)
    answer = answers.next(_TAKEN_S)
    if answer is None:
        raise SessionError(_hangs(session))
    if answer.get("outcome") == "received":
        answer = answers.next(_DONE_S)
    if answer is None:
        unknown = f"the rig took it; after {_DONE_S:.0f} s it has not said what became of it"
        raise SessionError(f"{session}: expected {name} to be done, found that {unknown}. See `rig tell ... status`.")
    outcome = answer.get("outcome")
    return Told(outcome if outcome in ("done", "refused") else "ended", str(answer.get("words", "")))


def ask_status(session: Path, out: Path | None, *, folder: Path | None = None) -> PanelState:
    """Return how a running session is.

    Parameters
    ----------
    session
        The session folder.
    out
        Where its journal is written; None for the one rig that shows this session.
    folder
        The account's, for sockets; None for the one of all its rigs.

    Raises
    ------
    SessionError
        No rig is at work on it, or it does not answer.
    """
    with closing(_reach(session, out, folder)) as channel:
        channel.send('{"ask":"status"}')
        answer = _Conversation(channel).next(_TAKEN_S)
    if answer is None or "session_id" not in answer:
        raise SessionError(_hangs(session))
    return state_from(answer)


def _hangs(session: Path) -> str:
    return (
        f"{session}: expected an answer of the rig at work on it, found none in {_TAKEN_S:.0f} s. "
        "It may still be opening its screen, or hang: look at it."
    )


class _Conversation:
    """What a rig answers, one message after the other.

    Parameters
    ----------
    channel
        To the rig.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._arrived: deque[Message] = deque()

    def next(self, patience_s: float) -> Message | None:
        """Return the next message, or what says that the connection has ended; None where nothing comes in time."""
        end = time.monotonic() + patience_s
        while not self._arrived and (left_s := end - time.monotonic()) > 0:
            if not self._channel.is_open:
                return {"outcome": "ended", "words": "the rig ended before it was done"}
            if select.select([self._channel], [], [], left_s)[0]:
                self._arrived.extend(self._channel.receive())
        return self._arrived.popleft() if self._arrived else None


def _reach(session: Path, out: Path | None, folder: Path | None) -> Channel:
    """Return a connection to the one rig at work on a session."""
    if not session.is_dir():
        raise SessionError(f"{session}: expected a session folder, found none. Give the folder that the rig shows.")
    folder = folder if folder is not None else account_folder()
    sockets = sorted(folder.glob(f"{key_of(session)}-*")) if folder.is_dir() else []
    if out is not None and out.is_dir():
        sockets = [path for path in sockets if path.name.endswith(f"-{key_of(out)}")]
    reached = [channel for path in sockets if (channel := _connect(path)) is not None]
    if len(reached) == 1:
        return reached[0]
    for channel in reached:
        channel.close()
    if reached:
        raise SessionError(f"{session}: expected one rig at work on it, found {len(reached)}. Name its --out FOLDER.")
    out = out or out_of_last_rig(session) or session.resolve().parent / "present"
    raise SessionError(_why_none(session, out))


def is_at_work(session: Path, *, folder: Path | None = None) -> bool:
    """Return whether a rig of this account shows a session.

    Parameters
    ----------
    session
        The session folder.
    folder
        The account's, for sockets; None for the one of all its rigs.
    """
    try:
        _reach(session, None, folder).close()
    except SessionError:
        return False
    return True


def _connect(path: Path) -> Channel | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(_TAKEN_S)
    try:
        with address_of(path) as address:
            connection.connect(address)
    except OSError as error:
        connection.close()
        if error.errno in (errno.ECONNREFUSED, errno.ENOENT):  # of a rig that was killed, or is just ending
            return None
        raise SessionError(
            f"{path}: expected the rig's socket, found {error.strerror}. Ask as who started it."
        ) from error
    return Channel(connection)


def _why_none(session: Path, out: Path) -> str:  # noqa: PLR0911 - one for each way that there is none
    """Return the line that says that no rig is at work, and what its journal says became of it."""
    none = f"{session}: expected a rig at work on it, found none"
    path = out / catalog.JOURNAL.name
    if not path.is_file():
        return f"{none}, and no journal in {out}. Start it with `rig present`, or name its --out."
    if is_held(path):
        return (
            f"{session}: expected a rig that this account can reach, found one at work in {out} that it cannot. "
            "Ask from the account and the computer that it runs on, or use the keys of its windows."
        )
    journal = read_journal(path)
    if any(launch.is_rehearsal for launch in journal.launches):
        return f"{none}: it was a rehearsal, and has ended. Nothing goes on with one."
    if any(launch.is_training for launch in journal.launches):
        return f"{none}: it was a training, and has ended. Go on with `rig train`."
    resume = _resume_words(session, out, journal)
    if journal.ended is None:
        return f"{none}: it ended without a word, killed or by a failure. Go on with `{resume}`."
    if journal.ended.outcome == "complete":
        return f"{none}: the session has ended, complete, as {path} says. Nothing is left to do, or name its --out."
    return f"{none}: the session was stopped, {journal.ended.n_remaining:,} presentations left. Go on with `{resume}`."


def _resume_words(session: Path, out: Path, journal: Journal) -> str:
    """Return the command that goes on, as far as the journal knows it: of the rig's description, that there was one."""
    words: list[str | Path] = ["rig", "present", session, "--out", out, "--resume"]
    for launch in journal.launches[-1:]:
        words += ["--display", launch.display] if launch.display != "psychopy" else []
        words += ["--rig", "FILE"] if launch.rig is not None else []
        words += ["--gaze", "mouse"] if launch.rig is None and launch.gaze == "mouse" else []
        words += [word for name in launch.overrides for word in ("--despite", name)]
    return command_line(*words)


def status_json(state: PanelState) -> str:
    """Return a state as a program reads it: the eye's trace is for eyes, and left out."""
    plain = asdict(state)
    del plain["eye"]
    return json.dumps(plain, indent=2)


def status_lines(state: PanelState) -> list[str]:
    """Return a state as a person reads it."""
    head = headline(state, Quiet(0.0), "")
    lines = [f"{state.session_id}, {state.subject}: {head.text}{f': {head.why}' if head.why else ''}"]
    lines += [mark_words(state)] if state.mark else []
    lines += [line for line in (progress(state), time_left(state)) if line]
    lines.append(", ".join(f"{what} {number}" for what, number, _ in counts(state)))
    lines += [f"{light.state:5} {light.name}: {light.words}" for light in state.lights]
    lines += [f"?     {doubt}" for doubt in state.doubts]
    return lines + [f"!     {warning}" for warning in state.warnings]
