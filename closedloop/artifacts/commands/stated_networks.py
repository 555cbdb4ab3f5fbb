"""Networks as a file states them: a protocol, or its section `base_model` alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from closedloop.artifacts.documents import validate
from closedloop.artifacts.protocol.images import BaseModelChoice
from closedloop.artifacts.protocol.protocol import parse_protocol
from closedloop.errors import ProtocolError
from closedloop.plain_text.limits import MOST_YAML_BYTES, read_limited
from closedloop.plain_text.yaml_text import parse_yaml

SECTION = "base_model"
_OF_A_PROTOCOL = "days"  # a key of every protocol, and of no section


def read_sections(place: Path, *, any_layer: bool = False) -> tuple[tuple[BaseModelChoice, ...], int | None]:
    """Read the networks of a file, and the side of the images, where it says so.

    Parameters
    ----------
    place
        A protocol, or a file that holds the section `base_model` alone.
    any_layer
        Whether a section without a layer will do.

    Raises
    ------
    ProtocolError
        The file states no network.
    """
    content = read_limited(
        place, most_bytes=MOST_YAML_BYTES, missing="expected a protocol, found none.", error=ProtocolError
    )
    plain = parse_yaml(content, place=str(place), error=ProtocolError, remedy="Start from protocols/guo2022.yaml.")
    if isinstance(plain, dict) and _OF_A_PROTOCOL in plain:
        protocol = parse_protocol(content, place=str(place))
        return protocol.networks, protocol.images.side_px
    choice = _section(plain, place, any_layer=any_layer)
    return (choice,), choice.preprocessing.side_px if choice.preprocessing else None


def _section(plain: Any, place: Path, *, any_layer: bool) -> BaseModelChoice:
    section = plain.get(SECTION, plain) if isinstance(plain, Mapping) else plain
    if any_layer and isinstance(section, Mapping) and "layer" not in section:
        section = {**section, "layer": ""}
    return validate(BaseModelChoice, section, place=f"{place}, {SECTION}", error=ProtocolError)
