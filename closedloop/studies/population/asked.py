"""What `closedloop studies population` is asked for, and what of it cannot be, told before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PopulationOptions:
    """The options as given on the command line.

    Attributes
    ----------
    study
        A study's folder; None to have a simulated one made.
    truth
        Whether the hidden cortex of a simulated study is asked too.
    seed
        Of folds, shuffles and random starts.
    """

    study: Path | None
    truth: bool
    seed: int
