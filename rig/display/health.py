"""What keeps the animal from seeing the picture, in words, from what the desktop says of the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rig.display.screens import Rectangle


@dataclass(frozen=True)
class WindowSigns:
    """What the desktop says of the window. No single one of these is enough, each is blind to something.

    Attributes
    ----------
    is_there
        Whether the window exists.
    is_shown
        Whether it is on the desktop at all: not iconified, not on another workspace.
    visibility
        What the desktop said last of how much of it can be seen.
    above
        Titles of other windows above it in its place.
    keyboard
        Title of another window that the keyboard writes into, or None where it is the rig's.
    place, wanted
        Where it is, and where it has to be.
    """

    is_there: bool
    is_shown: bool
    visibility: Literal["whole", "part", "none"]
    above: tuple[str, ...]
    keyboard: str | None
    place: Rectangle
    wanted: Rectangle


def words_of(signs: WindowSigns) -> tuple[str, ...]:
    """Return what is wrong, each fault with what to do about it; empty where nothing is."""
    if not signs.is_there:
        return ("the window was closed: stop, then present with --resume",)
    if not signs.is_shown:
        return ("the window is iconified or on another workspace: bring it back",)
    words = []
    if signs.place != signs.wanted:
        words.append(f"the window is {signs.place}, expected {signs.wanted}: move it back")
    if signs.above:
        words.append(f"the window is covered by {', '.join(signs.above)}: close or move that")
    elif signs.visibility != "whole":
        words.append("a part of the window is covered: bring it to the front")
    if signs.keyboard is not None:
        words.append(f"the keyboard writes into {signs.keyboard}: click into the rig's window")
    return tuple(words)
