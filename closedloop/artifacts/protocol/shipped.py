"""The protocols inside the package."""

from __future__ import annotations

from pathlib import Path

_PLACES = (Path(__file__).parents[2] / "protocols", Path(__file__).parents[3] / "protocols")


def shipped_protocols() -> dict[str, Path]:
    """Return the protocols inside the package by name."""
    return {path.stem: path for place in _PLACES if place.is_dir() for path in sorted(place.glob("*.yaml"))}
