"""The site model as a function of uint8 images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from closedloop.models.backbones import build_classifier, cut
from closedloop.models.site_model import (
    BaseModel,
    SiteModel,
    UnitModel,
    build_site_model,
    calibrate_readout,
    freeze_for_attack,
    predict,
)

torch.set_num_threads(1)


def base(layer: str = "layer2.0") -> BaseModel:
    return BaseModel("small_resnet", layer, cut(build_classifier("small_resnet", seed=3), layer))


def site_model() -> SiteModel:
    return build_site_model(base(), n_sites=4, side_px=32, seed=1)


def pictures(n: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)


def test_a_prediction_is_that_of_the_model_on_pixels_over_255() -> None:
    model, images = site_model(), pictures(3)
    tensor = torch.tensor(images.astype(np.float32) / 255).permute(0, 3, 1, 2)
    normalised = (tensor - 0.5) / 0.25  # the small network's mean and spread
    with torch.no_grad():
        expected = model.readout(model.trunk(normalised)).numpy()
    assert np.allclose(predict(model, images), expected, rtol=1e-4, atol=1e-3)


def test_a_prediction_does_not_depend_on_the_other_images_or_on_their_number() -> None:
    model, images = site_model(), pictures(21)
    together = predict(model, images, batch_size=8)
    order = np.random.default_rng(1).permutation(21)
    assert np.array_equal(predict(model, images[order], batch_size=8), together[order])
    for row in (0, 7, 20):
        assert np.array_equal(predict(model, images[row : row + 1], batch_size=8)[0], together[row])


def test_the_calibrated_model_is_z_scored_on_its_clean_images() -> None:
    model, images = site_model(), pictures(70)
    calibrate_readout(model, images)
    predicted = predict(model, images)
    assert np.allclose(predicted.mean(axis=0), 0, atol=1e-4)
    assert np.allclose(predicted.std(axis=0), 1, atol=1e-4)


def test_a_frozen_model_gives_gradients_to_the_image_and_to_no_weight() -> None:
    model = freeze_for_attack(site_model().train())
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    buffers = [buffer.clone() for buffer in model.buffers()]
    model(image)[0, 0].backward()
    assert image.grad is not None
    assert float(image.grad.abs().sum()) > 0
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(buffers, model.buffers(), strict=True))


def test_units_of_the_penultimate_layer_are_the_averages_of_the_last_map() -> None:
    classifier, images = build_classifier("small_resnet", seed=3), pictures(2)
    units = predict(UnitModel(BaseModel("small_resnet", "avgpool", cut(classifier, "avgpool"))), images)
    maps = predict_map(classifier, images)
    assert units.shape == (2, 64)
    assert np.allclose(units, maps.mean(axis=(2, 3)), rtol=1e-5, atol=1e-5)


def predict_map(classifier: torch.nn.Sequential, images: np.ndarray) -> np.ndarray:
    tensor = torch.tensor(images.astype(np.float32) / 255).permute(0, 3, 1, 2)
    with torch.no_grad():
        return cut(classifier.eval(), "layer3.0")((tensor - 0.5) / 0.25).numpy()


@pytest.mark.parametrize("shape", [(0, 32, 32, 3), (32, 32, 3), (2, 3, 32, 32)])
def test_something_that_is_no_batch_of_images_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        predict(site_model(), np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize("kind", ["sites", "units"])
def test_under_autocast_the_trunk_alone_is_bfloat16(kind: str) -> None:
    model = site_model() if kind == "sites" else UnitModel(base()).eval()
    features: list[torch.Tensor] = []
    model.trunk.register_forward_hook(lambda _, __, output: features.append(output))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = model(torch.tensor(pictures(4)).permute(0, 3, 1, 2).float() / 255)
    assert (features[0].dtype, found.dtype) == (torch.bfloat16, torch.float32)
    with torch.no_grad():
        seen = features[0].float()
        expected = model.readout(seen) if isinstance(model, SiteModel) else seen.mean(dim=(2, 3))
    torch.testing.assert_close(found, expected)  # 1e-5: sums in bfloat16 would be off by 1e-2
