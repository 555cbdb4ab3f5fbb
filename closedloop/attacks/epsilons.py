"""Sizes of attacks as a command line names them: `--epsilon 1,2.5,5`, or once for each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from closedloop.errors import ProtocolError


def parse_epsilons(texts: Sequence[str]) -> tuple[float, ...]:
    """Read sizes, in ascending order and each once.

    Raises
    ------
    ProtocolError
        One is no number above 0, or two would have one name.
    """
    words = [word.strip() for text in texts for word in text.split(",")]
    epsilons = tuple(sorted({_epsilon(word) for word in words}))
    if len({f"{epsilon:g}" for epsilon in epsilons}) < len(epsilons):
        raise ProtocolError(
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
        raise ProtocolError(
            f"--epsilon: expected numbers above 0 set apart by commas (1,2.5,5), found {word!r}. Correct it."
        )
    return epsilon
