"""Attacks on a defence cut into files: some images at one radius, all attacks on them, what the defence answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop import __version__
from closedloop.artifacts.naming import derive_seed
from closedloop.attacks.balls import LInf
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.defenses.attacks.adaptive import adaptive_attack
from closedloop.defenses.attacks.apgd import apgd
from closedloop.defenses.attacks.deepfool import deepfool, within
from closedloop.defenses.attacks.gradient_steps import fgsm, pgd
from closedloop.defenses.classifier import Classifier
from closedloop.defenses.fitting import LabelledExamples
from closedloop.defenses.port import AGGREGATION_RULES, Defense, aggregate, draw_latent
from closedloop.defenses.trained import TrainedClassifier, TrainedPurifier, load_defense
from closedloop.execution.shards import made_once, shard_name
from closedloop.studies.purification.settings import ADAPTIVE, ATTACKS, CLEAN, AttackSettings, DefenseName

_FORMAT = "purification attacks 1"
_RIGHT = "right"
IMAGES_PER_SHARD = 50
"""Few, so that little is lost by a kill; what is found does not depend on who attacks which."""

_AT_ONCE = 10  # images whose recalls are decoded together: their activations stay in the processor's cache


@dataclass(frozen=True)
class DefenseShard:
    """Some images under all attacks of one radius.

    Attributes
    ----------
    defense
        Which.
    classifier, purifier
        Its networks.
    examples, rows
        Images to attack, and which of them.
    radius
        Of the ball; 0: the images as they are.
    settings
        How to attack and judge.
    folder
        Where its file goes.
    """

    defense: DefenseName
    classifier: TrainedClassifier
    purifier: TrainedPurifier | None
    examples: LabelledExamples
    rows: range
    radius: float
    settings: AttackSettings
    folder: Path

    @property
    def path(self) -> Path:
        """Its file, named by all that decides what is in it."""
        networks = (self.classifier.path.stem, self.purifier.path.stem if self.purifier else "")
        which = (self.examples.digest, repr(self.rows), self.radius, repr(self.settings))
        return self.folder / f"{shard_name(_FORMAT, __version__, *networks, *which)}.npz"

    @property
    def networks(self) -> tuple[Path, ...]:
        """The files of its networks, which are there before it."""
        return (self.classifier.path, *([self.purifier.path] if self.purifier else []))

    @property
    def attacks(self) -> tuple[str, ...]:
        """Names of the attacks, in the order of the file."""
        return tuple(ATTACKS) if self.radius else (CLEAN,)


def leave_attacks(shard: DefenseShard) -> None:
    """Attack, unless the file is there, and leave the file."""

    def make(path: Path) -> None:
        network, defense = load_defense(shard.classifier, shard.purifier)
        images, classes = shard.examples.tensors(slice(shard.rows.start, shard.rows.stop))
        found = attacked_images(shard, network, defense, images, classes) if shard.radius else {CLEAN: images}
        right = [_right(shard, defense, found[name], classes) for name in shard.attacks]
        write_shard({_RIGHT: np.stack(right)}, path)

    made_once(shard.path, make)


def read_right(shards: Sequence[DefenseShard]) -> NDArray[np.bool_]:
    """Read which images were answered rightly, (n_attacks, n_rules, n_counts, n_images), of shards of one kind.

    Parameters
    ----------
    shards
        Of one defence and radius, in the order of the images.

    Raises
    ------
    DocumentError
        A file is missing, or not what a piece leaves.
    """
    return np.concatenate([read_shard(shard.path, names=(_RIGHT,))[_RIGHT] for shard in shards], axis=-1)


def attacked_images(
    shard: DefenseShard, network: Classifier, defense: Defense, images: Tensor, classes: Tensor
) -> dict[str, Tensor]:
    """Return the images after every attack, by its name.

    Parameters
    ----------
    shard
        Radius, rows and settings.
    network, defense
        The classifier that is attacked, and the defence that the adaptive attack knows.
    images, classes
        In [0, 1], (n, n_values), and (n,).
    """
    settings, radii = shard.settings, torch.full((len(images),), shard.radius)
    start = LInf().start(radii, shape=images.shape[1:], seeds=_seeds(shard, "start"))
    by_apgd = partial(apgd, network, images, classes, radii=radii, start=start, steps=settings.apgd_steps)
    found = {
        "fgsm": fgsm(network, images, classes, radii=radii),
        "pgd": pgd(network, images, classes, radii=radii, start=start, settings=settings.pgd),
        "deepfool": within(deepfool(network, images, classes), images, radius=shard.radius),
        "apgd_ce": by_apgd(loss="cross_entropy"),
        "apgd_dlr": by_apgd(loss="margin_ratio"),
    }
    changes = {name: attacked - images for name, attacked in found.items()}
    own = adaptive_attack(
        defense,
        images,
        classes,
        radii=radii,
        starts=(start, changes["apgd_dlr"]),
        found=tuple(changes.values()),
        seeds=_seeds(shard, "adaptive"),
        settings=settings.adaptive,
    )
    return {**found, ADAPTIVE: own}


def recall_seeds(settings: AttackSettings, rows: range) -> list[int]:
    """Return the seeds of the recalls that a defence is judged by, one an image.

    Parameters
    ----------
    settings
        Of the study.
    rows
        Which images.
    """
    return [derive_seed(settings.seed, "purification", "recalls", row) for row in rows]


def _right(shard: DefenseShard, defense: Defense, images: Tensor, classes: Tensor) -> NDArray[np.bool_]:
    """Return which images are answered rightly, (n_rules, n_counts, n_images)."""
    seeds, settings = recall_seeds(shard.settings, shard.rows), shard.settings
    parts = []
    for first in range(0, len(images), _AT_ONCE):
        own = slice(first, first + _AT_ONCE)
        latent = draw_latent(seeds[own], n_recalls=settings.recalls, n_latent=defense.n_latent)
        with torch.no_grad():
            logits = defense.predict(images[own], latent)
        parts.append(
            [
                [(aggregate(logits[:, :n], rule).argmax(dim=1) == classes[own]).numpy() for n in settings.counts]
                for rule in AGGREGATION_RULES
            ]
        )
    return np.concatenate([np.array(part) for part in parts], axis=-1)


def _seeds(shard: DefenseShard, what: str) -> list[int]:
    return [derive_seed(shard.settings.seed, "purification", what, row) for row in shard.rows]


def plan_attacks(
    defense: DefenseName,
    networks: tuple[TrainedClassifier, TrainedPurifier | None],
    examples: LabelledExamples,
    settings: AttackSettings,
    folder: Path,
) -> dict[float, list[DefenseShard]]:
    """Return the pieces of a defence's attacks, by radius; 0: clean images.

    Parameters
    ----------
    defense
        Which.
    networks
        Its classifier and purifier.
    examples
        Images to attack.
    settings
        How.
    folder
        Where files go.
    """
    make = partial(DefenseShard, defense, *networks, examples)
    n = len(examples.classes)
    groups = [range(first, min(first + IMAGES_PER_SHARD, n)) for first in range(0, n, IMAGES_PER_SHARD)]
    return {
        radius: [make(rows=rows, radius=radius, settings=settings, folder=folder) for rows in groups]
        for radius in (0.0, *settings.radii)
    }
