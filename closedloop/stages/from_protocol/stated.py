"""A network from elsewhere that a file states, for a sweep over its layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.artifacts.commands.stated_networks import read_sections
from closedloop.artifacts.protocol.images import RANDOM, WITHOUT_FILE, BaseModelChoice
from closedloop.errors import ProtocolError
from closedloop.models.networks.code import NetworkCode
from closedloop.models.shipped import weights_file
from closedloop.models.weight_headers import refuse_no_weights
from closedloop.storage import sha256_file


@dataclass(frozen=True)
class StatedLayers:
    """A network from elsewhere that a sweep looks at; it goes to other processes.

    Attributes
    ----------
    choice
        Its section; the layer is that of the moment.
    weights_sha256
        Of its file of weights; "" without one.
    code
        The file of its code, where it is code.
    """

    choice: BaseModelChoice
    weights_sha256: str
    code: NetworkCode | None

    def __hash__(self) -> int:  # options of a section are a dictionary
        return hash(self.identity)

    @property
    def identity(self) -> str:
        """All that decides its features, wherever its files lie."""
        stated = self.choice.model_dump_json(exclude={"weights", "factory", "reference"}, exclude_defaults=True)
        filled = self.weights_sha256 or self.choice.weights
        function = (self.choice.factory or "").rpartition(":")[2]  # of one file several networks may be made
        return repr((stated, filled, self.code.sha256 if self.code else "", function))

    @property
    def label(self) -> str:
        """What tables call its architecture."""
        return f"{self.choice.source}/{self.choice.factory or self.choice.architecture}"

    def at(self, layer: str) -> StatedLayers:
        """Return the same cut at another layer."""
        return replace(self, choice=self.choice.model_copy(update={"layer": layer}))

    def with_random_weights(self) -> StatedLayers | None:
        """Return the same untrained; None where it is so already, or cannot be."""
        if self.choice.weights in WITHOUT_FILE:
            return None
        return replace(self, choice=self.choice.model_copy(update={"weights": RANDOM}), weights_sha256="")


def read_for_sweep(place: Path) -> StatedLayers:
    """Read the one network from elsewhere that a file states, without torch.

    Parameters
    ----------
    place
        A file that holds the section `base_model`, or a protocol.

    Raises
    ------
    ProtocolError
        It states none, or one of closedloop's own, which has a name or a file of weights.
    CheckpointError
        Its weights are no file of weights.
    """
    choice = read_sections(place, any_layer=True)[0][0]
    if choice.source == "own":
        raise ProtocolError(
            f"{place}: expected a network from elsewhere, found source own. Name its shipped weights or its file "
            "of weights instead of the protocol."
        )
    file = None if choice.weights in WITHOUT_FILE else weights_file(choice.weights)
    if file is not None:
        refuse_no_weights(file)
    from closedloop.stages.from_protocol.networks import code_of  # noqa: PLC0415 - torch

    code = code_of(choice, near=place.parent, sha256=None)
    return StatedLayers(choice, sha256_file(file) if file is not None else "", code)
