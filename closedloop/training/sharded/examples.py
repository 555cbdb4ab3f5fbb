"""Images and responses by row, as shards of a step take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.attacks.gradients.numbers import Numbers
from closedloop.attacks.gradients.transforms import Shift
from closedloop.models.site_model import device_of, images_to_tensor
from closedloop.training.sharded.feature_file import FeatureFile
from closedloop.training.sharded.split import SplitModel, frozen_features

Float32 = NDArray[np.float32]
_SEEDS = 2**63


@dataclass(frozen=True)
class BatchShard:
    """Part of a step's images.

    Attributes
    ----------
    inputs
        What the fitted part takes: images in [0, 1], (n, 3, side, side), or features of the frozen part.
    targets, weights
        Responses and what they count, (n, n_sites).
    share
        Of the step's images.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor
    share: float


@dataclass(frozen=True)
class FittedImages:
    """What a model is fitted to.

    Attributes
    ----------
    images
        uint8, (n, side, side, 3); may lie in a file.
    targets
        0 where there is none, (n, n_sites).
    weights
        0 there, (n, n_sites).
    seed
        Of the shifts.
    shift
        Each image is moved by up to this fraction of its side, anew in every epoch; 0: it stays.
    features
        Where those of the frozen part are kept; None: they are computed each time.
    """

    images: NDArray[np.uint8]
    targets: Float32
    weights: Float32
    seed: int
    shift: float
    features: FeatureFile | None = None

    def shard(self, split: SplitModel, rows: NDArray[np.int64], *, epoch: int, n_of_step: int) -> BatchShard:
        """Return some rows, on the model's device.

        Parameters
        ----------
        split
            Of whose fitted part; features of the frozen one are computed with it.
        rows
            Of the shard.
        epoch
            Decides how images are shifted.
        n_of_step
            Images of the whole step.
        """
        device = device_of(split.model)
        targets, weights = (torch.from_numpy(values[rows]).to(device) for values in (self.targets, self.weights))
        return BatchShard(self._inputs(split, rows, epoch=epoch), targets, weights, len(rows) / n_of_step)

    def _inputs(self, split: SplitModel, rows: NDArray[np.int64], *, epoch: int) -> Tensor:
        if split.frozen is None:
            return self._pixels(split, rows, epoch=epoch)
        features = self._features(split, rows, epoch=epoch)
        return features.contiguous(memory_format=torch.channels_last)  # wherever they come from: rounded alike

    def _features(self, split: SplitModel, rows: NDArray[np.int64], *, epoch: int) -> Tensor:
        if self.features is None:
            return frozen_features(split, self._pixels(split, rows, epoch=epoch))
        found, is_there = self.features.read(rows)
        if not is_there.all():
            missing = rows[~is_there]
            found[~is_there] = frozen_features(split, self._pixels(split, missing, epoch=epoch)).cpu().numpy()
            self.features.write(missing, found[~is_there])
        return torch.from_numpy(found).to(device_of(split.model))

    def _pixels(self, split: SplitModel, rows: NDArray[np.int64], *, epoch: int) -> Tensor:
        images = images_to_tensor(self.images[rows], device=device_of(split.model))
        if not self.shift:
            return images
        moved = Shift(self.shift)(images, shift_numbers(rows, seed=self.seed, epoch=epoch))
        return moved.contiguous(memory_format=torch.channels_last)  # as they came: faster


def shift_numbers(rows: NDArray[np.int64], *, seed: int, epoch: int) -> Numbers:
    """Return what images of these rows are shifted by in an epoch: of each its own, whatever batch it is in.

    Parameters
    ----------
    rows
        Of the images.
    seed
        Of the fit.
    epoch
        Counted from 0.
    """
    seeds = tuple((seed + int(row)) % _SEEDS for row in rows)
    return Numbers(seeds, samples=(epoch,) * len(rows))
