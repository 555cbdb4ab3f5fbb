"""What a shell offers as one types."""

from __future__ import annotations


def complete_protocol(incomplete: str) -> list[str]:
    """Return the shipped protocols whose names begin so."""
    from closedloop.artifacts.protocol.shipped import shipped_protocols  # noqa: PLC0415

    return [name for name in shipped_protocols() if name.startswith(incomplete)]
