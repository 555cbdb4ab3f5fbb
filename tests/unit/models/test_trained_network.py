"""A really trained network against an independent runtime: onnxruntime on the package's own graph."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from benchmarks.networks import onnx_file, photographs, trained_base_model, trained_classifier, trained_weights
from closedloop.models.backbones import normalisation_of
from closedloop.models.imports import import_base_model

pytestmark = pytest.mark.slow  # a network of full size: in `make test`, not in `make check`

torch.set_num_threads(1)
LOGITS, STEM = "/Add_126_output_0", "/MaxPool_output_0"
# ReLUs of the graph, which are (n, height, width, channels), in which blocks end: every third after the stem's.
BLOCK_ENDS = {"stem": 0, "layer1.0": 3, "layer2.3": 21, "layer3.0": 24, "layer4.0": 42, "layer4.2": 48}


def relu(number: int) -> str:
    return f"/Relu_{number}_output_0" if number else "/Relu_output_0"


@cache
def session() -> onnxruntime.InferenceSession:
    """The package's graph with further outputs."""
    model = onnx.load(onnx_file())
    for name in (LOGITS, STEM, *(relu(number) for number in BLOCK_ENDS.values() if number)):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def independent(pixels: NDArray[np.floating], output: str) -> NDArray[np.float32]:
    """The package's documented input: pixels 0 to 255, blue first, less the training set's mean."""
    caffe = (255 * pixels)[..., ::-1] - np.array([104.0, 117.0, 123.0])
    return session().run([output], {"input_0": caffe.astype(np.float32)})[0]


def normalised(images: NDArray[np.floating]) -> Tensor:
    pixels = torch.tensor(images, dtype=torch.float32).permute(0, 3, 1, 2)
    return normalisation_of("resnet50_1by2")(pixels)


def test_logits_on_photographs_are_those_of_an_independent_runtime() -> None:
    images = photographs(n=8) / 255
    expected = independent(images, LOGITS)
    with torch.no_grad():
        found = trained_classifier()(normalised(images)).numpy()
    assert np.ptp(expected) > 5
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("layer", BLOCK_ENDS)
def test_the_network_cut_at_a_layer_gives_what_the_independent_runtime_has_there(layer: str) -> None:
    images = photographs(n=2) / 255
    output = relu(BLOCK_ENDS[layer]) if layer != "stem" else STEM
    expected = independent(images, output)
    expected = expected if layer == "stem" else expected.transpose(0, 3, 1, 2)
    with torch.no_grad():
        found = trained_base_model(layer).trunk(normalised(images)).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_the_input_gradient_is_the_independent_runtimes_slope() -> None:
    # A photograph's flat areas are ties of the max pool, where a slope is no gradient's product: a generic point.
    rng = np.random.default_rng(5)
    images = (photographs(n=4) + rng.uniform(-0.5, 0.5, (4, 224, 224, 3))).clip(0, 255) / 255
    gradients = gradient_of_the_margin(images)
    for direction in (unit(gradients), unit(unit(gradients) + unit(rng.standard_normal(gradients.shape)))):
        step = 1e-4  # smaller than the distance to most kinks, larger than float32's rounding
        above, below = (independent(images + sign * step * direction, LOGITS) for sign in (1, -1))
        slope = np.diff(above - below, axis=1)[:, 0] / (2 * step)
        np.testing.assert_allclose((gradients * direction).sum(axis=(1, 2, 3)), slope, rtol=0.01)


def test_an_imported_network_has_the_independent_runtimes_accuracy(tmp_path: Path) -> None:
    torch.save({"state_dict": trained_weights()}, tmp_path / "network.pth")
    labels = (0, 0, 1, 1)  # the second two are wrong on purpose
    for index, (label, image) in enumerate(zip(labels, photographs(n=4, side_px=256), strict=True)):
        (tmp_path / "images" / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "images" / str(label) / f"{index}.png")
    report = import_base_model(
        tmp_path / "network.pth", tmp_path / "ours.safetensors", labelled_images=tmp_path / "images"
    )
    assert (report.match.architecture, report.match.n_classes) == ("resnet50_1by2", 2)
    middles = photographs(n=4, side_px=256)[:, 16:240, 16:240]  # 256 px are cut to 224 without resizing
    expected = independent(middles / 255, LOGITS).argmax(axis=1) == labels
    assert report.accuracy is not None
    assert report.accuracy.top1 == expected.mean()
    assert 0 < expected.mean() < 1


def gradient_of_the_margin(images: NDArray[np.floating]) -> NDArray[np.float64]:
    x = torch.tensor(images, dtype=torch.float32, requires_grad=True)
    logits = trained_classifier()(normalisation_of("resnet50_1by2")(x.permute(0, 3, 1, 2)))
    (gradient,) = torch.autograd.grad((logits[:, 1] - logits[:, 0]).sum(), x)
    return gradient.double().numpy()


def unit(x: NDArray[np.floating]) -> NDArray[np.floating]:
    return x / np.sqrt((x**2).sum(axis=(1, 2, 3), keepdims=True))
