"""What the head of a weight file tells without torch is what torch finds in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from closedloop.errors import CheckpointError
from closedloop.models.backbones import ARCHITECTURES, build_network, cut, layer_names
from closedloop.models.shipped import shipped_names, shipped_weights
from closedloop.models.site_model import feature_shape
from closedloop.models.weight_headers import WeightHeader, read_weight_header, refuse_no_weights
from tests.unit.messages import refused


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_layers_and_their_units_are_those_of_the_network(name: str) -> None:
    with torch.device("meta"):
        network = build_network(name, n_classes=7)
        header = WeightHeader({}, {key: tuple(value.shape) for key, value in network.state_dict().items()})
        assert header.layers == layer_names(network)
        first_and_last = ("stem", header.layers[1], header.layers[-3], "avgpool", "fc")
        found = {layer: feature_shape(cut(network, layer), side_px=64)[0] for layer in first_and_last}
    assert {layer: header.n_units(layer) for layer in first_and_last} == found


BLOCKS = {
    "small_resnet": ("layer1.0", "layer2.0", "layer3.0"),
    "small_plain": ("layer1.0", "layer2.0", "layer3.0"),
    "small_smooth": ("layer1.0", "layer2.0", "layer3.0"),
}


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_weights_say_what_they_are(name: str) -> None:
    header = read_weight_header(shipped_weights(name))
    assert header is not None
    architecture = header.described["architecture"]
    assert architecture == "_".join(name.split("_")[:2])
    assert header.layers == ("stem", *BLOCKS[architecture], "avgpool", "fc")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("w.pt", b"\xff\xd8\xff\xe0 a photograph", "found a JPEG image. Give a file of weights"),
        ("w.safetensors", b"\xff\xd8\xff\xe0 a photograph", "found a JPEG image. Give a file of weights"),
        ("w.safetensors", b"<!DOCTYPE html><html>404</html>", "found a web page."),
        ("w.pt", b"version https://git-lfs.github.com/spec/v1", "`git lfs pull` gets it"),
        ("w.safetensors", b"PK\x03\x04" + bytes(60), "found a file of torch's. Let its name end in .pt."),
        ("w.pt", (40).to_bytes(8, "little") + b"{}" + bytes(40), "Let its name end in .safetensors."),
        ("w.bin", bytes(range(64)), "found bytes of no kind that is known here."),
    ],
)
def test_what_is_no_weight_file_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with refused(CheckpointError, path, "expected", said):
        refuse_no_weights(path)


def test_a_name_that_is_almost_a_shipped_one_is_guessed() -> None:
    with refused(CheckpointError, "small_resnet_rubust", "Did you mean small_resnet_robust?", "small_smooth_robust."):
        refuse_no_weights(Path("small_resnet_rubust"))
