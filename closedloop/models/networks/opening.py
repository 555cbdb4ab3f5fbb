"""Networks from elsewhere, opened: built by their source, filled from a file or at random, cut at a layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from closedloop.models.networks.code import NetworkCode
from closedloop.models.networks.description import NetworkDescription, ReadoutKind
from closedloop.models.networks.factories import build_from_code
from closedloop.models.networks.trunk import CutNetwork
from closedloop.models.networks.zoo import build_timm, build_torchvision
from closedloop.models.weight_files import load_foreign_state_dict, load_into
from closedloop.models.weight_headers import plain_key


@dataclass(frozen=True)
class Filling:
    """What a network is filled with.

    Attributes
    ----------
    weights
        A safetensors file or a state dict of torch's; None: random.
    seed
        Of random weights.

    Examples
    --------
    >>> from closedloop.models import Filling
    >>> Filling(seed=3).weights is None
    True
    """

    weights: Path | None = None
    seed: int = 0


def build_described(network: NetworkDescription, *, code: NetworkCode | None, seed: int = 0) -> nn.Module:
    """Build a network from elsewhere with random weights, in evaluation mode.

    Parameters
    ----------
    network
        Which.
    code
        Its file, where it is code.
    seed
        Of its weights; the caller's own random numbers stay as they are.

    Raises
    ------
    CheckpointError, ProtocolError
        It cannot be built.
    ModuleNotFoundError
        Its library is not installed.
    """
    options = dict(network.options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if network.source == "torchvision":
            built = build_torchvision(network.name, options)
        elif network.source == "timm":
            built = build_timm(network.name, options)
        elif code is None:
            raise ValueError(f"{network.label}: expected its code")
        else:
            built = build_from_code(network.name, code, options)
    return built.eval()


def open_whole(network: NetworkDescription, filling: Filling, *, code: NetworkCode | None = None) -> nn.Module:
    """Build a network from elsewhere and fill it, in evaluation mode; takes normalised images.

    Parameters
    ----------
    network
        Which.
    filling
        Its weights.
    code
        Its file, where it is code.

    Raises
    ------
    CheckpointError, ProtocolError
        It cannot be built, or the file does not hold its weights.
    ModuleNotFoundError
        Its library is not installed.
    """
    built = build_described(network, code=code, seed=filling.seed)
    if filling.weights is not None:
        own_names = {plain_key(key): key for key in built.state_dict()}
        state = load_foreign_state_dict(filling.weights)
        load_into(built, {own_names.get(key, key): value for key, value in state.items()}, source=filling.weights)
    return built


def cut_described(
    whole: nn.Module, network: NetworkDescription, *, layer: str, readout: ReadoutKind = "factorised"
) -> CutNetwork:
    """Cut a network from elsewhere at a layer; it shares the network's weights.

    Parameters
    ----------
    whole
        Made by `build_described`.
    network
        What it is.
    layer
        Name of a module of it.
    readout
        Which readout follows: one of the class token sees nothing else.

    Raises
    ------
    ProtocolError
        It has no such module.
    """
    return CutNetwork(
        whole,
        layer=layer,
        layout=network.layout,
        side_px=network.preprocessing.side_px,
        class_token=readout == "class_token",
    ).eval()
