"""Options that many commands have, with the values that they take."""

from __future__ import annotations

from typing import Any

import typer

LARGEST_SEED = 2**63 - 1  # what documents, tables and numpy's integers hold


def seed_option(what: str) -> Any:
    """Return ``--seed N`` as typer takes it, with its help: the seed of what."""
    return typer.Option("--seed", min=0, max=LARGEST_SEED, metavar="N", help=what)
