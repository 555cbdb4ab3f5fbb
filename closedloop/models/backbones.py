"""Base models: networks from their definition, cut at a named layer.

A network is a plain sequence of named children, so that its state dict has torchvision's keys (``conv1.weight``,
``layer1.0.bn1.running_mean``, ..., ``fc.bias``) and cutting it is taking the first children. Sources: He et al. 2016
(residual networks); Zagoruyko and Komodakis 2016 (wide).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn

from closedloop.errors import ProtocolError
from closedloop.models.blocks import BGR, RGB, BasicBlock, Bottleneck, ConvolutionBlock, Normalisation
from closedloop.models.way_back.rectifiers import Rectifier

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # over ImageNet's training pixels in [0, 1]; what torchvision's weights expect
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN = (123 / 255, 117 / 255, 104 / 255)  # red, green, blue of Caffe's nets, which take pixels 0 to 255
CAFFE_STD = (1 / 255, 1 / 255, 1 / 255)
AFTER_STEM, LOGITS = "layer1", "fc"

MakeBlock = Callable[..., nn.Module]
MakeActivation = Callable[[], nn.Module]


@dataclass(frozen=True)
class Shape:
    """Shape of a network of stages.

    Parameters
    ----------
    block
        Makes a block from channels in, width and ``stride``.
    expansion
        Channels that a block gives, over its width.
    depths
        Blocks of each stage.
    stem
        Children before ``layer1``, which end in `n_stem` channels.
    n_stem
        Channels of the stem.
    first_width
        Width of ``layer1``; doubles in each further stage.
    widths
        Of each stage, where they do not double.
    strides
        Of each stage's first block; 1 and then 2 in each further stage, where empty.
    """

    block: MakeBlock
    expansion: int
    depths: tuple[int, ...]
    stem: Callable[[int], OrderedDict[str, nn.Module]]
    n_stem: int = 64
    first_width: int = 64
    widths: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    @property
    def all_widths(self) -> tuple[int, ...]:
        """Width of each stage."""
        return self.widths or tuple(self.first_width * 2**number for number in range(len(self.depths)))


@dataclass(frozen=True)
class Architecture:
    """A row of the table: what a name means.

    Parameters
    ----------
    shape
        What the network consists of.
    side_px
        Side of the images that it was made for.
    n_classes
        Classes of the published weights.
    mean, std
        Normalisation of the pixels in [0, 1]: of red, green and blue.
    colours
        Which colour each channel of the network sees.
    """

    shape: Shape
    side_px: int = 224
    n_classes: int = 1000
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    colours: tuple[int, ...] = field(default=RGB)


def _imagenet_stem(n_stem: int, *, ceil_mode: bool = False) -> OrderedDict[str, nn.Module]:
    """7 x 7 convolution and pool; Caffe's pool pads nothing and rounds up, which is one row further for even sides."""
    pool = nn.MaxPool2d(3, stride=2, padding=0 if ceil_mode else 1, ceil_mode=ceil_mode)
    convolution = nn.Conv2d(3, n_stem, 7, stride=2, padding=3, bias=False)
    return OrderedDict(conv1=convolution, bn1=nn.BatchNorm2d(n_stem), relu=Rectifier(), maxpool=pool)


def _small_stem(n_stem: int, *, activation: MakeActivation, kernel: int = 3) -> OrderedDict[str, nn.Module]:
    convolution = nn.Conv2d(3, n_stem, kernel, stride=2, padding=kernel // 2, bias=False)
    return OrderedDict(conv1=convolution, bn1=nn.BatchNorm2d(n_stem), relu=activation())


def _stages(shape: Shape) -> OrderedDict[str, nn.Module]:
    """``layer1``, ``layer2``, ...; a stage's stride is that of its first block."""
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    n_in = shape.n_stem
    strides = shape.strides or (1, *[2] * (len(shape.depths) - 1))
    of_stages = zip(shape.depths, shape.all_widths, strides, strict=True)
    for number, (depth, width, first_stride) in enumerate(of_stages, start=1):
        blocks = []
        for position in range(depth):
            stride = first_stride if position == 0 else 1
            blocks.append(shape.block(n_in, width, stride=stride))
            n_in = width * shape.expansion
        stages[f"layer{number}"] = nn.Sequential(*blocks)
    return stages


def build_network(name: str, *, n_classes: int) -> nn.Sequential:
    """Network of a named architecture with whatever weights torch gives it; ``build_classifier`` draws them."""
    shape = architecture_named(name).shape
    n_last = shape.all_widths[-1] * shape.expansion
    head = OrderedDict(avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(n_last, n_classes))
    return nn.Sequential(OrderedDict([*shape.stem(shape.n_stem).items(), *_stages(shape).items(), *head.items()]))


def _imagenet(depths: tuple[int, ...], *, basic: bool = False, widening: int = 1) -> Architecture:
    block = BasicBlock if basic else partial(Bottleneck, widening=widening)
    return Architecture(Shape(block, 1 if basic else 4, depths, _imagenet_stem))


def _small(shape: Shape) -> Architecture:
    """For 32 x 32 images: some ten thousand parameters, trained in minutes on one core."""
    return Architecture(shape, side_px=32, n_classes=30, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def _small_without_shortcuts(activation: MakeActivation, *, kernel: int) -> Architecture:
    """Return four convolutions that end in a map of 80 x 8 x 8."""
    block = partial(ConvolutionBlock, activation=activation)
    stem = partial(_small_stem, activation=activation, kernel=kernel)
    return _small(Shape(block, 1, (1, 1, 1), stem, n_stem=20, widths=(40, 80, 80), strides=(2, 1, 1)))


ARCHITECTURES: dict[str, Architecture] = {
    "resnet18": _imagenet((2, 2, 2, 2), basic=True),
    "resnet34": _imagenet((3, 4, 6, 3), basic=True),
    "resnet50": _imagenet((3, 4, 6, 3)),
    "resnet101": _imagenet((3, 4, 23, 3)),
    "resnet152": _imagenet((3, 8, 36, 3)),
    "wide_resnet50_2": _imagenet((3, 4, 6, 3), widening=2),
    "wide_resnet50_4": _imagenet((3, 4, 6, 3), widening=4),  # the robustness library's
    "wide_resnet101_2": _imagenet((3, 4, 23, 3), widening=2),
    # Half as wide, as Caffe trained it: the stride in the first convolution of a block, blue first.
    "resnet50_1by2": Architecture(
        Shape(partial(Bottleneck, strided="conv1"), 4, (3, 4, 6, 3), partial(_imagenet_stem, ceil_mode=True), 64, 32),
        mean=CAFFE_MEAN,
        std=CAFFE_STD,
        colours=BGR,
    ),
    # 79 k parameters, 64 x 4 x 4 at its end
    "small_resnet": _small(Shape(BasicBlock, 1, (1, 1, 1), partial(_small_stem, activation=Rectifier), 16, 16)),
    # Others that an ensemble takes beside it, unlike it and unlike each other off the images of the training: without
    # shortcuts and with a finer map, one with kinks, one without.
    "small_plain": _small_without_shortcuts(partial(Rectifier, leak=0.1), kernel=3),
    "small_smooth": _small_without_shortcuts(nn.SiLU, kernel=5),
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


def normalisation_of(name: str) -> Normalisation:
    """Return what a named architecture's pixels go through first."""
    row = architecture_named(name)
    return Normalisation(row.mean, row.std, colours=row.colours)


def build_classifier(name: str, *, n_classes: int | None = None, seed: int = 0) -> nn.Sequential:
    """Untrained classifier, initial weights drawn from the seed (He normal, fan out); takes normalised images.

    Parameters
    ----------
    name
        A row of ``ARCHITECTURES``.
    n_classes
        Outputs; those of the published weights where None.
    seed
        Of the initial weights.
    """
    architecture = architecture_named(name)
    with torch.random.fork_rng(devices=[]):  # the layers' own initial draws must not disturb the caller's
        classifier = build_network(name, n_classes=n_classes or architecture.n_classes)
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
    """Names at which a classifier can be cut: ``stem``, every block, ``avgpool`` (penultimate), ``fc`` (the logits)."""
    stages = [(name, child) for name, child in classifier.named_children() if name.startswith("layer")]
    blocks = [f"{name}.{index}" for name, child in stages for index in range(len(list(child.children())))]
    return ("stem", *blocks, "avgpool", LOGITS)


def cut(classifier: nn.Sequential, layer: str) -> nn.Sequential:
    """Part of a classifier up to and including a layer; it shares the classifier's weights and keys.

    What comes out has height and width, (n, n_channels, h, w), at ``avgpool`` and ``fc`` of one pixel.

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
    if layer == LOGITS:
        kept["map"] = nn.Unflatten(1, (-1, 1, 1))
    return nn.Sequential(kept)
