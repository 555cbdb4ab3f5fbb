"""The protocol's key `arms.adaptive`: a part of each day's attacks goes to the arms that earlier days favour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import DayNumber

_MOST_MOVED = (
    0.8  # a fifth of its attacks every arm keeps: without it an arm once unlucky would never be measured again
)

LEAST_KEPT = 2
"""Pairs of an arm on a day: one alone does not say how pairs differ."""

Moved = Annotated[float, Field(gt=0, le=_MOST_MOVED)]


class Adaptive(Section):
    """Which part of a day's attacks moves to the arms that earlier days' evaluations favour.

    The day's number of attacks stays what it is.
    """

    moved: Moved = Field(
        default=0.5, description="part of each arm's pairs that may go to another; the others it keeps every day"
    )
    first_day: DayNumber = Field(default=2, description="day from which on; the days before it have the arms' shares")

    def kept_of(self, n_pairs: int) -> int:
        """Return how many of its pairs an arm keeps on every day, at least one."""
        return n_pairs - math.floor(self.moved * n_pairs)

    def check(self, pairs_of_arms: Mapping[str, int], *, first_day: int, n_anchors: int, n_there: int) -> None:
        """Refuse what no allocation can be made of.

        Parameters
        ----------
        pairs_of_arms
            What each arm attacks a day by its own share, by its name.
        first_day
            Of the section around it.
        n_anchors
            Images that arms attack.
        n_there
            Pairs of an anchor and a site that there are.

        Raises
        ------
        ValueError
            There is nobody to move attacks to, no earlier day to go by, no further pair to attack, or too little of an
            arm to know it by.
        """
        n_pairs = max(pairs_of_arms.values(), default=0)
        if len(pairs_of_arms) < 2:
            raise ValueError(
                f"arms.adaptive: expected two arms or more, found {len(pairs_of_arms)}. Name another, or leave it out"
            )
        if n_anchors < 2:
            raise ValueError("arms.adaptive: expected two images.anchors or more, found 1. Show more, or leave it out")
        if few := [name for name, n in pairs_of_arms.items() if self.kept_of(n) < LEAST_KEPT]:
            raise ValueError(
                f"arms.adaptive: expected every arm to keep {LEAST_KEPT} pairs a day or more, found "
                f"{self.kept_of(pairs_of_arms[few[0]])} of {few[0]}. Raise its share or arms.n_pairs, or lower moved"
            )
        if self.first_day <= first_day:
            raise ValueError(
                f"arms.adaptive.first_day: expected a day after arms.first_day ({first_day}), as it goes by what "
                f"earlier days measured, found {self.first_day}. Raise it"
            )
        if n_pairs >= n_there:
            raise ValueError(
                f"arms.n_pairs: expected fewer than images.anchors x sites.n_sites ({n_there}), so that arms.adaptive "
                f"can give an arm more, found {n_pairs}. Lower it, or show more anchors"
            )


def n_movable(adaptive: Adaptive, pairs_of_arms: Sequence[int]) -> tuple[int, ...]:
    """Return how many pairs of each arm may go to another.

    Parameters
    ----------
    adaptive
        The protocol's.
    pairs_of_arms
        What each arm attacks a day by its own share.
    """
    return tuple(n - adaptive.kept_of(n) for n in pairs_of_arms)
