"""The four networks of the study: two classifiers and a purifier on each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.naming import derive_seed
from closedloop.defenses.descent import DescentSettings
from closedloop.defenses.fitting import ClassifierRecipe, LabelledExamples, PurifierRecipe
from closedloop.defenses.trained import Trained, TrainedClassifier, TrainedPurifier
from closedloop.studies.purification.settings import DefenseName, PurificationSettings

_CLASSIFIER_RATE, _PURIFIER_RATE = 0.02, 0.002  # the slides' .05 and .001 fall on plateaus over 300 epochs
_NUMPY_SEEDS = 2**62


@dataclass(frozen=True)
class Networks:
    """All that the study trains.

    Attributes
    ----------
    plain, adversarial
        Classifiers without and with adversarial training.
    purifier, purifier_plain
        Of the adversarially trained one, and of the other.
    """

    plain: TrainedClassifier
    adversarial: TrainedClassifier
    purifier: TrainedPurifier
    purifier_plain: TrainedPurifier

    @property
    def all(self) -> tuple[Trained, ...]:
        """In the order in which they can begin."""
        return (self.adversarial, self.plain, self.purifier, self.purifier_plain)

    def defense(self, name: DefenseName) -> tuple[TrainedClassifier, TrainedPurifier | None]:
        """Return the networks of a defence."""
        return {
            "none": (self.plain, None),
            "adversarial": (self.adversarial, None),
            "carso": (self.adversarial, self.purifier),
            "carso_plain": (self.plain, self.purifier_plain),
        }[name]


def plan_networks(settings: PurificationSettings, examples: LabelledExamples, folder: Path) -> Networks:
    """Return what is to be trained.

    Parameters
    ----------
    settings
        How long.
    examples
        On what.
    folder
        Where files go.
    """

    def descent(name: str, rate: float) -> DescentSettings:
        seed = derive_seed(settings.attacks.seed, "purification", name) % _NUMPY_SEEDS
        return DescentSettings(settings.epochs, rate, seed=seed)

    plain = TrainedClassifier(ClassifierRecipe(descent("plain", _CLASSIFIER_RATE)), examples, folder)
    adversarial = TrainedClassifier(
        ClassifierRecipe(descent("adversarial", _CLASSIFIER_RATE), settings.foreseen), examples, folder
    )
    recipe = PurifierRecipe(descent("purifier", _PURIFIER_RATE), settings.foreseen)
    return Networks(plain, adversarial, TrainedPurifier(recipe, adversarial), TrainedPurifier(recipe, plain))
