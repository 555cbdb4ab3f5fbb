from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from closedloop.models.backbones import build_classifier, cut
from closedloop.models.folding import fold_batch_norm


@pytest.mark.parametrize(
    ("architecture", "layer", "side_px"), [("small_resnet", "layer3.0", 32), ("resnet50", "layer2.0", 64)]
)
def test_a_folded_trunk_computes_the_same_without_batch_normalisation(
    architecture: str, layer: str, side_px: int
) -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(3)
    trunk = cut(build_classifier(architecture, seed=1), layer).eval()
    for module in trunk.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator) / 4)
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
    folded = copy.deepcopy(trunk)
    fold_batch_norm(folded)
    images = torch.rand(2, 3, side_px, side_px, generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(folded(images), trunk(images), rtol=1e-4, atol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
