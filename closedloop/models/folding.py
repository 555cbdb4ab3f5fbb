"""Batch normalisation folded into the convolution before it: the same function with fewer passes over memory."""

from __future__ import annotations

import itertools
import re

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from closedloop.models.blocks import BasicBlock, Bottleneck
from closedloop.models.networks.trunk import own_modules

_CONVOLUTION = re.compile(r"conv(\d*)")


def fold_batch_norm(module: nn.Module) -> None:
    """Fold every BatchNorm whose convolution stands before it, in place; evaluation mode only.

    Pairs are known by torchvision's names (``conv1`` and ``bn1``) or, in a sequence, by standing one after the other.
    Networks from elsewhere stay as they are.
    """
    for inner in list(own_modules(module)):
        children = dict(inner.named_children())
        for first, second in _candidates(inner, list(children)):
            convolution, norm = children[first], children.get(second)
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(inner, first, fuse_conv_bn_eval(convolution, norm))
                setattr(inner, second, nn.Identity().eval())


def _candidates(module: nn.Module, names: list[str]) -> list[tuple[str, str]]:
    if isinstance(module, nn.Sequential):
        return list(itertools.pairwise(names))
    return [(name, f"bn{match[1]}") for name in names if (match := _CONVOLUTION.fullmatch(name))]


def keep_shapes(module: nn.Module) -> None:
    """Leave of a network of ours what decides the shapes of its maps, in place.

    For whoever asks for shapes alone: on the meta device torch loads its compiler for convolutions, BatchNorm and sums,
    which takes seconds. A residual block's shortcut has the shape of its convolutions.
    """
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.Identity())
        elif isinstance(child, nn.Conv2d):
            setattr(module, name, ShapeOfConvolution(child))
        elif isinstance(child, BasicBlock | Bottleneck):
            convolutions = [own for part, own in child.named_children() if _CONVOLUTION.fullmatch(part)]
            setattr(module, name, nn.Sequential(*map(ShapeOfConvolution, convolutions)))
        else:
            keep_shapes(child)


class ShapeOfConvolution(nn.Module):
    """Makes a map of the shape that a convolution's would have, with nothing in it."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        if not isinstance(convolution, nn.Conv2d) or isinstance(convolution.padding, str):
            raise TypeError(f"expected a convolution whose padding is a number, found {convolution}")
        self.n_channels = convolution.out_channels
        self.axes = tuple(
            zip(convolution.kernel_size, convolution.stride, convolution.padding, convolution.dilation, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, n_in, h, w) to (n, n_channels, ...) by the formula of ``nn.Conv2d``."""
        sides = [
            (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
            for side, (kernel, stride, padding, dilation) in zip(x.shape[2:], self.axes, strict=True)
        ]
        if min(sides) < 1:
            raise RuntimeError(f"expected a map that is no smaller than the kernel, found {tuple(x.shape)}")
        return x.new_empty((len(x), self.n_channels, *sides))
