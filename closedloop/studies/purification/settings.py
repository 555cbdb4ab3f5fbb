"""What the study measures and how long, and the names of its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from closedloop.defenses.attacks.adaptive import AdaptiveSettings
from closedloop.defenses.attacks.gradient_steps import PgdSettings
from closedloop.defenses.foreseen import ForeseenAttacks
from closedloop.studies.files import ResultsFolder

DefenseName: TypeAlias = Literal["none", "adversarial", "carso", "carso_plain"]

DEFENSES: dict[DefenseName, str] = {
    "none": "none",
    "adversarial": "adversarial training",
    "carso": "CARSO",
    "carso_plain": "CARSO without adversarial training",
}

CLEAN, ADAPTIVE, WORST = "clean", "adaptive", "worst"
ATTACKS: dict[str, str] = {
    "fgsm": "FGSM",
    "pgd": "PGD",
    "deepfool": "DeepFool",
    "apgd_ce": "APGD, cross entropy",
    "apgd_dlr": "APGD, ratio of margins",
    ADAPTIVE: "adaptive, through the recalls",
}
"""Attacks by name; all but the last are on the classifier, and know nothing of a purifier."""


@dataclass(frozen=True)
class AttackSettings:
    """How defences are attacked and judged.

    Attributes
    ----------
    radii
        Largest change of a value; the last is unforeseen in training.
    pgd, apgd_steps, adaptive
        How long each attack goes on.
    recalls
        Of an image, when a defence is judged.
    seed
        Of starts and recalls.
    """

    recalls: int
    seed: int
    radii: tuple[float, ...] = (0.15, 0.30, 0.50)  # the slides'
    pgd: PgdSettings = field(default_factory=PgdSettings)
    apgd_steps: int = 50
    adaptive: AdaptiveSettings = field(default_factory=AdaptiveSettings)

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of recalls that are compared."""
        return (*(n for n in _COUNTS if n < self.recalls), self.recalls)


@dataclass(frozen=True)
class PurificationSettings:
    """What to train, and how to attack it.

    Attributes
    ----------
    epochs
        Of every training.
    attacks
        How defences are attacked.
    foreseen
        What trainings attack by.
    """

    epochs: int
    attacks: AttackSettings
    foreseen: ForeseenAttacks = field(default_factory=ForeseenAttacks)


@dataclass(frozen=True)
class PurificationFiles(ResultsFolder):
    """The files of the study."""

    @property
    def accuracy(self) -> Path:
        """A row per (defence, attack, radius)."""
        return self.folder / "defense_accuracy.parquet"

    @property
    def recalls(self) -> Path:
        """A row per (defence, attack, radius, rule, number of recalls)."""
        return self.folder / "recall_accuracy.parquet"

    @property
    def sites(self) -> Path:
        """A row per (layer, epsilon)."""
        return self.folder / "site_return.parquet"


_COUNTS = (1, 3, 10, 30, 100, 300)
