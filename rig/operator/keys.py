"""Which key asks for what; what ends a session is asked for twice."""

from __future__ import annotations

from closedloop.artifacts.day.journal_rows import CommandName

CONFIRM_S = 6.0
KEYS = (
    ("p", "pause, continue"),
    ("r", "reward"),
    ("s", "skip the trial"),
    ("c", "recalibrate"),
    ("q", "quit"),
)
"""For the operator, in the order to be shown; Escape is as q."""

QUESTION = "Quit? Press q once more, or any other key to go on."

_NAMES: dict[str, CommandName] = {"r": "reward", "s": "skip", "c": "recalibrate"}


class KeyReader:
    """Turns keys into commands."""

    def __init__(self) -> None:
        self._asked_s: float | None = None

    def question(self, now_s: float) -> str:
        """Return what the operator has to answer before anything is done; empty where nothing is asked."""
        return QUESTION if self._asked_s is not None and now_s - self._asked_s < CONFIRM_S else ""

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
        name, asked = key.lower(), bool(self.question(now_s))
        self._asked_s = None
        if name in ("q", "escape"):
            if asked:
                return "quit"
            self._asked_s = now_s
            return None
        if asked:
            return None  # the answer to the question, and nothing else
        if name == "p":
            return "continue" if is_paused else "pause"
        return _NAMES.get(name)
