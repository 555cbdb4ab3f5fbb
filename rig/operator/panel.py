"""The port to what the operator watches, and a process of its own that draws it.

The rig hands over a text and goes on: where the panel is slow the text is dropped, where it has died the rig says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol

from closedloop.artifacts.day.journal_rows import CommandName
from closedloop.terminal.streams import say
from rig.operator.channel import Channel, pair
from rig.operator.state import PanelState

PanelKind = Literal["window", "terminal"]

_BETWEEN_UPDATES_S = 0.25
_BEAT_S = 1.0  # how often a panel says that it lives
_SILENT_S = 5.0
_ENDING_S = 3.0
_COMMANDS = ("pause", "continue", "reward", "skip", "recalibrate", "shift", "quit")


class Panel(Protocol):
    """What the operator watches."""

    @property
    def has_the_terminal(self) -> bool:
        """Whether it covers what is said on standard error."""
        ...

    def is_due(self) -> bool:
        """Return whether it takes a state now: a few times a second."""
        ...

    def update(self, state: PanelState) -> None:
        """Take a state; never waits."""
        ...

    def commands(self) -> list[CommandName]:
        """Return what was asked by its keys since the last call; never waits."""
        ...

    def fault(self) -> str:
        """Return in words why nobody can watch; empty where somebody can."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class NoPanel:
    """Nobody watches."""

    has_the_terminal = False

    def is_due(self) -> bool:
        """Return that it takes nothing."""
        return False

    def update(self, state: PanelState) -> None:
        """Do nothing."""

    def commands(self) -> list[CommandName]:
        """Return nothing."""
        return []

    def fault(self) -> str:
        """Return nothing: none was asked for."""
        return ""

    def close(self) -> None:
        """Do nothing."""


class PanelProcess:
    """A window or a terminal page, drawn by a process of its own.

    Parameters
    ----------
    kind
        Which.
    session
        The session folder, for its images.
    resume
        The command that goes on with the session: the panel says it where the rig ends without a word.
    screen
        The operator's, counted from 0; for a window.
    """

    def __init__(self, kind: PanelKind, *, session: Path, resume: str, screen: int = 0) -> None:
        self._kind, self._next_s, self._fault = kind, 0.0, ""
        self._heard_s = time.monotonic()
        self._was_silent = False
        self._terminal = _terminal_settings() if kind == "terminal" else None
        here, there = pair()
        command = [sys.executable, "-m", "rig.operator.views.show", kind, str(there.fileno())]
        # A window has a group of its own: Ctrl-C in the terminal is the rig's. A page shares the terminal's.
        # Who reads what the rig says waits for its end, and not for that of a window which outlives it.
        stream = None if kind == "terminal" else subprocess.DEVNULL
        self._process = subprocess.Popen(
            [*command, str(screen), str(session.resolve()), resume],
            pass_fds=[there.fileno()],
            stdin=stream,
            stdout=stream,
            stderr=stream,
            start_new_session=kind == "window",
        )
        there.close()
        self._channel = Channel(here)

    @property
    def has_the_terminal(self) -> bool:
        """Whether it covers what is said on standard error."""
        return self._kind == "terminal" and self._channel.is_open

    def is_due(self) -> bool:
        """Return whether it takes a state now: a few times a second."""
        return time.monotonic() >= self._next_s

    def update(self, state: PanelState) -> None:
        """Take a state; where the panel has not read the ones before, it is dropped."""
        self._next_s = time.monotonic() + _BETWEEN_UPDATES_S
        self._channel.send(state.to_json())

    def commands(self) -> list[CommandName]:
        """Return what was asked by its keys since the last call; never waits."""
        messages = self._channel.receive()
        if messages:
            self._heard_s = time.monotonic()
        asked = [message["ask"] for message in messages if message.get("ask") in _COMMANDS]
        self._fault = next((str(message["fault"]) for message in messages if "fault" in message), self._fault)
        return asked

    def fault(self) -> str:
        """Return in words why nobody can watch; empty where somebody can."""
        name = "operator window" if self._kind == "window" else "operator's page"
        if not self._channel.is_open:
            return f"{name}: {self._fault or 'it has ended'}"
        silent_s = time.monotonic() - self._heard_s
        return f"{name}: no sign of it for {silent_s:.0f} s" if silent_s > _SILENT_S else ""

    def close(self) -> None:
        """End it: the panel sees the end of the connection."""
        self._channel.close()
        try:
            self._process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._terminal is not None:
            import termios  # noqa: PLC0415 - not on every system

            with suppress(termios.error, OSError):
                termios.tcsetattr(0, termios.TCSADRAIN, self._terminal)


def _terminal_settings() -> list[Any] | None:
    """Return how the terminal is set, to be set so again where the page dies."""
    import termios  # noqa: PLC0415 - not on every system

    with suppress(termios.error, OSError):
        return termios.tcgetattr(0)
    return None


def has_terminal() -> bool:
    """Return whether a page can be drawn: standard error is a terminal, and keys can be read."""
    return sys.stderr is not None and os.isatty(2) and os.isatty(0) and os.environ.get("TERM", "dumb") != "dumb"


class SpokenFaults:
    """Says once on standard error that a panel has stopped, and once that it is back."""

    def __init__(self) -> None:
        self._said = ""

    def look(self, panel: Panel) -> None:
        """Look whether somebody can watch."""
        found = panel.fault()
        what = found.partition(":")[0]
        if bool(found) != bool(self._said):
            say(f"{found}. The session goes on; `rig tell` reaches it." if found else f"{self._said}: it is back.")
            self._said = what
