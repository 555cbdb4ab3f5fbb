"""`closedloop base-model train`: the shipped base models again, from their recipes."""

from __future__ import annotations

from pathlib import Path


def train_to_file(out: Path, *, name: str, seed: int | None) -> str:
    """Train a shipped base model anew; return what to tell the user."""
    raise NotImplementedError(name, seed, out)
