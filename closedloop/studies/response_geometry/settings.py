"""The settings of the study, and the names of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.studies.files import ResultsFolder

PROTOCOL = "response_geometry"
"""The shipped protocol that the study runs where it is given neither a study nor a network."""

EPSILONS = (1.0, 2.5, 10.0)  # section 2 and Figure 2
SCALES = (0.3, 1.0, 3.0, 10.0, 30.0)  # from where a smooth response's second derivative is met to a plane's extent
N_DRAWN = 13  # places along either side of a plane that is drawn
DRAWN_EXTENT = 10.0  # the largest attack's size
PLAIN_STEPS = 40  # section 3.1 takes 100; of whose gain 10 reach 95 % on smooth networks (docs/benchmarks.md)
SMOOTHED_SAMPLES = 16  # random changes that the loop's gradient is averaged over, where it is looked at by itself


@dataclass(frozen=True)
class GeometrySettings:
    """What is measured of each pair of a unit and an image.

    Attributes
    ----------
    n_units, images_per_unit
        Units of each network, and images of each unit or site.
    n_clean
        Clean images that a unit's SD is taken over.
    scale
        At which principal directions are sought, L2 norm on a 224 x 224 x 3 image.
    walk
        Length of the walks, likewise.
    seed
        Of images, units and random starts.
    """

    n_units: int = 12
    images_per_unit: int = 4
    n_clean: int = 200
    scale: float = 1.0
    walk: float = 10.0
    seed: int = 0


@dataclass(frozen=True)
class GeometryFiles(ResultsFolder):
    """The files of the study."""

    @property
    def made(self) -> Path:
        """The simulated study, where none was given."""
        return self.folder / "study"

    @property
    def pairs(self) -> Path:
        """A row a (unit or site, image)."""
        return self.folder / "gradients.parquet"

    @property
    def curvatures(self) -> Path:
        """A row a (unit or site, image, direction, scale)."""
        return self.folder / "curvatures.parquet"

    @property
    def attacks(self) -> Path:
        """A row a (unit or site, image, search, epsilon)."""
        return self.folder / "attacks.parquet"

    @property
    def explained(self) -> Path:
        """A row a rank correlation."""
        return self.folder / "explained.parquet"

    @property
    def planes(self) -> Path:
        """A row a recorded plane."""
        return self.folder / "recorded_planes.parquet"

    @property
    def coverage(self) -> Path:
        """A row an interval whose coverage was simulated."""
        return self.folder / "coverage.parquet"
