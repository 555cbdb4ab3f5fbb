"""Recalling colour images from a network's feature map: a purifier for images that an animal is shown.

What CARSO does with a representation of 290 values and a fully connected decoder, done with a feature map and
convolutions, and with one recall instead of many: the mean of what might have been seen. A linear decoder of layer
features explains 6 % of the pixels' variance.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.defenses.descent import DescentSettings, descend
from closedloop.training.resumable import fingerprint, tensors_as_arrays

AttackBatch = Callable[[Tensor, torch.Generator], Tensor]
"""Clean images in [0, 1] and the generator of an epoch to attacked ones, of the same shape."""

_WIDTH = 64
_LEAK = 0.1


class FeatureDecoder(nn.Module):
    """Feature maps to images in [0, 1], twice as large at each step until they have the images' side."""

    def __init__(self, n_channels: int, map_side: int, side_px: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [*_convolution(n_channels, _WIDTH)]
        side, width = map_side, _WIDTH
        while 2 * side <= side_px:
            narrower = max(width // 2, _WIDTH // 4)
            layers += _convolution(width, 4 * narrower, larger=True)
            side, width = 2 * side, narrower
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, features: Tensor) -> Tensor:
        """Map (n, n_channels, map_side, map_side) to (n, 3, side, side)."""
        images: Tensor = self.layers(features).sigmoid()
        return images


def untrained_decoder(n_channels: int, map_side: int, side_px: int, *, seed: int) -> FeatureDecoder:
    """Return a decoder with random weights.

    Parameters
    ----------
    n_channels, map_side
        Of the feature maps.
    side_px
        Of the images; the maps' side times a power of two.
    seed
        Of the weights.

    Examples
    --------
    >>> untrained_decoder(16, 8, 32, seed=0)(torch.zeros(2, 16, 8, 8)).shape
    torch.Size([2, 3, 32, 32])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FeatureDecoder(n_channels, map_side, side_px)


def fit_decoder(
    features_of: nn.Module,
    attack: AttackBatch,
    images: NDArray[np.uint8],
    *,
    descent: DescentSettings,
    checkpoint: Path | None = None,
) -> FeatureDecoder:
    """Train a decoder to recall clean images from the features of clean and of attacked ones, half of each.

    Loss: squared difference of the pixels.

    Parameters
    ----------
    features_of
        Images in [0, 1], (n, 3, side, side), to feature maps; in evaluation mode, it stays as it is.
    attack
        Of the foreseen kind.
    images
        uint8, (n, side, side, 3).
    descent
        Length and rate.
    checkpoint
        File of the state between epochs.
    """
    features_of.requires_grad_(requires_grad=False)
    side_px = images.shape[1]
    with torch.no_grad():
        shape = features_of(torch.zeros(1, 3, side_px, side_px)).shape
    decoder = untrained_decoder(int(shape[1]), int(shape[2]), side_px, seed=descent.seed)

    def loss_of(rows: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        clean = torch.from_numpy(images[rows]).permute(0, 3, 1, 2).float() / 255
        shown = torch.cat([clean[0::2], attack(clean[1::2], generator)])
        with torch.no_grad():
            features = features_of(shown)
        loss: Tensor = (decoder.train()(features) - torch.cat([clean[0::2], clean[1::2]])).square().mean()
        return loss

    descend(
        decoder,
        loss_of,
        n_examples=len(images),
        settings=descent,
        until=descent.epochs,
        checkpoint=checkpoint,
        identity=fingerprint(repr(descent), [images, *tensors_as_arrays(features_of)]),
    )
    return decoder


def _convolution(n_in: int, n_out: int, *, larger: bool = False) -> tuple[nn.Module, ...]:
    grow = (nn.PixelShuffle(2),) if larger else ()
    return nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out), *grow, nn.LeakyReLU(_LEAK)
