"""The section `base_model` of a network from elsewhere, as the models describe it."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.protocol.images import WITHOUT_FILE, BaseModelChoice
from closedloop.models.checkpoints import open_network
from closedloop.models.networks.code import NetworkCode, find_code, kept_code, name_of_code
from closedloop.models.networks.description import FeatureLayout, NetworkDescription, Preprocessing
from closedloop.models.networks.opening import Filling
from closedloop.models.site_model import BaseModel


def described(choice: BaseModelChoice, code: NetworkCode | None) -> NetworkDescription:
    """Return what a protocol states of a network from elsewhere.

    Parameters
    ----------
    choice
        The protocol's section; its source is not ``own``.
    code
        The file of its code, where it is code.
    """
    layout, pixels = choice.layout, choice.preprocessing
    if choice.source == "own" or layout is None or pixels is None:
        raise ValueError("base_model: expected a network from elsewhere, with layout and preprocessing")
    return NetworkDescription(
        choice.source,
        name_of_code(choice.factory) if choice.factory else choice.architecture or "",
        FeatureLayout(layout.kind, layout.prefix_tokens, layout.grid),
        Preprocessing(pixels.mean, pixels.std, pixels.side_px, pixels.colours),
        tuple(sorted(choice.options.items())),
        code.sha256 if code else None,
    )


def filling_of(choice: BaseModelChoice, source: str) -> Filling:
    """Return what a network from elsewhere is filled with.

    Parameters
    ----------
    choice
        The protocol's section.
    source
        The weight file, ``random`` or ``included``.
    """
    return Filling(seed=choice.seed) if source in WITHOUT_FILE else Filling(Path(source))


def open_choice(choice: BaseModelChoice, source: str, *, code: NetworkCode | None) -> BaseModel:
    """Open a network from elsewhere, cut at the protocol's layer.

    Parameters
    ----------
    choice
        The protocol's section.
    source
        The weight file, ``random`` or ``included``.
    code
        The file of its code, where it is code.

    Raises
    ------
    CheckpointError, ProtocolError
        It cannot be built or filled, or has no such layer.
    """
    return open_network(
        described(choice, code), filling_of(choice, source), layer=choice.layer, readout=choice.readout, code=code
    )


def code_of(choice: BaseModelChoice, *, near: Path, sha256: str | None) -> NetworkCode | None:
    """Find the file of a network's code; None where it is no code.

    Parameters
    ----------
    choice
        The protocol's section.
    near
        Folder of the protocol; of a study that was made, its list of inputs.
    sha256
        Of the code, where the study has begun; None before that.

    Raises
    ------
    CheckpointError, ProtocolError
        It is not there, or another than it was.
    """
    if choice.factory is None:
        return None
    if sha256 is None:
        return find_code(choice.factory, beside=near)
    return kept_code(name_of_code(choice.factory), sha256=sha256, near=near)
