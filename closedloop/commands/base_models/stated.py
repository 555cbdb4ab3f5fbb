"""The network that `closedloop base-model layers` and `check` are asked about: a protocol's, or a section alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closedloop.artifacts.documents import validate
from closedloop.artifacts.protocol.images import WITHOUT_FILE, BaseModelChoice
from closedloop.artifacts.protocol.protocol import parse_protocol
from closedloop.errors import OptionError, ProtocolError
from closedloop.models.shipped import weights_file
from closedloop.models.weight_headers import refuse_no_weights
from closedloop.plain_text.limits import MOST_YAML_BYTES, read_limited
from closedloop.plain_text.yaml_text import parse_yaml
from closedloop.study.create import find_protocol

SECTION = "base_model"
_OF_A_PROTOCOL = "days"  # a key of every protocol, and of no section


@dataclass(frozen=True)
class StatedNetwork:
    """A network as a file states it.

    Attributes
    ----------
    choice
        The section.
    source
        Its weights: a shipped name, a file, random or included.
    side_px
        Side of the images that the monkey sees.
    place
        The file.
    """

    choice: BaseModelChoice
    source: str
    side_px: int
    place: Path


def read_stated(
    network: str, *, member: int, side_px: int | None, weights: Path | None, any_layer: bool = False
) -> StatedNetwork:
    """Read what is stated of a network.

    Parameters
    ----------
    network
        Name or file of a protocol, or a file that holds the section `base_model` alone.
    member
        Which of the protocol's networks: 0 is `base_model`, 1 the first of `ensemble`, then those of `arms.models`.
    side_px
        Side of the images; None for the protocol's.
    weights
        A file in place of the weights that are named.
    any_layer
        Whether a section without a layer will do.

    Raises
    ------
    ProtocolError
        The file states no network.
    OptionError
        There is no such member, or nobody says how large images are.
    CheckpointError
        The weights are no file of weights.
    """
    place = find_protocol(network)
    content = read_limited(
        place, most_bytes=MOST_YAML_BYTES, missing="expected a protocol, found none.", error=ProtocolError
    )
    plain = parse_yaml(content, place=str(place), error=ProtocolError, remedy="Start from protocols/guo2022.yaml.")
    if isinstance(plain, dict) and _OF_A_PROTOCOL in plain:
        protocol = parse_protocol(content, place=str(place))
        choices, side_px = protocol.networks, side_px or protocol.images.side_px
    else:
        choices = (_section(plain, place, any_layer=any_layer),)
        side_px = side_px or (choices[0].preprocessing.side_px if choices[0].preprocessing else None)
    if not 0 <= member < len(choices):
        raise OptionError(f"--member {member}: expected 0 to {len(choices) - 1}, as {place} has. Correct it.")
    if side_px is None:
        raise OptionError(
            f"--side: expected the side of the images, which {place} does not state, found none. Give it."
        )
    return StatedNetwork(choices[member], _weights(choices[member], weights), side_px, place)


def _section(plain: Any, place: Path, *, any_layer: bool) -> BaseModelChoice:
    section = plain.get(SECTION, plain) if isinstance(plain, Mapping) else plain
    if any_layer and isinstance(section, Mapping) and "layer" not in section:
        section = {**section, "layer": ""}
    return validate(BaseModelChoice, section, place=f"{place}, {SECTION}", error=ProtocolError)


def _weights(choice: BaseModelChoice, given: Path | None) -> str:
    source = str(given) if given is not None else choice.weights
    if source in WITHOUT_FILE and choice.source == "own":
        raise ProtocolError("base_model.weights: expected a shipped name or a file, found none. Name some.")
    if source not in WITHOUT_FILE:
        refuse_no_weights(weights_file(source))
    return source
