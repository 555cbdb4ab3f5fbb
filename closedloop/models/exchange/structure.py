"""Networks of ours in words: kinds of torch's own modules, their arguments and what is in them, by name."""

from __future__ import annotations

from typing import Any

from torch import nn

from closedloop.models.blocks import BasicBlock, Bottleneck, ConvolutionBlock
from closedloop.models.way_back.rectifiers import Rectifier

Node = dict[str, Any]

_ARGUMENTS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Conv2d: ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
    nn.BatchNorm2d: ("num_features", "eps"),
    nn.MaxPool2d: ("kernel_size", "stride", "padding", "ceil_mode"),
    nn.AdaptiveAvgPool2d: ("output_size",),
    nn.Linear: ("in_features", "out_features"),
    nn.Flatten: (),
    nn.SiLU: (),
    nn.Identity: (),
    nn.Unflatten: ("dim", "unflattened_size"),
}


def describe_structure(module: nn.Module) -> Node:
    """Describe a network of ours, or a part of one, so that torch alone builds it with the same keys.

    Parameters
    ----------
    module
        Cut from a network of `models.backbones`, not prepared for attacks.

    Raises
    ------
    ValueError
        There is a module in it that these networks do not have.
    """
    if isinstance(module, BasicBlock | Bottleneck):
        children = [(name, child) for name, child in module.named_children() if name != "relu"]
        return {"kind": "Residual", "children": _described(children)}
    if isinstance(module, nn.Sequential | ConvolutionBlock):
        return {"kind": "Sequential", "children": _described(list(module.named_children()))}
    if isinstance(module, Rectifier):
        return {"kind": "LeakyReLU", "arguments": {"negative_slope": module.leak}} if module.leak else {"kind": "ReLU"}
    if type(module) not in _ARGUMENTS:
        raise ValueError(f"{type(module).__name__}: expected a module of our networks")
    arguments = {name: _plain(getattr(module, name)) for name in _ARGUMENTS[type(module)]}
    if isinstance(module, nn.Conv2d | nn.Linear):
        arguments["bias"] = module.bias is not None
    return {"kind": type(module).__name__, "arguments": arguments}


def _described(children: list[tuple[str, nn.Module]]) -> list[list[Any]]:
    return [[name, describe_structure(child)] for name, child in children]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
