"""What networks are built from, with torchvision's names of the parts.

Sources: He et al. 2016 (residual blocks); Goyal et al. 2017 (stride in the 3 x 3 convolution, torchvision's "v1.5");
Simonyan and Zisserman 2015 (3 x 3 convolutions one after the other).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from closedloop.models.way_back.rectifiers import Rectifier, rectify

RGB, BGR = (0, 1, 2), (2, 1, 0)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, n_in: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = convolution(n_in, width, kernel=3, stride=stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, kernel=3)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = Rectifier()
        self.downsample = _shortcut(n_in, width, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, n_in, h, w) to (n, width, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return rectify(y.add_(self.downsample(x)))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 convolutions around a shortcut; four times as wide at its end.

    Parameters
    ----------
    n_in
        Channels that come in.
    width
        A quarter of the channels that go out.
    stride
        By which the map shrinks.
    widening
        Channels inside, over `width` (Zagoruyko and Komodakis 2016).
    strided
        Which convolution has the stride: the 3 x 3 (torchvision's "v1.5") or the first (He et al. 2016, Caffe's nets).
    """

    def __init__(
        self,
        n_in: int,
        width: int,
        *,
        stride: int,
        widening: int = 1,
        strided: Literal["conv1", "conv2"] = "conv2",
    ) -> None:
        super().__init__()
        inner, outer = width * widening, width * 4
        first, second = (stride, 1) if strided == "conv1" else (1, stride)
        self.conv1 = convolution(n_in, inner, kernel=1, stride=first)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = convolution(inner, inner, kernel=3, stride=second)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = convolution(inner, outer, kernel=1)
        self.bn3 = nn.BatchNorm2d(outer)
        self.relu = Rectifier()
        self.downsample = _shortcut(n_in, outer, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, n_in, h, w) to (n, 4 width, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return rectify(y.add_(self.downsample(x)))


class ConvolutionBlock(nn.Module):
    """A 3 x 3 convolution, BatchNorm and an activation, without a shortcut.

    Parameters
    ----------
    n_in
        Channels that come in.
    width
        Channels that go out.
    stride
        By which the map shrinks.
    activation
        Makes what the convolution's output goes through.
    """

    def __init__(self, n_in: int, width: int, *, stride: int, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.conv1 = convolution(n_in, width, kernel=3, stride=stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.activation = activation()

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, n_in, h, w) to (n, width, h / stride, w / stride)."""
        y: Tensor = self.activation(self.bn1(self.conv1(x)))
        return y


class Normalisation(nn.Module):
    """Pixels in [0, 1] to the mean, spread and order of colours that the network was trained with.

    Parameters
    ----------
    mean, std
        Of red, green and blue.
    colours
        Which colour each channel of the network sees: ``RGB`` or ``BGR``.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], *, colours: tuple[int, ...] = RGB) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        self.colours = colours

    def forward(self, images: Tensor) -> Tensor:
        """Normalise images (n, 3, h, w)."""
        normalised = (images - self.mean) / self.std
        return normalised if self.colours == RGB else normalised[:, self.colours]


def convolution(n_in: int, n_out: int, *, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Convolution that keeps the map's size but for its stride; BatchNorm after it has the bias.

    Parameters
    ----------
    n_in, n_out
        Channels that come in and go out.
    kernel
        Side, odd, in pixels of the map.
    stride
        By which the map shrinks.
    """
    return nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False)


def _shortcut(n_in: int, n_out: int, *, stride: int) -> nn.Sequential:
    """Identity where shapes agree (no parameter, no key), else a 1 x 1 convolution and BatchNorm."""
    if n_in == n_out and stride == 1:
        return nn.Sequential()
    return nn.Sequential(convolution(n_in, n_out, kernel=1, stride=stride), nn.BatchNorm2d(n_out))
