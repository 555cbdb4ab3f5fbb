"""Filters of a panel: what may be chosen, and what is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One choice of a filter.

    Attributes
    ----------
    value
        In the address; empty for all.
    label
        For a person.
    n
        How much there is of it; None where it is not counted.
    """

    value: str
    label: str
    is_chosen: bool
    n: int | None = None
