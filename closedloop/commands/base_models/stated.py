"""The network that `closedloop base-model layers` and `check` are asked about: a protocol's, or a section alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.commands.stated_networks import read_sections
from closedloop.artifacts.protocol.images import WITHOUT_FILE, BaseModelChoice
from closedloop.errors import OptionError, ProtocolError
from closedloop.models.shipped import weights_file
from closedloop.models.weight_headers import refuse_no_weights
from closedloop.study.create import find_protocol


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
    choices, stated_px = read_sections(place, any_layer=any_layer)
    side_px = side_px or stated_px
    if not 0 <= member < len(choices):
        raise OptionError(f"--member {member}: expected 0 to {len(choices) - 1}, as {place} has. Correct it.")
    if side_px is None:
        raise OptionError(
            f"--side: expected the side of the images, which {place} does not state, found none. Give it."
        )
    return StatedNetwork(choices[member], _weights(choices[member], weights), side_px, place)


def _weights(choice: BaseModelChoice, given: Path | None) -> str:
    source = str(given) if given is not None else choice.weights
    if source in WITHOUT_FILE and choice.source == "own":
        raise ProtocolError("base_model.weights: expected a shipped name or a file, found none. Name some.")
    if source not in WITHOUT_FILE:
        refuse_no_weights(weights_file(source))
    return source
