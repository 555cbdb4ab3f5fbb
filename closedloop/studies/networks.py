"""Networks that a study is about: a shipped name or a weight file, cut at a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.attacks.synthesis.sources import UnitsFile, units_file
from closedloop.errors import CheckpointError
from closedloop.models.backbones import architecture_named
from closedloop.models.checkpoints import open_base_model
from closedloop.models.shipped import shipped_names

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
    CheckpointError
        The text names nothing.
    """
    source, colon, layer = text.rpartition(":") if not Path(text).exists() else (text, "", "")
    if not colon:
        source, layer = text, ""
    if not source or (colon and not layer):
        raise CheckpointError(f"--network {text}: expected NAME_OR_FILE[:LAYER], found a part missing. Add it.")
    ships = source in shipped_names()
    stem = source if ships else Path(source).stem
    name = f"{stem}:{layer}" if layer else stem
    return NetworkChoice(name, source, layer or PENULTIMATE, None if ships else architecture)


def parse_networks(texts: Sequence[str], *, architecture: str | None) -> tuple[NetworkChoice, ...]:
    """Parse several networks, whose names must differ.

    Raises
    ------
    CheckpointError
        A text names nothing, or two networks have one name.
    """
    choices = tuple(parse_network(text, architecture=architecture) for text in texts)
    names = [choice.name for choice in choices]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CheckpointError(f"--network: expected different names, found {twice[0]} twice. Rename a file.")
    return choices


def open_network(choice: NetworkChoice) -> OpenNetwork:
    """Open a network's file and find out its architecture and image size.

    Raises
    ------
    CheckpointError
        The file cannot be used, or its architecture is another or unknown.
    ProtocolError
        The architecture or the layer does not exist.
    """
    base = open_base_model(choice.source, architecture=choice.architecture, layer=choice.layer)
    units = units_file(choice.source, layer=choice.layer, architecture=choice.architecture)
    return OpenNetwork(units, base.architecture, architecture_named(base.architecture).side_px)
