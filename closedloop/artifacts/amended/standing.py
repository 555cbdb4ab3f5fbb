"""The amendments that stand: whoever asks what is in force reads them through here."""

from __future__ import annotations

from closedloop.artifacts.records.amendments import Amendment


def standing(amendments: tuple[Amendment, ...]) -> tuple[Amendment, ...]:
    """Return the amendments that nobody withdrew, in order."""
    return amendments
