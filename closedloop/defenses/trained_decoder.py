"""Decoders that purify rendered colour images: a shipped network's features in, images out, a file each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop import __version__
from closedloop.attacks.balls import radius_at
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.defenses.descent import DescentSettings
from closedloop.defenses.feature_decoder import FeatureDecoder, fit_decoder, untrained_decoder
from closedloop.defenses.trained import state_of
from closedloop.execution.shards import made_once, shard_name
from closedloop.models.backbones import normalisation_of
from closedloop.models.checkpoints import load_classifier, open_base_model
from closedloop.stimuli.pools import ProceduralPool, load_images
from closedloop.storage import remove_file
from closedloop.training.adversarial import l2_attack
from closedloop.training.resumable import tensors_as_arrays

NETWORK = "small_resnet_robust"
CUTS = ("layer1.0", "layer2.0", "layer3.0")
"""From where decoders recall: the deeper, the less of an attack is left, and the less of the image."""

_FORMAT = "purification decoders 1"
_SIDE_PX, _FORESEEN, _ATTACK_STEPS = 32, 10.0, 2  # 224-px L2, the largest of section 2
_RATE, _BATCH = 0.004, 32


@dataclass(frozen=True)
class TrainedDecoder:
    """A decoder's training and its file.

    Attributes
    ----------
    cut
        Layer of `NETWORK` whose features it takes.
    n_images, epochs
        Length of the training.
    seed
        Of weights and batches.
    pool_seed, draw_seed
        Of the images, which no subject is shown, and of which of them are taken.
    folder
        Where files go.
    """

    cut: str
    n_images: int
    epochs: int
    seed: int
    pool_seed: int
    draw_seed: int
    folder: Path

    @property
    def path(self) -> Path:
        """File of the finished weights."""
        told = (self.cut, self.n_images, self.epochs, self.seed, self.pool_seed, self.draw_seed)
        return self.folder / f"{shard_name(_FORMAT, __version__, NETWORK, *told)}.npz"

    @cached_property
    def features(self) -> nn.Module:
        """Images in [0, 1] to the features that it takes."""
        base = open_base_model(NETWORK, layer=self.cut)
        return nn.Sequential(normalisation_of(base.architecture), base.trunk).eval()

    def train(self) -> FeatureDecoder:
        """Train it, going on from the state on disk."""
        descent = DescentSettings(self.epochs, _RATE, _BATCH, seed=self.seed)
        images = training_images(self.n_images, pool_seed=self.pool_seed, draw_seed=self.draw_seed)
        return fit_decoder(self.features, _attack(), images, descent=descent, checkpoint=state_of(self.path))

    def purify(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what is recalled of images, uint8, (n, side, side, 3), from the finished file."""
        shown = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            features = self.features(shown)
            decoder = untrained_decoder(int(features.shape[1]), int(features.shape[2]), images.shape[1], seed=0)
            names = tuple(decoder.state_dict())
            arrays = read_shard(self.path, names=names)
            decoder.load_state_dict({name: torch.from_numpy(arrays[name].copy()) for name in names})
            recalled = decoder.eval()(features).permute(0, 2, 3, 1).numpy()
        pixels: NDArray[np.uint8] = np.rint(recalled * 255).astype(np.uint8)
        return pixels


def leave_decoder(decoder: TrainedDecoder) -> None:
    """Train, unless the file is there, and leave the file.

    Parameters
    ----------
    decoder
        Which.
    """
    if decoder.path.exists():
        return
    module = decoder.train()
    arrays = dict(zip(module.state_dict(), tensors_as_arrays(module), strict=True))
    made_once(decoder.path, partial(write_shard, arrays))
    remove_file(state_of(decoder.path))


def training_images(n: int, *, pool_seed: int, draw_seed: int) -> NDArray[np.uint8]:
    """Return rendered images, uint8, (n, side, side, 3).

    Parameters
    ----------
    n
        How many.
    pool_seed, draw_seed
        Of the images, and of which of them are taken.
    """
    pool = ProceduralPool(pool_seed, _SIDE_PX)
    chosen = np.random.default_rng(draw_seed).permutation(len(pool.images()))[:n]
    return load_images(pool, tuple(pool.images()[row].image_id for row in chosen))


def _attack() -> _ForeseenL2:
    classifier = load_classifier(NETWORK)
    base = open_base_model(NETWORK, layer=CUTS[-1])
    return _ForeseenL2(nn.Sequential(normalisation_of(base.architecture), classifier).eval())


@dataclass(frozen=True)
class _ForeseenL2:
    """The L2 attack of adversarial training, on the classes that the network names itself."""

    network: nn.Module

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        with torch.no_grad():
            named = self.network(images).argmax(dim=1)
        radius = radius_at(_FORESEEN, images.shape[-1])
        return l2_attack(self.network, images, named, epsilon=radius, steps=_ATTACK_STEPS, generator=generator)
