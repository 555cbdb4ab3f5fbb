"""The settings of a coverage study, and the names of its files."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import ProtocolError
from closedloop.studies.files import ResultsFolder

WINDOW_S = 0.1  # section 3.1: [70, 170) ms


@dataclass(frozen=True)
class CoverageStudy:
    """Which experiments are simulated; the defaults are the day of `protocols/dry_run.yaml`.

    Attributes
    ----------
    n_experiments
        Each with images, noise and, by fives, a simulated subject of its own.
    repetitions
        Of every image but the anchors' clean ones, ascending, at least two; each experiment is made with each.
    n_sites, images_per_site, n_anchors
        The sites, and the anchors that are dealt out to them (`stages.plan`).
    anchor_repetitions
        Of clean anchors.
    n_clean, n_controls
        Fresh clean images, which give sigma and test the predictions, and images that controls are made of.
    epsilons
        At 224 px, ascending.
    cosines
        Between an attack's direction and the cortex's own gradient on an early and on a late day, mean over pairs.
        Sites differ by an SD of .1 and pairs by .15, so that some attacks go the wrong way, as a fitted model's do.
    explained
        Part of the variance of a site's rates over clean images that the sealed predictions explain on these days.
    seed
        Of everything.
    experiments_a_subject
        Experiments that share a subject; each draws its images and has noise of its own.

    Raises
    ------
    ProtocolError
        A number cannot be.
    """

    n_experiments: int = 400
    repetitions: tuple[int, ...] = (2, 4)
    n_sites: int = 21
    images_per_site: int = 12
    n_anchors: int = 84
    anchor_repetitions: int = 4
    n_clean: int = 300
    n_controls: int = 16
    epsilons: tuple[float, ...] = (1.0, 2.5, 10.0)
    cosines: tuple[float, float] = (0.2, 0.45)
    explained: tuple[float, float] = (0.25, 0.7)
    seed: int = 0
    experiments_a_subject: int = 5

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be."""
        ascending = all(a < b for a, b in itertools.pairwise(self.epsilons)) and self.epsilons[:1] > (0.0,)
        if not ascending or len(self.epsilons) < 2:
            raise ProtocolError(
                f"coverage: expected at least two ascending epsilons above 0, found {self.epsilons}. Correct them."
            )
        if not self.repetitions or min(self.repetitions) < 2 or len(set(self.repetitions)) < len(self.repetitions):
            raise ProtocolError(
                f"coverage: expected different numbers of repetitions, at least 2, found {self.repetitions}. "
                "Correct them."
            )
        if self.images_per_site > self.n_anchors:
            raise ProtocolError(
                f"coverage: expected at most as many images a site as there are anchors, {self.n_anchors}, found "
                f"{self.images_per_site}. Correct one of them."
            )


@dataclass(frozen=True)
class CoverageFiles(ResultsFolder):
    """The files of a study."""

    @property
    def intervals(self) -> Path:
        """A row per quantity, estimand, epsilon and number of repetitions."""
        return self.folder / "intervals.parquet"

    @property
    def alarms(self) -> Path:
        """A row per test and number of repetitions."""
        return self.folder / "alarms.parquet"

    @property
    def page(self) -> Path:
        """The page to open."""
        return self.folder / "coverage.html"
