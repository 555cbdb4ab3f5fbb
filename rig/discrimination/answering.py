"""Who answers: a person at the window's keyboard, or a script on a virtual clock."""

from __future__ import annotations

from typing import Protocol

from closedloop.artifacts.discrimination.experiment import DiscriminationTask
from closedloop.artifacts.naming import generator
from rig.display.display import Display, Flip, Picture


class TextDisplay(Display, Protocol):
    """A display that can say something to whoever looks at it."""

    def show_text(self, text: str) -> Flip:
        """Show text on grey for at least one frame, lines set apart by line ends."""
        ...


class Keyboard(Protocol):
    """Who presses keys."""

    def keys(self) -> tuple[str, ...]:
        """Return the names of the keys pressed since it was asked last."""
        ...


class ScriptedSubject:
    """Answers by chance, in a time of its own, for dry runs without a screen.

    Parameters
    ----------
    task
        Its keys.
    names
        What decides the answers: seed first, subject, session.
    """

    def __init__(self, task: DiscriminationTask, names: tuple[str | int, ...]) -> None:
        seed, *rest = names
        self._random = generator(int(seed), "scripted subject", *rest)
        self._task = task
        self._left = 0

    def keys(self) -> tuple[str, ...]:
        """Return nothing for some frames, then one of the two keys; also what starts a session."""
        if self._left:
            self._left -= 1
            return ()
        self._left = int(self._random.integers(10, 60))
        chosen = self._task.different_key if self._random.uniform() < 0.5 else self._task.same_key
        return ("space", chosen)


SLOTS = (Picture(slot=0, fixation=False), Picture(slot=1, fixation=False))
"""The two images of a trial, as they are prepared."""
