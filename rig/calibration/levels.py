"""Grey levels on the animal's screen, one after the other, read by a person with a photometer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from closedloop.errors import SessionError
from rig.calibration.gamma import MeasuredLevel
from rig.calibration.tables import number_of
from rig.display.display import Display, Picture

_SETTLE_S = 1.0  # backlights that dim themselves come to rest


def measure_levels(
    display: Display, levels: Sequence[int], *, typed: Callable[[str], str], say: Callable[[str], None]
) -> list[MeasuredLevel]:
    """Show each level until somebody has typed its luminance.

    Parameters
    ----------
    display
        With an image of each level, in this order.
    levels
        0 to 255.
    typed
        Asks for a reading, and returns what was typed.
    say
        Tells a line.

    Raises
    ------
    SessionError
        The screen shows something else than was drawn.
    """
    measured = []
    for number, level in enumerate(levels):
        display.prepare([number])
        for _ in range(round(_SETTLE_S * display.refresh_hz)):
            display.flip(Picture(slot=0, fixation=False))
        if troubles := display.health():
            raise SessionError(
                f"display: expected the grey squares to be seen, found that {troubles[0]}. Clear the screen, and begin "
                "again."
            )
        measured.append(MeasuredLevel(level, _reading(level, typed, say)))
    return measured


def _reading(level: int, typed: Callable[[str], str], say: Callable[[str], None]) -> float:
    while True:
        answer = typed(f"Level {level}: cd/m2")
        number = number_of(answer)
        if number is not None and number >= 0:
            return number
        say(f"expected a luminance such as 48.3, not below 0, found {answer.strip()!r:.40}. Type it again.")
