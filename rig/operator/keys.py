"""Which key asks for what; what ends a session is asked for twice."""

from __future__ import annotations

from closedloop.artifacts.day.journal_rows import CommandName
from rig.stop import QuitKeys

KEYS = (
    ("p", "pause, continue"),
    ("r", "reward"),
    ("s", "skip"),
    ("c", "recalibrate"),
    ("d", "shift"),
    ("q", "quit"),
)
"""For the operator, in the order to be shown: a line of 80 columns has all of them. Escape is as q, and Enter continues
too."""

_ENTER = ("return", "enter", "kp_enter", "\n", "\r")

_NAMES: dict[str, CommandName] = {"r": "reward", "s": "skip", "c": "recalibrate", "d": "shift"}


class KeyReader:
    """Turns keys into commands; a key that is held down is pressed once, however often the system repeats it."""

    def __init__(self) -> None:
        self._quit = QuitKeys()

    def question(self, now_s: float) -> str:
        """Return what the operator has to answer before anything is done; empty where nothing is asked."""
        return self._quit.question(now_s)

    def press(self, key: str, *, is_paused: bool, now_s: float) -> CommandName | None:
        """Return what a key asks for.

        Parameters
        ----------
        key
            Its name, as the window or the terminal has it.
        is_paused
            Whether the session is paused: the same key continues it.
        now_s
            Any clock, seconds.
        """
        match self._quit.press(key, now_s=now_s):
            case "quit":
                return "quit"
            case "repeated" | "asked" | "answered":
                return None
        name = key.lower()
        if name in _ENTER:
            return "continue" if is_paused else None
        if name == "p":
            return "continue" if is_paused else "pause"
        return _NAMES.get(name)
