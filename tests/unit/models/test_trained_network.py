"""A really trained network against an independent runtime: onnxruntime on the package's own graph."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.networks import onnx_file, photographs, trained_base_model, trained_classifier
from closedloop.models.backbones import normalisation_of
from closedloop.models.site_model import images_to_tensor

torch.set_num_threads(1)
LOGITS, PROBABILITIES = "/Add_126_output_0", "4195"
# The graph's tensors (n, height, width, channels) that are the outputs of the stem and of residual blocks: a block ends
# in every third ReLU after the stem's.
BLOCK_ENDS = {"stem": 0, "layer1.0": 3, "layer2.3": 21, "layer3.0": 24, "layer4.0": 42, "layer4.2": 48}


def relu(number: int) -> str:
    return f"/Relu_{number}_output_0" if number else "/Relu_output_0"


@cache
def session() -> onnxruntime.InferenceSession:
    """The package's graph with further outputs."""
    model = onnx.load(onnx_file())
    for name in (LOGITS, "/MaxPool_output_0", *(relu(number) for number in BLOCK_ENDS.values() if number)):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def independent(pixels: NDArray[np.floating], output: str) -> NDArray[np.float32]:
    """The package's documented input: pixels 0 to 255, blue first, less the training set's mean."""
    caffe = (255 * pixels)[..., ::-1] - np.array([104.0, 117.0, 123.0])
    return session().run([output], {"input_0": caffe.astype(np.float32)})[0]


def test_logits_on_photographs_are_those_of_an_independent_runtime() -> None:
    images = photographs(n=8)
    expected = independent(images / 255, LOGITS)
    with torch.no_grad():
        x = normalisation_of("resnet50_1by2")(images_to_tensor(images, device=torch.device("cpu")))
        found = trained_classifier()(x).numpy()
    assert np.ptp(expected) > 5
    np.testing.assert_allclose(found, expected, atol=2e-5)
