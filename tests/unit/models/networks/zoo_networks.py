"""Small networks of torchvision and timm with random weights, where these libraries are installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from closedloop.models.networks.description import FeatureLayout, NetworkDescription, Preprocessing

GREY = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
VIT_OPTIONS = (("depth", 2), ("img_size", 32), ("patch_size", 8))
SWIN_OPTIONS = (("depths", (2, 2)), ("embed_dim", 24), ("img_size", 56), ("num_heads", (3, 6)))
CASES = {
    "resnet18": (NetworkDescription("torchvision", "resnet18", FeatureLayout("nchw"), GREY), "layer2.0"),
    "vit": (
        NetworkDescription("timm", "vit_tiny_patch16_224", FeatureLayout("ntokens", 1, (4, 4)), GREY, VIT_OPTIONS),
        "blocks.1",
    ),
    "convnext": (NetworkDescription("timm", "convnext_atto", FeatureLayout("nchw"), GREY), "stages.1"),
    "swin": (
        NetworkDescription(
            "timm",
            "swin_tiny_patch4_window7_224",
            FeatureLayout("nhwc"),
            Preprocessing(GREY.mean, GREY.std, side_px=56),
            SWIN_OPTIONS,
        ),
        "layers.1",
    ),
}
"""Each with the layer that it is cut at."""

needs_zoo = pytest.mark.skipif(
    find_spec("timm") is None or find_spec("torchvision") is None,
    reason="timm and torchvision (extra zoo) are not installed",
)
