"""Networks from elsewhere in a layer sweep: which layers, and whose features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from closedloop.errors import ClosedLoopError
from closedloop.models.inspection.blocks import block_layers
from closedloop.models.inspection.survey import SurveyedLayer
from closedloop.models.networks.description import FeatureLayout
from closedloop.stages.from_protocol.stated import read_for_sweep
from closedloop.studies.screening.asked import ScreenedNetwork
from closedloop.studies.screening.systems import cells_of, features_of
from tests.loop.test_networks import NETWORK

torch.set_num_threads(1)
TEXT = (
    "{source: module, factory: net.py:network, weights: random, seed: 1, layout: {kind: nchw}, "
    "preprocessing: {mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}}"
)


def surveyed(name: str, shape: tuple[int, ...], n_calls: int = 1) -> SurveyedLayer:
    return SurveyedLayer(name, "Block", shape, n_calls, 0.5)


def test_blocks_are_the_outermost_numbered_modules_that_lie_as_stated() -> None:
    layers = [
        surveyed("stem", (8, 16, 16)),
        surveyed("stages.0.blocks.0", (8, 16, 16)),
        surveyed("stages.0", (8, 16, 16)),
        surveyed("stages.1", (16, 8, 8), n_calls=2),
        surveyed("stages.2", (16, 64)),
    ]
    assert block_layers(layers, FeatureLayout("nchw")) == ("stages.0",)
    tokens = [surveyed("blocks.0", (17, 12)), surveyed("blocks.1", (16, 12))]
    assert block_layers(tokens, FeatureLayout("ntokens", 1, (4, 4))) == ("blocks.0",)


def test_a_stated_network_is_seen_through_its_own_preprocessing(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "mine.yaml").write_text(TEXT)
    network = ScreenedNetwork("mine", "mine.yaml", ("0.1",), None, None, read_for_sweep(tmp_path / "mine.yaml"))
    first, *_ = cells_of([network], side_px=32, seed=0)
    assert (first.network, first.layer, first.source.kind) == ("mine", "0.1", "untrained")
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    found = features_of(first.source, images, device=torch.device("cpu"))
    namespace: dict[str, object] = {}
    exec(NETWORK, namespace)
    torch.manual_seed(1)
    whole = namespace["network"]()  # type: ignore[operator]
    assert isinstance(whole, nn.Module)
    pixels = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25
    with torch.no_grad():
        expected = whole.get_submodule("0")[:2](pixels).flatten(1)  # type: ignore[index]
    assert np.allclose(found, expected.numpy(), atol=1e-6)


def test_a_network_of_ours_has_no_need_of_a_file_that_states_it(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("{architecture: small_resnet, layer: layer3.0, weights: small_resnet_robust}")
    with pytest.raises(ClosedLoopError, match="expected a network from elsewhere, found source own"):
        read_for_sweep(tmp_path / "a.yaml")


def test_networks_of_one_file_are_told_apart_by_what_makes_them(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(f"{NETWORK}\nother = network\n")
    (tmp_path / "one.yaml").write_text(TEXT)
    (tmp_path / "two.yaml").write_text(TEXT.replace("net.py:network", "net.py:other"))
    one, two = (read_for_sweep(tmp_path / f"{name}.yaml") for name in ("one", "two"))
    assert one.identity != two.identity
    assert one.identity == read_for_sweep(tmp_path / "one.yaml").identity
