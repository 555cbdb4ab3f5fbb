"""Sizes of attacks as a command line names them: `--epsilon 1,2.5,5`, or once for each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from closedloop.errors import OptionError

MOST_EPSILON = 224 * 3**0.5  # from a black image to a white one, at 224 x 224 x 3
MOST_STEPS = 100_000  # of a search; section 3.2 takes 250 in a ball
_MOST_SHOWN = 40  # characters of a word that is no number


def parse_epsilons(texts: Sequence[str]) -> tuple[float, ...]:
    """Read sizes, in ascending order and each once.

    Raises
    ------
    OptionError
        One is no size that an attack can have, or two would have one name.
    """
    words = [word.strip() for text in texts for word in text.split(",")]
    epsilons = tuple(sorted({_epsilon(word) for word in words}))
    if len({f"{epsilon:g}" for epsilon in epsilons}) < len(epsilons):
        raise OptionError(
            f"--epsilon: expected numbers that differ in their first six digits, which name them everywhere, found "
            f"{','.join(words)}. Leave one out."
        )
    return epsilons


def _epsilon(word: str) -> float:
    try:
        epsilon = float(word)
    except ValueError:
        epsilon = math.nan
    if not 0 < epsilon < math.inf:
        raise OptionError(
            f"--epsilon: expected numbers above 0 set apart by commas (1,2.5,5), found {word[:_MOST_SHOWN]!r}. "
            "Correct it."
        )
    if epsilon > MOST_EPSILON:
        raise OptionError(
            f"--epsilon: expected at most {MOST_EPSILON:.4g}, from a black image to a white one, found {epsilon:g}. "
            "Correct it."
        )
    return epsilon
