"""The network inside a simulated cortex: on purpose another one than any base model.

An eye's blur and areas behind it. Those of the shipped cortex are plain convolutions, GELU and GroupNorm, no shortcuts;
a base model of the dry run is a residual network with ReLU and BatchNorm. Were they alike, the loop would be asked to
find what it already has. `recurrent` has areas of another kind.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

CORTEX_SIDE_PX = 32
N_CORTEX_CHANNELS = 64
CORTEX_MAP_SIDE = 8

_WIDTHS = (24, 48, 64, 64, N_CORTEX_CHANNELS)
_KERNELS = (5, 3, 3, 3, 3)
_BLUR_SD_PX = 0.7
"""Optics and the limited acuity off the fovea: .18 degrees where 32 pixels span 8."""

_SHARPENING = 8.0  # pooled features differ little between images; without this the scores learn several times slower
_STRIDES = (2, 2, 1, 1, 1)  # 32 -> 16 -> 8 pixels
_CHANNELS_A_GROUP = 8
_LEAST_BLUR_WEIGHT = 1e-9  # products of smaller ones are denormal numbers, a hundred times slower


class CortexNetwork(nn.Module):
    """Classifier whose last feature map the simulated electrodes read.

    Parameters
    ----------
    areas
        Between the eye and the electrodes: (n, 3, 32, 32) to (n, 64, 8, 8).
    n_categories
        Categories it is trained on.
    """

    def __init__(self, areas: nn.Module, n_categories: int) -> None:
        super().__init__()
        self.areas = areas
        self.categories = nn.Linear(N_CORTEX_CHANNELS, n_categories)

    def features(self, images: Tensor) -> Tensor:
        """Return the last feature map, shape (n, 64, 8, 8), of images in [0, 1], shape (n, 3, height, width), any size.

        Other sizes than 32 pixels are averaged over areas (or spread, if smaller), which keeps gradients.
        """
        if images.shape[-2:] != (CORTEX_SIDE_PX, CORTEX_SIDE_PX):
            images = functional.adaptive_avg_pool2d(images, CORTEX_SIDE_PX)
        features: Tensor = self.areas(4.0 * (_blur(images) - 0.5))
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of the categories, shape (n, n_categories)."""
        scores: Tensor = self.categories(_SHARPENING * self.features(images).mean(dim=(2, 3)))
        return scores


def untrained_network(build_areas: Callable[[], nn.Module], n_categories: int, *, seed: int) -> CortexNetwork:
    """Return a network with initial weights drawn from the seed, without touching the global generator.

    Parameters
    ----------
    build_areas
        Of the cortex's kind.
    n_categories
        Categories it is trained on.
    seed
        Of the initial weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CortexNetwork(build_areas(), n_categories)


def feedforward_areas() -> nn.Module:
    """Return the untrained areas of the shipped cortex, one behind the other."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    n_in = 3
    for index, (width, kernel, stride) in enumerate(zip(_WIDTHS, _KERNELS, _STRIDES, strict=True)):
        layers[f"area{index}"] = _area(n_in, width, kernel=kernel, stride=stride)
        n_in = width
    return nn.Sequential(layers)


def _blur(images: Tensor) -> Tensor:
    """Blur images down and across; weights sum to 1 at the edge too, so that a uniform image stays uniform."""
    place = torch.arange(CORTEX_SIDE_PX, dtype=images.dtype, device=images.device)
    weights = torch.exp(-0.5 * ((place - place[:, None]) / _BLUR_SD_PX) ** 2)
    weights = torch.where(weights > _LEAST_BLUR_WEIGHT, weights, 0)
    across = weights / weights.sum(dim=1, keepdim=True)
    n_images, n_colours = images.shape[:2]
    planes = images.reshape(n_images * n_colours, CORTEX_SIDE_PX, CORTEX_SIDE_PX)
    return (across @ (planes @ across.T)).reshape(images.shape)


def _area(n_in: int, width: int, *, kernel: int, stride: int) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv=nn.Conv2d(n_in, width, kernel, padding=kernel // 2, stride=stride, bias=False),
        norm=nn.GroupNorm(width // _CHANNELS_A_GROUP, width),
        gelu=nn.GELU(),
    )
    return nn.Sequential(layers)
