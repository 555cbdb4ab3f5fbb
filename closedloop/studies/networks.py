"""Networks that a study is about: a shipped name or a weight file, cut at a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from closedloop.errors import OptionError, ProtocolError
from closedloop.models.shipped import shipped_names, weights_file
from closedloop.models.weight_headers import read_weight_header, refuse_no_weights
from closedloop.plain_text.suggestions import did_you_mean

if TYPE_CHECKING:
    from closedloop.attacks.synthesis.sources import UnitsFile

PENULTIMATE = "avgpool"  # section 3.2: "i.e. average pooling layer in ResNet50s"


@dataclass(frozen=True)
class NetworkChoice:
    """A network as the user named it.

    Attributes
    ----------
    name
        Its name in tables and figures.
    source
        A shipped name or a weight file.
    layer
        Where it is cut; units are the channels there, averaged over space.
    architecture
        Architecture of a third-party file; None to have it recognised.
    """

    name: str
    source: str
    layer: str = PENULTIMATE
    architecture: str | None = None


@dataclass(frozen=True)
class OpenNetwork:
    """A network that can be used.

    Attributes
    ----------
    units
        Where a process loads its units from.
    architecture
        As found.
    side_px
        Side of the images that it was made for.
    """

    units: UnitsFile
    architecture: str
    side_px: int


def parse_network(text: str, *, architecture: str | None) -> NetworkChoice:
    """Parse ``NAME_OR_FILE[:LAYER]``; the name is the file's stem, with the layer where one is given.

    Raises
    ------
    OptionError
        The text names nothing.
    """
    source, colon, layer = text.rpartition(":") if not Path(text).exists() else (text, "", "")
    if not colon:
        source, layer = text, ""
    if not source or (colon and not layer):
        raise OptionError(f"--network {text}: expected NAME_OR_FILE[:LAYER], found a part missing. Add it.")
    ships = source in shipped_names()
    stem = source if ships else Path(source).stem
    name = f"{stem}:{layer}" if layer else stem
    return NetworkChoice(name, source, layer or PENULTIMATE, None if ships else architecture)


def parse_networks(texts: Sequence[str], *, architecture: str | None) -> tuple[NetworkChoice, ...]:
    """Parse several networks, whose names must differ.

    Raises
    ------
    OptionError
        A text names nothing, or two networks have one name.
    """
    choices = tuple(parse_network(text, architecture=architecture) for text in texts)
    names = [choice.name for choice in choices]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OptionError(f"--network: expected different names, found {twice[0]} twice. Rename a file.")
    return choices


def n_units_of(choice: NetworkChoice) -> int | None:
    """Return how many units a network has at its layer, by its file's head; None where only torch can tell.

    Raises
    ------
    CheckpointError
        The file is none of weights.
    ProtocolError
        The network has no such layer.
    """
    file = weights_file(choice.source)
    refuse_no_weights(file)
    header = read_weight_header(file)
    if header is None or not header.layers:
        return None
    if choice.layer not in header.layers:
        raise ProtocolError(
            f"--network {choice.source}:{choice.layer}: expected one of {', '.join(header.layers)} as the layer. "
            f"{did_you_mean(choice.layer, header.layers)}Correct it."
        )
    return header.n_units(choice.layer)


def open_network(choice: NetworkChoice) -> OpenNetwork:
    """Open a network's file and find out its architecture and image size.

    Raises
    ------
    CheckpointError
        The file cannot be used, or its architecture is another or unknown.
    ProtocolError
        The architecture or the layer does not exist.
    """
    from closedloop.attacks.synthesis.sources import units_file  # noqa: PLC0415 - torch where networks are opened alone
    from closedloop.models.backbones import architecture_named  # noqa: PLC0415
    from closedloop.models.checkpoints import open_base_model  # noqa: PLC0415

    base = open_base_model(choice.source, architecture=choice.architecture, layer=choice.layer)
    units = units_file(choice.source, layer=choice.layer, architecture=choice.architecture)
    return OpenNetwork(units, base.architecture, architecture_named(base.architecture).side_px)
