"""Trainings of classifiers and purifiers with their files: done in rounds that no kill can spoil, and read again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from closedloop import __version__
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.defenses.carso import Carso, Purifier, untrained_purifier
from closedloop.defenses.classifier import Classifier, untrained_classifier
from closedloop.defenses.fitting import ClassifierRecipe, LabelledExamples, PurifierRecipe, fit_classifier, fit_purifier
from closedloop.defenses.port import Defense
from closedloop.execution.shards import made_once, shard_name
from closedloop.execution.stored.piece import FilePiece
from closedloop.storage import remove_file
from closedloop.training.resumable import tensors_as_arrays

Module = TypeVar("Module", bound=nn.Module)

_FORMAT = "purification networks 1"


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier's training and its file.

    Attributes
    ----------
    recipe
        How it is trained.
    examples
        On what.
    folder
        Where files go.
    """

    recipe: ClassifierRecipe
    examples: LabelledExamples = field(repr=False)
    folder: Path

    @property
    def path(self) -> Path:
        """File of the finished weights, named by all that decides them."""
        return self.folder / f"{shard_name(_FORMAT, __version__, repr(self.recipe), self.examples.digest)}.npz"

    @property
    def epochs(self) -> int:
        """Of the whole training."""
        return self.recipe.descent.epochs

    @property
    def epoch_cost(self) -> float:
        """What an epoch takes, in the unit of one without attacks."""
        return 1.0 if self.recipe.attacks is None else _COST_ATTACKED

    def train(self, until: int) -> Classifier:
        """Train to the end of an epoch, going on from the state on disk."""
        return fit_classifier(self.recipe, self.examples, until=until, checkpoint=state_of(self.path))

    def load(self) -> Classifier:
        """Return the finished network, in evaluation mode."""
        network = untrained_classifier(self.examples.images.shape[1], self.examples.n_classes, seed=0)
        return _loaded(network, self.path)


@dataclass(frozen=True)
class TrainedPurifier:
    """A purifier's training and its file.

    Attributes
    ----------
    recipe
        How it is trained.
    of
        On which classifier, whose file is there when this begins.
    """

    recipe: PurifierRecipe
    of: TrainedClassifier

    @property
    def path(self) -> Path:
        """File of the finished weights, named by all that decides them."""
        return self.of.folder / f"{shard_name(_FORMAT, __version__, repr(self.recipe), self.of.path.stem)}.npz"

    @property
    def epochs(self) -> int:
        """Of the whole training."""
        return self.recipe.descent.epochs

    @property
    def epoch_cost(self) -> float:
        """What an epoch takes, in the unit of a classifier's without attacks."""
        return _COST_PURIFIER

    def train(self, until: int) -> Purifier:
        """Train to the end of an epoch, going on from the state on disk."""
        return fit_purifier(self.recipe, self.of.load(), self.of.examples, until=until, checkpoint=state_of(self.path))

    def load(self) -> Purifier:
        """Return the finished network, in evaluation mode."""
        network = untrained_purifier(self.of.examples.images.shape[1], self.of.load().n_represented, seed=0)
        return _loaded(network, self.path)


Trained = TrainedClassifier | TrainedPurifier


def leave_epochs(network: Trained, *, until: int) -> None:
    """Train a network to the end of an epoch; after its last leave its file, and remove the state.

    Parameters
    ----------
    network
        Which.
    until
        Epochs that are done at the end.
    """
    if network.path.exists():
        return
    module = network.train(until)
    if until >= network.epochs:
        arrays = dict(zip(module.state_dict(), tensors_as_arrays(module), strict=True))
        made_once(network.path, partial(write_shard, arrays))
        remove_file(state_of(network.path))


def epochs_piece(network: Trained, *, until: int) -> FilePiece:
    """Return the training of a network to the end of an epoch as a piece of work; it leaves its state or its file.

    Parameters
    ----------
    network
        Which.
    until
        Epochs that are done at the end.
    """
    state = state_of(network.path)
    beneath = () if isinstance(network, TrainedClassifier) else (network.of.path,)
    return FilePiece(
        partial(leave_epochs, network, until=until),
        leaves=(network.path if until >= network.epochs else state,),
        reads=(*([] if network.path.exists() else [state]), *beneath),
        identity=f"epoch {until}",
    )


def rounds(networks: Iterable[Trained]) -> list[list[tuple[Trained, int]]]:
    """Return which networks are trained to the end of which epoch, round by round, those of a round side by side.

    In a round each has about as many epochs as cost as much as the dearest one's, so that nobody waits for long. A
    purifier begins in the round after its classifier's last.

    Parameters
    ----------
    networks
        All of them.
    """
    done = dict.fromkeys(networks, 0)
    planned = []
    while left := [network for network in done if done[network] < network.epochs and _can_begin(network, done)]:
        budget = max(network.epoch_cost for network in left)
        for network in left:
            done[network] = min(done[network] + max(round(budget / network.epoch_cost), 1), network.epochs)
        planned.append([(network, done[network]) for network in left])
    return planned


def load_defense(classifier: TrainedClassifier, purifier: TrainedPurifier | None) -> tuple[Classifier, Defense]:
    """Return a defence's classifier and the whole defence, in evaluation mode, without gradients of weights.

    Parameters
    ----------
    classifier
        Finished.
    purifier
        Finished; None: the classifier alone is the defence.
    """
    network = classifier.load()
    network.requires_grad_(requires_grad=False)
    if purifier is None:
        return network, network
    whole = Carso(network, purifier.load()).eval()
    whole.requires_grad_(requires_grad=False)
    return network, whole


def state_of(path: Path) -> Path:
    """Return the file of a training's state between two epochs."""
    return path.with_name(f".{path.stem}.training.pt")


def _can_begin(network: Trained, done: dict[Trained, int]) -> bool:
    return isinstance(network, TrainedClassifier) or done[network.of] >= network.of.epochs


def _loaded(network: Module, path: Path) -> Module:
    names = tuple(network.state_dict())
    arrays = read_shard(path, names=names)
    network.load_state_dict({name: torch.from_numpy(arrays[name].copy()) for name in names})
    return network.eval()


_COST_ATTACKED, _COST_PURIFIER = 7.0, 17.0  # measured
