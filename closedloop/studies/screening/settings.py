"""What a screening compares, and the names of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.analysis.representation.halves import N_HALVINGS
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.searches import COSINE, Schedule
from closedloop.errors import ProtocolError
from closedloop.studies.files import ResultsFolder

CKA, RIDGE, PLS, TRANSFER = "cka", "ridge", "pls", "transfer"
CRITERIA = (CKA, RIDGE, PLS)  # those that need no image but the clean ones; TRANSFER comes once an epsilon

SEARCH = replace(COSINE, steps=20)
LATTICE = LatticeSettings(steps=2)


@dataclass(frozen=True)
class ScreeningSettings:
    """How it is compared, whatever is compared.

    Attributes
    ----------
    n_clean
        Clean images, at most; the paper had 12,000.
    n_folds
        Of the cross-validation.
    n_halvings
        Of the images, for the intervals.
    epsilons
        Of the layer-targeted perturbations, at 224 px, ascending; of none there are no such images.
    n_attacked
        Clean images that every layer's perturbations are made of.
    repetitions
        Of each of these and of their changed twins, where a simulated subject is shown them.
    search, lattice
        How a layer's largest displacement is found, and put on whole grey levels.
    seed
        Of every draw.
    """

    n_clean: int = 900
    n_folds: int = 5
    n_halvings: int = N_HALVINGS
    epsilons: tuple[float, ...] = (10.0,)
    n_attacked: int = 200
    repetitions: int = 20
    search: Schedule = SEARCH
    lattice: LatticeSettings = LATTICE
    seed: int = 0

    def __post_init__(self) -> None:
        if list(self.epsilons) != sorted(set(self.epsilons)):
            raise ProtocolError(f"screening: expected ascending epsilons, found {self.epsilons}. Correct them.")

    def seed_of(self, *names: str | int) -> int:
        """Return a 63-bit seed of one purpose."""
        return _seed(("screening", self.seed, *names))


@dataclass(frozen=True)
class ScreeningFiles(ResultsFolder):
    """The files of a study."""

    @property
    def cells(self) -> Path:
        """A row per (criterion, network, layer)."""
        return self.folder / "cells.parquet"

    @property
    def networks(self) -> Path:
        """A row per (criterion, network)."""
        return self.folder / "networks.parquet"

    @property
    def sites(self) -> Path:
        """A row a site: how well the layer that predicts best by ridge predicts it."""
        return self.folder / "sites.parquet"

    @property
    def stimuli(self) -> Path:
        """Folder of the layer-targeted images, to be shown to an animal."""
        return self.folder / "transfer-images"

    @property
    def stimulus_table(self) -> Path:
        """What each of them is."""
        return self.folder / "transfer_images.parquet"


def _seed(names: Iterable[str | int]) -> int:
    digest = hashlib.sha256("|".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
