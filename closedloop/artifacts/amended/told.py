"""What does not count in a study, as sentences: the same in status, pages and history."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.artifacts.amended.closing import closed_days
from closedloop.artifacts.amended.exclusions import exclusions, said_of_all
from closedloop.artifacts.records.amendments import Amendment


def what_does_not_count(amendments: Sequence[Amendment]) -> tuple[str, ...]:
    """Return what is left out and which days ended early, a line each."""
    return (*said_of_all(exclusions(amendments)), *(one.said for one in closed_days(amendments)))
