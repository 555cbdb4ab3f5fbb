"""Batch normalisation folded into the convolution before it: the same function with fewer passes over memory."""

from __future__ import annotations

import itertools
import re

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

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


def leave_out_norms(module: nn.Module) -> None:
    """Put nothing in the place of BatchNorm, which keeps a map's shape, in place.

    For whoever asks for shapes alone: on the meta device torch loads its compiler for BatchNorm, which takes seconds.
    """
    for inner in list(module.modules()):
        for name, child in list(inner.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(inner, name, nn.Identity())
