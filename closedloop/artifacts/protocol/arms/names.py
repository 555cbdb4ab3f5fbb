"""What the models of a day are called: the whole of the day's model, its members, and networks beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

DAY_MODEL: Final = "day"
"""The whole of the day's model."""

MEMBER: Final = "member_"
"""What a member's name begins with; a number from 0 follows, of base_model."""


def models_of_day(further: Iterable[str], n_members: int) -> tuple[str, ...]:
    """Return the names of all models of a day: the whole of its model, its members where there are some, further ones.

    Parameters
    ----------
    further
        Names of the networks beside the day's model.
    n_members
        Of the day's model.

    Examples
    --------
    >>> models_of_day(["vanilla"], 2)
    ('day', 'member_0', 'member_1', 'vanilla')
    """
    members = [f"{MEMBER}{number}" for number in range(n_members)] if n_members > 1 else []
    return (DAY_MODEL, *members, *further)


def member_of(model: str) -> int | None:
    """Return which member of the day's model a name means; None of another name.

    Examples
    --------
    >>> member_of("member_2"), member_of("day")
    (2, None)
    """
    number = model.removeprefix(MEMBER)
    return int(number) if number != model and number.isdigit() else None
