"""Which key asks for what; what ends a session is asked for twice."""

from __future__ import annotations

from closedloop.artifacts.day.journal_rows import CommandName

CONFIRM_S = 6.0
HELD_S = 0.75
"""A key that is held down begins to repeat within this time (a third to two thirds of a second, as systems are set)."""
_REPEAT_S = 0.12
"""Its repeats come faster than this, and faster than a finger."""

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
    """Turns keys into commands; a key that is held down is pressed once, however often the system repeats it."""

    def __init__(self) -> None:
        self._asked_s: float | None = None
        self._last, self._last_s = "", -HELD_S
        self._n_in_a_row, self._is_held = 0, False

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
        name = key.lower()
        if self._repeats(name, now_s):
            return None
        asked = bool(self.question(now_s))
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

    def _repeats(self, name: str, now_s: float) -> bool:
        """Return whether the system says again that a key is down, which nobody has pressed again.

        The second press soon after the first may be either; what follows tells a held key from a finger that taps.
        """
        since_s = now_s - self._last_s
        is_soon = name == self._last and since_s < HELD_S
        self._last, self._last_s = name, now_s
        self._n_in_a_row = self._n_in_a_row + 1 if is_soon else 1
        self._is_held = is_soon and (self._is_held or since_s < _REPEAT_S)
        return self._is_held or self._n_in_a_row == 2
