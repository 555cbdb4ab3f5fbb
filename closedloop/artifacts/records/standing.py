"""Which amendments are in force: all but those that a later line took back."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.artifacts.records.amendments import Amendment


def standing(amendments: Sequence[Amendment]) -> tuple[Amendment, ...]:
    """Return the lines that are in force, in order, without those that take another one back.

    Parameters
    ----------
    amendments
        All lines of a study.
    """
    gone = withdrawals(amendments)
    return tuple(
        line for number, line in enumerate(amendments, start=1) if line.kind != "withdraw" and number not in gone
    )


def withdrawals(amendments: Sequence[Amendment]) -> dict[int, Amendment]:
    """Return what took a line back, by the number of that line, from 1 as `closedloop history` shows it."""
    return {
        int(line.subject[0]): line
        for line in amendments
        if line.kind == "withdraw" and line.subject and line.subject[0].isdecimal()
    }
