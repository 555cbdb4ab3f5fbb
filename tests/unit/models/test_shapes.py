"""Shapes of maps, found without torch's compiler: it takes seconds to load, in every command that opens a model."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from closedloop.models.backbones import build_network, cut
from closedloop.models.folding import keep_shapes
from closedloop.models.site_model import feature_shape

NAMES = ("small_resnet", "small_plain", "small_smooth", "resnet18", "resnet50", "resnet50_1by2")  # a block of each kind


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_of_a_network_makes_maps_of_its_shapes(name: str) -> None:
    whole = build_network(name, n_classes=1)
    with torch.device("meta"):
        left = build_network(name, n_classes=1)
        keep_shapes(left)
        for layer in ("stem", "layer1.0", "layer3.0"):
            for side_px in (32, 33, 50):
                found = feature_shape(cut(left, layer), side_px=side_px)
                with torch.device("cpu"):
                    assert found == feature_shape(cut(whole, layer), side_px=side_px)


def test_a_map_that_is_smaller_than_the_kernel_is_refused() -> None:
    left = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5))
    keep_shapes(left)
    assert left(torch.zeros(1, 3, 5, 5)).shape == (1, 8, 1, 1)
    with pytest.raises(RuntimeError, match="no smaller than the kernel"):
        left(torch.zeros(1, 3, 4, 5))


def test_a_model_is_refitted_saved_and_opened_without_torchs_compiler() -> None:
    done = subprocess.run([sys.executable, "-c", REFIT], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


REFIT = """
import pathlib, sys, tempfile
import numpy as np
from closedloop.models import build_site_model, calibrate_readout, load_site_model, open_base_model, save_site_model
from closedloop.training import RefitRecipe, Responses, refit

photos = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
answers = np.random.default_rng(1).standard_normal((20, 2)).astype(np.float32)
recorded = Responses(photos, answers, weights=np.full(20, 4, dtype=np.float32))
model = build_site_model(open_base_model("small_resnet_vanilla", layer="layer3.0"), n_sites=2, side_px=32, seed=0)
calibrate_readout(model, photos)
with tempfile.TemporaryDirectory() as folder:
    half = pathlib.Path(folder, "half")
    refit(model, recorded, recorded, recipe=RefitRecipe(epochs=1), seed=0, checkpoint=half)
    refit(model, recorded, recorded, recipe=RefitRecipe(epochs=1), seed=0, checkpoint=half)
    save_site_model(pathlib.Path(folder, "model.safetensors"), model)
    load_site_model(pathlib.Path(folder, "model.safetensors"))
print([name for name in ("sympy", "torch._dynamo") if name in sys.modules])
"""
