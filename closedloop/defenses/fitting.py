"""The two trainings of a defence: of a classifier, with or without attacks, and of a purifier on top of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from closedloop.defenses.carso import N_LATENT, Purifier, untrained_purifier
from closedloop.defenses.classifier import Classifier, untrained_classifier
from closedloop.defenses.descent import DescentSettings, descend
from closedloop.defenses.foreseen import ForeseenAttacks, attack_batch
from closedloop.training.resumable import fingerprint, tensors_as_arrays


@dataclass(frozen=True, eq=False)
class LabelledExamples:
    """Labelled images.

    Attributes
    ----------
    images
        uint8, (n, n_values).
    classes
        int64, (n,).
    n_classes
        How many there are.
    """

    images: NDArray[np.uint8]
    classes: NDArray[np.int64]
    n_classes: int

    @cached_property
    def digest(self) -> str:
        """What tells these from others (sha256)."""
        return fingerprint(str(self.n_classes), [self.images, self.classes])

    def tensors(self, rows: NDArray[np.int64] | slice) -> tuple[Tensor, Tensor]:
        """Return images in [0, 1] as float32 and their classes."""
        return torch.from_numpy(self.images[rows]).float() / 255, torch.from_numpy(self.classes[rows])


@dataclass(frozen=True)
class ClassifierRecipe:
    """How a classifier is trained.

    Attributes
    ----------
    descent
        Length and rate.
    attacks
        Foreseen ones; None trains on clean images alone.
    """

    descent: DescentSettings
    attacks: ForeseenAttacks | None = None


@dataclass(frozen=True)
class PurifierRecipe:
    """How a purifier is trained.

    Attributes
    ----------
    descent
        Length and rate.
    attacks
        On the classifier, by the classes that it names itself: no label is needed.
    """

    descent: DescentSettings
    attacks: ForeseenAttacks = field(default_factory=ForeseenAttacks)


def fit_classifier(
    recipe: ClassifierRecipe, examples: LabelledExamples, *, until: int | None = None, checkpoint: Path | None = None
) -> Classifier:
    """Train a classifier to the end of an epoch.

    Parameters
    ----------
    recipe
        How.
    examples
        Of what.
    until
        Epochs that are done at the end; None: all.
    checkpoint
        File of the state between epochs.
    """
    network = untrained_classifier(examples.images.shape[1], examples.n_classes, seed=recipe.descent.seed)

    def loss_of(rows: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        images, classes = examples.tensors(rows)
        if recipe.attacks is not None:
            images = attack_batch(network, images, classes, attacks=recipe.attacks, generator=generator)
        return cross_entropy(network.train()(images), classes)

    descend(
        network,
        loss_of,
        n_examples=len(examples.classes),
        settings=recipe.descent,
        until=recipe.descent.epochs if until is None else until,
        checkpoint=checkpoint,
        identity=fingerprint(f"{recipe} {examples.digest}", []),
    )
    return network


def fit_purifier(
    recipe: PurifierRecipe,
    classifier: Classifier,
    examples: LabelledExamples,
    *,
    until: int | None = None,
    checkpoint: Path | None = None,
) -> Purifier:
    """Train a purifier to recall clean images from what a classifier makes of attacked ones.

    Loss: pixelwise binary cross entropy, as on the slides, and the divergence of the draws from the prior.

    Parameters
    ----------
    recipe
        How.
    classifier
        Trained, in evaluation mode; it stays as it is.
    examples
        Their classes are not used.
    until
        Epochs that are done at the end; None: all.
    checkpoint
        File of the state between epochs.
    """
    purifier = untrained_purifier(classifier.n_values, classifier.n_represented, seed=recipe.descent.seed)
    classifier.requires_grad_(requires_grad=False)

    def loss_of(rows: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        clean, _ = examples.tensors(rows)
        with torch.no_grad():
            named = classifier(clean).argmax(dim=1)
        shown = attack_batch(classifier, clean, named, attacks=recipe.attacks, generator=generator)
        noise = torch.randn((len(clean), N_LATENT), generator=generator)
        with torch.no_grad():
            representation = classifier.represent(shown)
        encoded = purifier.train()(shown, representation, noise)
        pixels = binary_cross_entropy_with_logits(encoded.logits, clean, reduction="none").sum(dim=1)
        spread = encoded.mean.square() + encoded.log_variance.exp() - encoded.log_variance - 1
        loss: Tensor = (pixels + 0.5 * spread.sum(dim=1)).mean()
        return loss

    descend(
        purifier,
        loss_of,
        n_examples=len(examples.classes),
        settings=recipe.descent,
        until=recipe.descent.epochs if until is None else until,
        checkpoint=checkpoint,
        identity=fingerprint(f"{recipe} {examples.digest}", tensors_as_arrays(classifier)),
    )
    return purifier
