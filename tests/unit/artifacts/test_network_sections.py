"""The protocol's section on the network under the readout: what each source needs, and that ours say nothing more."""

from __future__ import annotations

from typing import Any

import pytest

from closedloop.artifacts.documents import validate
from closedloop.artifacts.protocol.images import BaseModelChoice
from closedloop.errors import ProtocolError
from tests.unit.messages import refused

OURS = {"architecture": "small_resnet", "layer": "layer3.0", "weights": "small_resnet_robust"}
PIXELS = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
MODULE = {
    "source": "module",
    "factory": "net.py:network",
    "layer": "last",
    "weights": "random",
    "layout": {"kind": "nchw"},
    "preprocessing": PIXELS,
}
VIT = {
    "source": "timm",
    "architecture": "vit_tiny_patch16_224",
    "options": {"img_size": 32, "depths": [2, 2], "qkv_bias": True, "act": "gelu"},
    "layer": "blocks.3",
    "weights": "/data/vit.safetensors",
    "layout": {"kind": "ntokens", "prefix_tokens": 1, "grid": [2, 2]},
    "preprocessing": PIXELS | {"side_px": 32, "colours": "bgr"},
    "readout": "class_token",
}


def parsed(content: dict[str, Any]) -> BaseModelChoice:
    return validate(BaseModelChoice, content, place="p.yaml", error=ProtocolError)


def without(content: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}


def test_a_network_of_ours_says_what_it_always_said() -> None:
    assert parsed(OURS).model_dump(exclude_defaults=True) == OURS


@pytest.mark.parametrize("content", [MODULE, VIT])
def test_a_network_from_elsewhere_is_read_back_as_it_was_stated(content: dict[str, Any]) -> None:
    said = parsed(content).model_dump(mode="json", exclude_defaults=True)
    assert said == content
    assert parsed(said) == parsed(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (OURS | {"architecture": "alexnet"}, "architecture: expected one of resnet18"),
        (OURS | {"layout": {"kind": "nchw"}}, "layout: expected it for networks from elsewhere alone"),
        (OURS | {"seed": 3}, "seed: expected it for networks from elsewhere alone"),
        (OURS | {"readout": "class_token"}, "readout: expected a layout with prefix_tokens"),
        (without(MODULE, "layout"), "layout: expected it for source module"),
        (without(MODULE, "preprocessing"), "preprocessing: expected it for source module"),
        (without(MODULE, "factory"), "factory: expected it for source module"),
        (MODULE | {"architecture": "resnet18"}, "factory: expected it for source module, and no architecture"),
        (MODULE | {"factory": "net.py"}, "factory: expected file.py:function, package.module:function or file.pt2"),
        (MODULE | {"factory": "net.pt2"}, "weights: expected a file or included, found random"),
        (VIT | {"weights": "included"}, "weights: expected a file or random, found included"),
        (without(VIT, "architecture"), "architecture: expected it for source timm"),
        (VIT | {"layout": {"kind": "ntokens"}}, "grid: expected it, and prefix_tokens, where kind is ntokens"),
        (VIT | {"layout": {"kind": "nhwc", "grid": [2, 2]}}, "grid: expected it, and prefix_tokens, where kind is"),
        (VIT | {"layout": {"kind": "ntokens", "grid": [2, 2]}}, "readout: expected a layout with prefix_tokens"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(content: dict[str, Any], said: str) -> None:
    with refused(ProtocolError, "p.yaml: ", said):
        parsed(content)
