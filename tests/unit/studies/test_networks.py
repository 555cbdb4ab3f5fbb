"""A network is named by a shipped name or a file, with a layer where it is not the penultimate one."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.errors import OptionError, ProtocolError
from closedloop.studies.networks import NetworkChoice, open_network, parse_network, parse_networks


def test_a_shipped_name_is_cut_at_the_penultimate_layer() -> None:
    choice = parse_network("small_resnet_robust", architecture="resnet50")
    assert choice == NetworkChoice("small_resnet_robust", "small_resnet_robust", "avgpool", None)
    assert open_network(choice).side_px == 32


def test_a_layer_stands_after_a_colon_and_in_the_name() -> None:
    choice = parse_network("some/folder/net.pt:layer4.0", architecture="resnet50")
    assert choice == NetworkChoice("net:layer4.0", "some/folder/net.pt", "layer4.0", "resnet50")


def test_a_file_may_have_a_colon_in_its_name(tmp_path: Path) -> None:
    file = tmp_path / "12:30.safetensors"
    file.touch()
    assert parse_network(str(file), architecture=None).source == str(file)


@pytest.mark.parametrize("text", ["", ":avgpool", "net.pt:"])
def test_half_a_name_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"NAME_OR_FILE\[:LAYER\]"):
        parse_network(text, architecture=None)


def test_two_networks_of_one_name_are_refused() -> None:
    with pytest.raises(OptionError, match="net twice"):
        parse_networks(["a/net.pt", "b/net.pt"], architecture=None)


def test_the_same_network_at_two_layers_are_two_curves() -> None:
    names = [c.name for c in parse_networks(["small_resnet_robust", "small_resnet_robust:fc"], architecture=None)]
    assert names == ["small_resnet_robust", "small_resnet_robust:fc"]


def test_a_layer_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(ProtocolError, match=r"layer 'layer9' is unknown. Use one of stem, layer1.0"):
        open_network(parse_network("small_resnet_robust:layer9", architecture=None))
