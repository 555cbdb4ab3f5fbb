"""The settings of a unit-sensitivity study, and the names of its files."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.attacks.searches import STRENGTHENED, Schedule
from closedloop.errors import ProtocolError
from closedloop.studies.files import ResultsFolder
from closedloop.studies.networks import NetworkChoice

PAPER = STRENGTHENED  # 100 starts, 250 gradients in each ball
QUICK = replace(STRENGTHENED, restarts=2, steps=50)  # two small networks in minutes on two cores


@dataclass(frozen=True)
class UnitStudy:
    """What to measure.

    Attributes
    ----------
    networks
        At least one; names differ.
    images
        Folder of photographs; None for computed images.
    epsilons
        At 224 px, ascending (section 2: 1 to 10).
    n_units, images_per_unit
        Drawn at random; the paper does not give its numbers.
    n_clean
        Clean images for SD and random pairs (section 3.1 shows 1000 on day 0); the attacked ones are the first of them.
    search
        Section 3.2's.
    warm_start
        Whether each epsilon starts from what the one before found, which saves starts; else all start at random.
    seed
        Seed of images, units, starts and bootstrap.
    """

    networks: tuple[NetworkChoice, ...]
    images: Path | None = None
    epsilons: tuple[float, ...] = (1.0, 2.5, 5.0, 10.0)
    n_units: int = 32
    images_per_unit: int = 4
    n_clean: int = 1000
    search: Schedule = QUICK
    warm_start: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.networks:
            raise ProtocolError("unit sensitivity: expected at least one network, found none. Name one.")
        ascending = all(a < b for a, b in itertools.pairwise(self.epsilons))
        if not self.epsilons or not ascending or self.epsilons[0] <= 0:
            raise ProtocolError(
                f"unit sensitivity: expected ascending epsilons above 0, found {self.epsilons}. Correct them."
            )
        if min(self.n_units, self.images_per_unit) < 1 or self.n_clean < 2:
            raise ProtocolError(
                "unit sensitivity: expected at least one unit, one image a unit and two clean images. Correct them."
            )


@dataclass(frozen=True)
class StudyFiles(ResultsFolder):
    """The files of a study."""

    @property
    def changes(self) -> Path:
        """A row per (network, unit, image, epsilon)."""
        return self.folder / "changes.parquet"

    @property
    def sensitivity(self) -> Path:
        """A row per (network, epsilon)."""
        return self.folder / "sensitivity.parquet"
