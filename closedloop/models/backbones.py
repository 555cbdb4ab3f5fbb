"""Base models: residual networks from their definition, cut at a named layer.

A network is a plain sequence of named children, so that its state dict has torchvision's keys (``conv1.weight``,
``layer1.0.bn1.running_mean``, ..., ``fc.bias``) and cutting it is taking the first children. Sources: He et al. 2016
(residual networks); Goyal et al. 2017 (stride in the 3 x 3 convolution, torchvision's "v1.5"); Zagoruyko and
Komodakis 2016 (wide).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from closedloop.errors import ProtocolError

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # over ImageNet's training pixels in [0, 1]; what torchvision's weights expect
IMAGENET_STD = (0.229, 0.224, 0.225)
AFTER_STEM = "layer1"


@dataclass(frozen=True)
class Architecture:
    """A row of the table: what a name means.

    Parameters
    ----------
    build
        Makes the whole classifier for a number of classes, with untrained weights.
    side_px
        Side of the images that it was made for.
    n_classes
        Classes of the published weights.
    mean, std
        Normalisation of the pixels in [0, 1], a colour each.
    """

    build: Callable[[int], nn.Sequential]
    side_px: int
    n_classes: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    expansion = 1

    def __init__(self, n_in: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(n_in, width, kernel=3, stride=stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv(width, width, kernel=3)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(n_in, width, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, n_in, h, w) to (n, width, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + self.downsample(x))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 (with the stride), 1 x 1 convolutions around a shortcut; four times as wide at its end."""

    expansion = 4

    def __init__(self, n_in: int, width: int, *, stride: int, widening: int = 1) -> None:
        super().__init__()
        inner, outer = width * widening, width * self.expansion
        self.conv1 = _conv(n_in, inner, kernel=1)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = _conv(inner, inner, kernel=3, stride=stride)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = _conv(inner, outer, kernel=1)
        self.bn3 = nn.BatchNorm2d(outer)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(n_in, outer, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, n_in, h, w) to (n, 4 width, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + self.downsample(x))


class Normalisation(nn.Module):
    """Pixels in [0, 1] to the mean and spread that the network was trained with."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Normalise images (n, 3, h, w)."""
        return (images - self.mean) / self.std


def _conv(n_in: int, n_out: int, *, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False)


def _shortcut(n_in: int, n_out: int, *, stride: int) -> nn.Sequential:
    """Identity where shapes agree (no parameter, no key), else a 1 x 1 convolution and BatchNorm."""
    if n_in == n_out and stride == 1:
        return nn.Sequential()
    return nn.Sequential(_conv(n_in, n_out, kernel=1, stride=stride), nn.BatchNorm2d(n_out))


def _imagenet_resnet(
    block: Callable[..., BasicBlock | Bottleneck], *, expansion: int, depths: tuple[int, ...], n_classes: int
) -> nn.Sequential:
    children: OrderedDict[str, nn.Module] = OrderedDict()
    children["conv1"] = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
    children["bn1"] = nn.BatchNorm2d(64)
    children["relu"] = nn.ReLU(inplace=True)
    children["maxpool"] = nn.MaxPool2d(3, stride=2, padding=1)
    widths = tuple(64 * 2**stage for stage in range(len(depths)))
    children.update(_stages(block, expansion=expansion, n_in=64, widths=widths, depths=depths))
    children.update(_head(widths[-1] * expansion, n_classes))
    return nn.Sequential(children)


def _small_resnet(n_classes: int) -> nn.Sequential:
    children: OrderedDict[str, nn.Module] = OrderedDict()
    children["conv1"] = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
    children["bn1"] = nn.BatchNorm2d(16)
    children["relu"] = nn.ReLU(inplace=True)
    widths = (16, 32, 64)
    children.update(_stages(BasicBlock, expansion=1, n_in=16, widths=widths, depths=(1, 1, 1)))
    children.update(_head(widths[-1], n_classes))
    return nn.Sequential(children)


def _stages(
    block: Callable[..., BasicBlock | Bottleneck],
    *,
    expansion: int,
    n_in: int,
    widths: tuple[int, ...],
    depths: tuple[int, ...],
) -> OrderedDict[str, nn.Module]:
    """``layer1``, ``layer2``, ...: each but the first halves the image in its first block."""
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        blocks = []
        for position in range(depth):
            stride = 2 if position == 0 and number > 1 else 1
            blocks.append(block(n_in, width, stride=stride))
            n_in = width * expansion
        stages[f"layer{number}"] = nn.Sequential(*blocks)
    return stages


def _head(n_in: int, n_classes: int) -> OrderedDict[str, nn.Module]:
    return OrderedDict(avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(n_in, n_classes))


def _wide(widening: int) -> Callable[..., Bottleneck]:
    def block(n_in: int, width: int, *, stride: int) -> Bottleneck:
        return Bottleneck(n_in, width, stride=stride, widening=widening)

    return block


def _resnet50_like(block: Callable[..., Bottleneck]) -> Callable[[int], nn.Sequential]:
    return lambda n_classes: _imagenet_resnet(block, expansion=4, depths=(3, 4, 6, 3), n_classes=n_classes)


ARCHITECTURES: dict[str, Architecture] = {
    "resnet18": Architecture(
        build=lambda n: _imagenet_resnet(BasicBlock, expansion=1, depths=(2, 2, 2, 2), n_classes=n),
        side_px=224,
        n_classes=1000,
    ),
    "resnet50": Architecture(build=_resnet50_like(Bottleneck), side_px=224, n_classes=1000),
    "wide_resnet50_2": Architecture(build=_resnet50_like(_wide(2)), side_px=224, n_classes=1000),
    "wide_resnet50_4": Architecture(build=_resnet50_like(_wide(4)), side_px=224, n_classes=1000),
    # For 32 x 32 images: 79 k parameters, trained in minutes on one core.
    "small_resnet": Architecture(
        build=_small_resnet, side_px=32, n_classes=30, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)
    ),
}


def architecture_named(name: str) -> Architecture:
    """Row of the table of architectures.

    Raises
    ------
    ProtocolError
        The name is not in the table.
    """
    if name not in ARCHITECTURES:
        raise ProtocolError(f"base model: architecture {name!r} is unknown. Use one of {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]


def build_classifier(name: str, *, n_classes: int | None = None, seed: int = 0) -> nn.Sequential:
    """Untrained classifier, initial weights drawn from the seed (He normal, fan out); takes normalised images."""
    architecture = architecture_named(name)
    with torch.random.fork_rng(devices=[]):  # the layers' own initial draws must not disturb the caller's
        classifier = architecture.build(n_classes or architecture.n_classes)
    _initialise(classifier, torch.Generator().manual_seed(seed))
    return classifier


def _initialise(classifier: nn.Sequential, generator: torch.Generator) -> None:
    for module in classifier.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5, generator=generator)
            nn.init.zeros_(module.bias)


def layer_names(classifier: nn.Sequential) -> tuple[str, ...]:
    """Names at which a classifier can be cut: ``stem``, every block, ``avgpool`` (the penultimate layer)."""
    stages = [(name, child) for name, child in classifier.named_children() if name.startswith("layer")]
    blocks = [f"{name}.{index}" for name, child in stages for index in range(len(list(child.children())))]
    return ("stem", *blocks, "avgpool")


def cut(classifier: nn.Sequential, layer: str) -> nn.Sequential:
    """Part of a classifier up to and including a layer; it shares the classifier's weights and keys.

    Parameters
    ----------
    classifier
        Made by ``build_classifier``.
    layer
        One of ``layer_names``; ``"layer4.0"`` is the output of the first block of ``layer4``.

    Raises
    ------
    ProtocolError
        The classifier has no such layer.
    """
    if layer not in layer_names(classifier):
        known = ", ".join(layer_names(classifier))
        raise ProtocolError(f"base model: layer {layer!r} is unknown. Use one of {known}.")
    stage, _, block = layer.partition(".")
    kept: OrderedDict[str, nn.Module] = OrderedDict()
    for name, child in classifier.named_children():
        if stage == "stem" and name == AFTER_STEM:
            break
        kept[name] = nn.Sequential(*list(child.children())[: int(block) + 1]) if name == stage and block else child
        if name == stage:
            break
    return nn.Sequential(kept)
